"""Items of Messenger and Instagram webhooks: what stands in `entry[].messaging[]`.

Shapes follow developers.facebook.com, Messenger Platform "webhook events" and Instagram Platform "webhooks".
`customer_id` is the customer in every builder; who sends is decided by the kind. Times are written in milliseconds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

Item = dict[str, Any]


def milliseconds(at: datetime) -> int:
    """Return `at` as Unix time in whole milliseconds."""
    return int(at.timestamp() * 1000)


def from_customer(page_id: str, customer_id: str, at: datetime, content: Item) -> Item:
    """Return an item that the customer caused; `content` is its part beside sender, recipient and time."""
    return {"sender": {"id": customer_id}, "recipient": {"id": page_id}, "timestamp": milliseconds(at), **content}


def from_page(page_id: str, customer_id: str, at: datetime, content: Item) -> Item:
    """Return an item that the business caused: sender and recipient change places."""
    return {"sender": {"id": page_id}, "recipient": {"id": customer_id}, "timestamp": milliseconds(at), **content}


def text(page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str) -> Item:
    """Return a customer's text message."""
    return from_customer(page_id, customer_id, at, {"message": {"mid": message_id, "text": content}})


def echo(
    page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, app_id: str | None = None
) -> Item:
    """Return the echo of what the business wrote; without `app_id` a person wrote it in the platform's own app."""
    message: Item = {"mid": message_id, "is_echo": True, "text": content}
    if app_id is not None:
        message["app_id"] = app_id
    return from_page(page_id, customer_id, at, {"message": message})


def attachment(
    page_id: str, customer_id: str, *, at: datetime, message_id: str, kind: str, payload: Item | None
) -> Item:
    """Return a message with one attachment; `payload` None for the kinds that come without."""
    part: Item = {"type": kind} if payload is None else {"type": kind, "payload": payload}
    return from_customer(page_id, customer_id, at, {"message": {"mid": message_id, "attachments": [part]}})


def reply(page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, replied_to: str) -> Item:
    """Return a text that answers the message `replied_to`."""
    message = {"mid": message_id, "text": content, "reply_to": {"mid": replied_to}}
    return from_customer(page_id, customer_id, at, {"message": message})


def story_reply(
    page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, story_id: str, story_url: str
) -> Item:
    """Return an Instagram text that answers one of the account's stories."""
    message = {"mid": message_id, "text": content, "reply_to": {"story": {"id": story_id, "url": story_url}}}
    return from_customer(page_id, customer_id, at, {"message": message})


def quick_reply(page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, payload: str) -> Item:
    """Return the text of a quick reply that was tapped."""
    message = {"mid": message_id, "text": content, "quick_reply": {"payload": payload}}
    return from_customer(page_id, customer_id, at, {"message": message})


def postback(page_id: str, customer_id: str, *, at: datetime, message_id: str, title: str, payload: str) -> Item:
    """Return a tap on a button or on "Get started"."""
    return from_customer(
        page_id, customer_id, at, {"postback": {"mid": message_id, "title": title, "payload": payload}}
    )


def edit(page_id: str, customer_id: str, *, at: datetime, message_id: str, content: str, number: int) -> Item:
    """Return the `number`-th edit (from 1) of the message."""
    return from_customer(
        page_id, customer_id, at, {"message_edit": {"mid": message_id, "text": content, "num_edit": number}}
    )


def unsend(page_id: str, customer_id: str, *, at: datetime, message_id: str) -> Item:
    """Return that the customer took the message back."""
    return from_customer(page_id, customer_id, at, {"message": {"mid": message_id, "is_deleted": True}})


def reaction(
    page_id: str, customer_id: str, *, at: datetime, message_id: str, emoji: str | None, name: str = "other"
) -> Item:
    """Return the customer's reaction to the message; `emoji` None takes it away."""
    if emoji is None:
        content: Item = {"mid": message_id, "action": "unreact"}
    else:
        content = {"mid": message_id, "action": "react", "reaction": name, "emoji": emoji}
    return from_customer(page_id, customer_id, at, {"reaction": content})


def read_up_to(page_id: str, customer_id: str, *, at: datetime, watermark: datetime) -> Item:
    """Return Messenger's read receipt: everything that was sent until `watermark`."""
    return from_customer(page_id, customer_id, at, {"read": {"watermark": milliseconds(watermark)}})


def read_message(page_id: str, customer_id: str, *, at: datetime, message_id: str) -> Item:
    """Return Instagram's read receipt: one message."""
    return from_customer(page_id, customer_id, at, {"read": {"mid": message_id}})


def delivery(
    page_id: str, customer_id: str, *, at: datetime, watermark: datetime, message_ids: Sequence[str] = ()
) -> Item:
    """Return Messenger's delivery receipt; `mids` is left out when there are none, as Meta does."""
    content: Item = {"watermark": milliseconds(watermark)}
    if message_ids:
        content["mids"] = list(message_ids)
    return from_customer(page_id, customer_id, at, {"delivery": content})
