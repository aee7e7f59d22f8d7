"""What Messenger and Instagram say about messages: edits, unsends, reactions, receipts."""

from typing import Any

from enricher.parsing import timestamps
from enricher.parsing.context import Reading
from enricher.parsing.emoji import emoji_of
from enricher.parsing.values import id_of, object_of, said
from shared.contracts import EditItem, ReactionItem, ReceiptItem, UnsendItem

MAX_MESSAGE_IDS = 1000
"""In one receipt."""
MAX_REVISION = 10**6
"""Messenger allows five edits; no platform thousands."""
_MAX_REVISION_DIGITS = 7


def edit(reading: Reading) -> EditItem | None:
    """Read a new text. Instagram sends the kind without a text too: that blanks nothing."""
    given = object_of(reading.split.body.get("message_edit"))
    mid = id_of(given.get("mid"))
    if mid is None:
        return None
    return EditItem(
        message_id=mid,
        revision=_revision(given.get("num_edit")),
        edited_at=reading.at,
        content=said(given.get("text")),
    )


def unsend(reading: Reading) -> UnsendItem | None:
    """Read that a message was taken back. What the item still says of it is read by nobody."""
    mid = id_of(object_of(reading.split.body.get("message")).get("mid"))
    return None if mid is None else UnsendItem(message_id=mid, unsent_at=reading.at)


def reaction(reading: Reading) -> ReactionItem | None:
    """Read a reaction of the customer or of the business."""
    given = object_of(reading.split.body.get("reaction"))
    mid = id_of(given.get("mid"))
    actor = id_of(object_of(reading.split.body.get("sender")).get("id"))
    is_taken_back = given.get("action") == "unreact"
    emoji = None if is_taken_back else emoji_of(given.get("emoji"), given.get("reaction"))
    if mid is None or actor is None or (emoji is None and not is_taken_back):
        return None
    return ReactionItem(message_id=mid, actor_id=actor, emoji=emoji, reacted_at=reading.at)


def read(reading: Reading) -> ReceiptItem | None:
    """Read how far the customer has read: up to a time on Messenger, up to a message on Instagram."""
    given = object_of(reading.split.body.get("read"))
    mid = id_of(given.get("mid"))
    watermark = _watermark(given, reading)
    if mid is None and watermark is None:
        return None
    return ReceiptItem(
        status="read",
        at=reading.at,
        message_ids=() if mid is None else (mid,),
        watermark=watermark,
        covers_earlier=mid is not None and reading.split.platform == "instagram",
    )


def delivery(reading: Reading) -> ReceiptItem | None:
    """Read what has reached the customer's device: up to a time, by name, or both."""
    given = object_of(reading.split.body.get("delivery"))
    watermark = _watermark(given, reading)
    mids = given.get("mids")
    named = (id_of(mid) for mid in (mids if isinstance(mids, list) else [mids])[:MAX_MESSAGE_IDS])
    found = tuple(dict.fromkeys(mid for mid in named if mid is not None))
    if not found and watermark is None:
        return None
    return ReceiptItem(status="delivered", at=reading.at, message_ids=found, watermark=watermark)


def _watermark(given: dict[str, Any], reading: Reading) -> Any:
    """Return up to when; None where nobody can be said to have received or read it, or only the business has."""
    if reading.sides.participant_id is None or reading.sides.direction == "outgoing":
        return None
    return timestamps.from_platform(given.get("watermark"))


def _revision(value: Any) -> int:
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= _MAX_REVISION_DIGITS else 0
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_REVISION
    return value if is_count else 0
