"""WhatsApp items: elements of the lists of a change's value."""

from collections.abc import Mapping

from enricher.core.reading import Reader, Reading, Sides
from enricher.core.splitting import SplitItem
from enricher.core.values import id_of, object_of, text_of
from enricher.core.whatsapp_value import customer_of
from shared.contracts import MessageItem
from shared.contracts.inbox import Direction, ReplyTo

_MESSAGE_TYPES = frozenset(
    {
        "text",
        "image",
        "video",
        "audio",
        "document",
        "sticker",
        "location",
        "contacts",
        "interactive",
        "button",
        "order",
        "reaction",
        "system",
        "edit",
        "revoke",
        "unsupported",
    }
)


def kind_of(split: SplitItem) -> str:
    """Return which kind the item is, from a closed vocabulary, e.g. `messages.text` or `statuses`."""
    if split.part not in {"messages", "message_echoes"}:
        return split.part
    given = split.body.get("type")
    return f"{split.part}.{given if isinstance(given, str) and given in _MESSAGE_TYPES else 'other'}"


def sides_of(split: SplitItem) -> Sides:
    """Return customer and direction; what the phone app sent comes as `message_echoes`."""
    direction: Direction = "outgoing" if split.part == "message_echoes" else "incoming"
    return Sides(customer_of(split.part, split.body, split.contact), direction)


def text_message(reading: Reading) -> MessageItem | None:
    """Read a message of type `text`."""
    body = reading.split.body
    text = text_of(object_of(body.get("text")).get("body"))
    if text is None or reading.sides.participant_id is None:
        return None
    answers = id_of(object_of(body.get("context")).get("id"))
    return MessageItem(
        message_id=id_of(body.get("id")) or reading.id,
        direction=reading.sides.direction,
        sender_id=reading.sender_id,
        content=text,
        created_at=reading.at,
        reply_to=ReplyTo(message_id=answers) if answers else None,
    )


READERS: Mapping[str, Reader] = {"messages.text": text_message, "message_echoes.text": text_message}
