"""What a message looks like, from how it was described, what was said about it and which receipts cover it."""

from msgspec.structs import replace

from shared.contracts.inbox import MessageStatus, Reaction, ReplyTo
from store.core.annotations import Annotations, earliest
from store.core.rows import MessageRow


def shown(row: MessageRow) -> MessageRow:
    """Return `row` with everything that a user sees derived from the rest of it.

    May be applied to what it returned before: an edited text, and the emptiness of an unsent message, stand for the
    description that is no longer needed. Nothing of what an unsent message said is left in the row.
    """
    return _unsent(_received(_edited(row)))


def looks_alike(one: MessageRow, other: MessageRow) -> bool:
    """Whether a person sees no difference between two states of a message."""
    return one == replace(
        other,
        seq=one.seq,
        digest=one.digest,
        annotations=one.annotations,
        coverage=one.coverage,
    )


def _edited(row: MessageRow) -> MessageRow:
    said = row.annotations
    return replace(
        row,
        content=row.content if said.edit is None else said.edit.content,
        edited_at=said.edited_at,
        reactions=_reactions(said),
    )


def _received(row: MessageRow) -> MessageRow:
    """Receipts count for what the business wrote. A failure takes the place of what the description says is wrong."""
    if row.direction == "incoming":
        return row
    said = row.annotations
    read_at = earliest(said.read_at, said.played_at, row.coverage.read_at)
    delivered_at = earliest(said.delivered_at, row.coverage.delivered_at, read_at)
    status: MessageStatus = "sent"
    if said.played_at is not None:
        status = "played"
    elif read_at is not None:
        status = "read"
    elif delivered_at is not None:
        status = "delivered"
    elif said.failed_at is not None:
        status = "failed"
    error = row.error
    if said.failed_at is not None:
        error = said.error if status == "failed" else None
    return replace(row, status=status, delivered_at=delivered_at, read_at=read_at, error=error)


def _unsent(row: MessageRow) -> MessageRow:
    if row.annotations.deleted_at is None:
        return row
    return replace(
        row,
        deleted_at=row.annotations.deleted_at,
        content=None,
        attachments=(),
        reply_to=_without_story(row.reply_to),
        payload=None,
        referral=None,
        error=None,
    )


def _without_story(reply_to: ReplyTo | None) -> ReplyTo | None:
    if reply_to is None or reply_to.message_id is None:
        return None
    return ReplyTo(message_id=reply_to.message_id)


def _reactions(said: Annotations) -> tuple[Reaction, ...]:
    standing = [
        Reaction(actor_id=actor, emoji=reacted.emoji, at=reacted.at)
        for actor, reacted in said.reactions.items()
        if reacted.emoji is not None
    ]
    return tuple(sorted(standing, key=lambda reaction: (reaction.at, reaction.actor_id)))
