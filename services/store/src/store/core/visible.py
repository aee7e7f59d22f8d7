"""What users see of a message: its description with all annotations and covering receipts applied."""

from msgspec.structs import replace

from shared.contracts.inbox import MessageStatus, Reaction, ReplyTo
from store.core.annotations import Annotations, earliest
from store.core.facts import without_content
from store.core.rows import MessageRow


def visible(row: MessageRow) -> MessageRow:
    """Return `row` with everything that users see derived from its description, annotations and coverage.

    It may be applied to its own result: an edited text, or the emptiness of an unsent message, replaces a description
    that is no longer needed. No content of an unsent message is left in the row.
    """
    return _with_unsend(_with_receipts(_with_edits(row)))


def looks_same(one: MessageRow, other: MessageRow) -> bool:
    """Return whether users see no difference between two versions of a message."""
    return one == replace(
        other,
        seq=one.seq,
        digest=one.digest,
        annotations=one.annotations,
        coverage=one.coverage,
    )


def _with_edits(row: MessageRow) -> MessageRow:
    annotations = row.annotations
    return replace(
        row,
        content=row.content if annotations.edit is None else annotations.edit.content,
        edited_at=annotations.edited_at,
        reactions=_reactions(annotations),
    )


def _with_receipts(row: MessageRow) -> MessageRow:
    """Apply receipts, to outgoing messages only. A failure's reason replaces the error of the description."""
    if row.direction == "incoming":
        return row
    annotations = row.annotations
    read_at = earliest(annotations.read_at, annotations.played_at, row.coverage.read_at)
    delivered_at = earliest(annotations.delivered_at, row.coverage.delivered_at, read_at)
    status: MessageStatus = "sent"
    if annotations.played_at is not None:
        status = "played"
    elif read_at is not None:
        status = "read"
    elif delivered_at is not None:
        status = "delivered"
    elif annotations.failed_at is not None:
        status = "failed"
    error = row.error
    if annotations.failed_at is not None:
        error = annotations.error if status == "failed" else None
    return replace(row, status=status, delivered_at=delivered_at, read_at=read_at, error=error)


def _with_unsend(row: MessageRow) -> MessageRow:
    if row.annotations.deleted_at is None:
        return row
    return replace(
        row,
        deleted_at=row.annotations.deleted_at,
        digest=without_content(row.digest),
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


def _reactions(annotations: Annotations) -> tuple[Reaction, ...]:
    standing = [
        Reaction(actor_id=actor, emoji=latest.emoji, at=latest.at)
        for actor, latest in annotations.reactions.items()
        if latest.emoji is not None
    ]
    return tuple(sorted(standing, key=lambda reaction: (reaction.at, reaction.actor_id)))
