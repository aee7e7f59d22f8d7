"""What Messenger and Instagram items say about a message: edits, unsends, reactions and receipts."""

from datetime import datetime
from typing import Any

from enricher.parsing.context import ParseContext
from enricher.parsing.emoji import emoji_of
from enricher.parsing.timestamps import parse_timestamp
from enricher.parsing.values import id_of, object_of, text_or_number
from shared.contracts import EditItem, ReactionItem, ReceiptItem, UnsendItem

MAX_MESSAGE_IDS = 1000
"""Message IDs that are read from one receipt."""
MAX_REVISION = 10**6
"""Messenger allows five edits of a message."""
_MAX_REVISION_DIGITS = 7


def parse_edit(context: ParseContext) -> EditItem | None:
    """Parse a new text. Instagram also sends edits without a text; these leave the text as it is."""
    edit = object_of(context.split.body.get("message_edit"))
    message_id = id_of(edit.get("mid"))
    if message_id is None:
        return None
    return EditItem(
        message_id=message_id,
        revision=_revision(edit.get("num_edit")),
        edited_at=context.at,
        content=text_or_number(edit.get("text")),
    )


def parse_unsend(context: ParseContext) -> UnsendItem | None:
    """Parse that a message was unsent. Any content that is still in the item is ignored."""
    message_id = id_of(object_of(context.split.body.get("message")).get("mid"))
    return None if message_id is None else UnsendItem(message_id=message_id, unsent_at=context.at)


def parse_reaction(context: ParseContext) -> ReactionItem | None:
    """Parse a reaction of the customer or of the business, or its removal."""
    reaction = object_of(context.split.body.get("reaction"))
    message_id = id_of(reaction.get("mid"))
    actor_id = id_of(object_of(context.split.body.get("sender")).get("id"))
    is_removed = reaction.get("action") == "unreact"
    emoji = None if is_removed else emoji_of(reaction.get("emoji"), reaction.get("reaction"))
    if message_id is None or actor_id is None or (emoji is None and not is_removed):
        return None
    return ReactionItem(message_id=message_id, actor_id=actor_id, emoji=emoji, reacted_at=context.at)


def parse_read(context: ParseContext) -> ReceiptItem | None:
    """Parse how far the customer has read: up to a time on Messenger, up to a message on Instagram."""
    receipt = object_of(context.split.body.get("read"))
    message_id = id_of(receipt.get("mid"))
    watermark = _watermark(receipt, context)
    if message_id is None and watermark is None:
        return None
    return ReceiptItem(
        status="read",
        at=context.at,
        message_ids=() if message_id is None else (message_id,),
        watermark=watermark,
        covers_earlier=message_id is not None and context.split.platform == "instagram",
    )


def parse_delivery(context: ParseContext) -> ReceiptItem | None:
    """Parse what was delivered to the customer's device: up to a time, by message ID, or both."""
    receipt = object_of(context.split.body.get("delivery"))
    watermark = _watermark(receipt, context)
    given = receipt.get("mids")
    ids = (id_of(value) for value in (given if isinstance(given, list) else [given])[:MAX_MESSAGE_IDS])
    message_ids = tuple(dict.fromkeys(message_id for message_id in ids if message_id is not None))
    if not message_ids and watermark is None:
        return None
    return ReceiptItem(status="delivered", at=context.at, message_ids=message_ids, watermark=watermark)


def _watermark(receipt: dict[str, Any], context: ParseContext) -> datetime | None:
    """Return up to when the receipt counts. Returns None without a customer, and for receipts of the business."""
    if context.parties.participant_id is None or context.parties.direction == "outgoing":
        return None
    return parse_timestamp(receipt.get("watermark"))


def _revision(value: Any) -> int:
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) <= _MAX_REVISION_DIGITS else 0
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_REVISION
    return value if is_count else 0
