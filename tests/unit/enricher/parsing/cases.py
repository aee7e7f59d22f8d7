"""A case: a webhook's body with one item, and what the item is parsed to."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from enricher.parsing.parse import ParsedItem
from shared.contracts import Item, MessageItem, RawItem, RecordItem, RecordKind
from tests.unit.enricher.bodies import CUSTOMER, PAGE, event, page

AT = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
"""The time of the timestamps in the bodies."""
ITEM_ID = "<the item's own id>"
_ANY_BODY = msgspec.Raw(b"null")


class Case(NamedTuple):
    """A body and its expected item. `ITEM_ID` stands for the item's own ID; stored bodies are checked separately."""

    name: str
    body: Any
    item: Item
    participant_id: str | None = CUSTOMER
    aliases: Sequence[str] = ()


def case(name: str, item: Item, *, participant_id: str | None = CUSTOMER, kind: str = "page", **changes: Any) -> Case:
    """Return a case of a messaging item. It is not a message unless `changes` contain one."""
    return Case(name, page(event(**{"message": None, **changes}), kind=kind), item, participant_id)


def key(name: str, value: Any) -> dict[str, Any]:
    """Return the argument of `case` for a kind whose name is not an identifier, or is in a variable."""
    return {name: value}


def received(**changes: Any) -> MessageItem:
    """Return a message of the customer."""
    default: dict[str, Any] = {
        "message_id": "m_1",
        "direction": "incoming",
        "sender_id": CUSTOMER,
        "content": None,
        "created_at": AT,
    }
    return MessageItem(**{**default, **changes})


def sent(**changes: Any) -> MessageItem:
    """Return a message of the business."""
    return received(**{"direction": "outgoing", "sender_id": PAGE, **changes})


def record(
    kind: RecordKind, record_id: str = ITEM_ID, actor_id: str | None = None, text: str | None = None
) -> RecordItem:
    """Return a record with any body."""
    return RecordItem(record=kind, record_id=record_id, actor_id=actor_id, text=text, body=_ANY_BODY)


def raw(label: str) -> RawItem:
    """Return a raw item with any body."""
    return RawItem(label=label, body=_ANY_BODY)


def normalized(found: ParsedItem) -> Item:
    """Return the item of `found` in the form that cases have, after checking the body that it stores."""
    item = found.item
    if isinstance(item, RecordItem | RawItem):
        assert msgspec.json.decode(bytes(item.body)) == found.split.body
        item = msgspec.structs.replace(item, body=_ANY_BODY)
    if isinstance(item, RecordItem) and item.record_id == found.id:
        item = msgspec.structs.replace(item, record_id=ITEM_ID)
    if isinstance(item, MessageItem) and item.message_id == found.id:
        item = msgspec.structs.replace(item, message_id=ITEM_ID)
    return item
