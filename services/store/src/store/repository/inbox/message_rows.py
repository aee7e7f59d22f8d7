"""Messages as the merge sees them, with the pending annotations of those that have not arrived."""

from collections.abc import Collection

import msgspec

from store.core.annotations import Annotations
from store.core.facts import ItemKey, MessageKey
from store.core.rows import MessageRow, PendingAnnotations
from store.repository.inbox.message_columns import MESSAGE_ROW, message_row
from store.repository.postgres.statements import Connection, Statement

_annotations = msgspec.json.Decoder(Annotations)

_OF_WAITING = {
    "user_id": "w.user_id",
    "platform": "w.platform",
    "page_id": "w.page_id",
    "kind": "k.kind",
    "message_id": "w.message_id",
    "annotations": "w.annotations::text",
}
# Pending annotations are looked up in the statement that runs anyway: nearly every new message has none.
_FIND = Statement(f"""
    WITH k AS (
        SELECT * FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
                             CAST(:kinds AS text[]), CAST(:message_ids AS text[]))
                      AS k(user_id, platform, page_id, kind, message_id)
    )
    SELECT {MESSAGE_ROW.selected("m")}, NULL::text[] AS items, NULL::text AS participant_id
    FROM k JOIN messages m USING (user_id, platform, page_id, kind, message_id)
    UNION ALL
    SELECT {", ".join(_OF_WAITING.get(name, "NULL") for name in MESSAGE_ROW.names)}, w.items, w.participant_id
    FROM k JOIN waiting_annotations w USING (user_id, platform, page_id, message_id) WHERE k.kind = 'message'
""")  # noqa: S608 - a constant of ours


async def find(
    transaction: Connection, keys: Collection[MessageKey]
) -> tuple[dict[MessageKey, MessageRow], dict[MessageKey, PendingAnnotations]]:
    """Return the messages that exist, and the pending annotations of those that do not."""
    if not keys:
        return {}, {}
    users, platforms, pages, kinds, ids = (list(column) for column in zip(*keys, strict=True))
    rows = await transaction.execute(
        _FIND, {"user_ids": users, "platforms": platforms, "page_ids": pages, "kinds": kinds, "message_ids": ids}
    )
    messages: dict[MessageKey, MessageRow] = {}
    waiting: dict[MessageKey, PendingAnnotations] = {}
    for row in rows:
        if row["id"] is not None:
            message = message_row(row)
            messages[message.key] = message
        else:
            key = MessageKey(*[row[name] for name in MessageKey._fields])
            waiting[key] = PendingAnnotations(
                _annotations.decode(row["annotations"]), tuple(map(parse_item, row["items"])), row["participant_id"]
            )
    return messages, waiting


def parse_item(item: str) -> ItemKey:
    """Parse what `format_item` wrote."""
    webhook_id, _, index = item.rpartition(":")
    return ItemKey(webhook_id, int(index))


def format_item(item: ItemKey) -> str:
    """Return the item as `waiting_annotations.items` stores it."""
    return f"{item.webhook_id}:{item.item_index}"
