"""Messages as the merge sees them, with what waits for those that are not there."""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from shared.contracts.inbox import Attachment, Reaction, Referral, ReplyTo
from store.core.annotations import NO_ANNOTATIONS, Annotations
from store.core.facts import ItemKey, MessageKey, description_digest
from store.core.rows import UNCOVERED, Coverage, MessageRow, PendingAnnotations
from store.repository.statements import Connection, Statement

_attachments = msgspec.json.Decoder(tuple[Attachment, ...])
_reactions = msgspec.json.Decoder(tuple[Reaction, ...])
_reply_to = msgspec.json.Decoder(ReplyTo)
_referral = msgspec.json.Decoder(Referral)
_annotations = msgspec.json.Decoder(Annotations)

COLUMNS = """
    m.user_id, m.platform, m.page_id, m.kind, m.message_id, m.id, m.seq, m.conversation_id, m.direction, m.sender_id,
    m.content, m.created_at, m.status, m.attachments::text, m.reply_to::text, m.payload, m.referral::text, m.sent_via,
    m.error, m.reactions::text, m.edited_at, m.deleted_at, m.delivered_at, m.read_at, m.digest, m.annotations::text
"""
"""What `message_row` takes, for a SELECT over `messages m`."""

# What waits is looked up in the statement that runs anyway: for nearly every new message there is none.
_NAMED = Statement(f"""
    WITH k AS (
        SELECT * FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
                             CAST(:kinds AS text[]), CAST(:message_ids AS text[]))
                      AS k(user_id, platform, page_id, kind, message_id)
    )
    SELECT {COLUMNS}, NULL::text[] FROM k JOIN messages m USING (user_id, platform, page_id, kind, message_id)
    UNION ALL
    SELECT w.user_id, w.platform, w.page_id, k.kind, w.message_id, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, w.annotations::text, w.items
    FROM k JOIN waiting_annotations w USING (user_id, platform, page_id, message_id) WHERE k.kind = 'message'
""")  # noqa: S608 - a constant of ours


async def named(
    transaction: Connection, keys: Collection[MessageKey]
) -> tuple[dict[MessageKey, MessageRow], dict[MessageKey, PendingAnnotations]]:
    """Return those of the messages that are there, and what waits for those that are not."""
    if not keys:
        return {}, {}
    users, platforms, pages, kinds, ids = (list(column) for column in zip(*keys, strict=True))
    rows = await transaction.execute(
        _NAMED, {"user_ids": users, "platforms": platforms, "page_ids": pages, "kinds": kinds, "message_ids": ids}
    )
    messages: dict[MessageKey, MessageRow] = {}
    waiting: dict[MessageKey, PendingAnnotations] = {}
    for *columns, items in rows:
        if columns[5] is not None:
            row = message_row(columns)
            messages[row.key] = row
        else:
            key = MessageKey(*columns[:5])
            waiting[key] = PendingAnnotations(_annotations.decode(columns[-1]), tuple(map(position_of, items)))
    return messages, waiting


def message_row(columns: Iterable[Any]) -> MessageRow:
    """Return the message in `columns`, the values of `COLUMNS`."""
    user, platform, page, kind, message, row_id, seq, conversation, direction, sender, content, created_at, *rest = (
        columns
    )
    status, attachments, reply_to, payload, referral, sent_via, error, reactions, *rest = rest
    edited_at, deleted_at, delivered_at, read_at, digest, annotations = rest
    row = MessageRow(
        key=MessageKey(user, platform, page, kind, message),
        id=row_id,
        seq=seq,
        conversation_id=conversation,
        direction=direction,
        sender_id=sender,
        content=content,
        created_at=created_at,
        digest=digest or b"",
        status=status,
        attachments=() if attachments == "[]" else _attachments.decode(attachments),
        reply_to=None if reply_to is None else _reply_to.decode(reply_to),
        payload=payload,
        referral=None if referral is None else _referral.decode(referral),
        sent_via=sent_via,
        error=error,
        reactions=() if reactions == "[]" else _reactions.decode(reactions),
        edited_at=edited_at,
        deleted_at=deleted_at,
        delivered_at=delivered_at,
        read_at=read_at,
        annotations=NO_ANNOTATIONS if annotations is None else _annotations.decode(annotations),
        coverage=UNCOVERED if delivered_at is None else Coverage(delivered_at, read_at),
    )
    return row if digest is not None else _with_digest(row)


def _with_digest(row: MessageRow) -> MessageRow:
    """Return a row that was written before digests were kept: nothing had changed what its description said."""
    digest = description_digest(
        row.sender_id,
        row.content,
        row.attachments,
        row.reply_to,
        row.payload,
        row.referral,
        row.sent_via,
        row.error,
    )
    return msgspec.structs.replace(row, digest=digest)


def position_of(item: str) -> ItemKey:
    """Return the position that `item_of` wrote."""
    webhook_id, _, index = item.rpartition(":")
    return ItemKey(webhook_id, int(index))


def item_of(position: ItemKey) -> str:
    """Return how `waiting_annotations.items` names an item."""
    return f"{position.webhook_id}:{position.item_index}"
