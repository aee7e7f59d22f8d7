"""`value` objects of WhatsApp Cloud webhooks: what stands in `entry[].changes[]` (field `messages` unless said).

Shapes follow developers.facebook.com, WhatsApp Cloud API "webhook components". Times are strings of seconds there.
"""

from datetime import datetime
from typing import Any

from simulator.pages import Page

Value = dict[str, Any]


def seconds(at: datetime) -> str:
    """Return `at` as Unix time in whole seconds, as text."""
    return str(int(at.timestamp()))


def value(page: Page, content: Value) -> Value:
    """Return a `value` of the number `page` that holds `content`."""
    metadata = {"display_phone_number": page.display_phone_number, "phone_number_id": page.page_id}
    return {"messaging_product": "whatsapp", "metadata": metadata, **content}


def message(page: Page, phone: str, name: str, *, at: datetime, message_id: str, kind: str, content: Value) -> Value:
    """Return one message of the customer with number `phone`; `kind` is its type and `content` stands under that name.

    The only place where WhatsApp says a customer's name is `contacts`, in the message's own webhook.
    """
    item = {"from": phone, "id": message_id, "timestamp": seconds(at), "type": kind, kind: content}
    return value(page, {"contacts": [{"profile": {"name": name}, "wa_id": phone}], "messages": [item]})


def text(page: Page, phone: str, name: str, *, at: datetime, message_id: str, content: str) -> Value:
    """Return a customer's text message."""
    return message(page, phone, name, at=at, message_id=message_id, kind="text", content={"body": content})


def image(page: Page, phone: str, name: str, *, at: datetime, message_id: str, media_id: str, caption: str) -> Value:
    """Return a picture; it is had from the Graph API by `media_id`, with a token."""
    content = {"id": media_id, "mime_type": "image/jpeg", "caption": caption}
    return message(page, phone, name, at=at, message_id=message_id, kind="image", content=content)


def reaction(
    page: Page, phone: str, name: str, *, at: datetime, message_id: str, reacted_to: str, emoji: str | None
) -> Value:
    """Return a reaction, which is a message of its own here; an empty emoji takes it away."""
    content = {"message_id": reacted_to, "emoji": emoji or ""}
    return message(page, phone, name, at=at, message_id=message_id, kind="reaction", content=content)


def echo(page: Page, phone: str, *, at: datetime, message_id: str, content: str) -> Value:
    """Return what the business wrote in its phone app; stands under the field `smb_message_echoes`."""
    item = {
        "from": page.display_phone_number,
        "to": phone,
        "id": message_id,
        "timestamp": seconds(at),
        "type": "text",
        "text": {"body": content},
    }
    return value(page, {"message_echoes": [item]})


def status(page: Page, phone: str, *, at: datetime, message_id: str, state: str) -> Value:
    """Return how far a message of the business has come: `sent`, `delivered`, `read`, `played` or `failed`."""
    item: Value = {"id": message_id, "status": state, "timestamp": seconds(at), "recipient_id": phone}
    if state == "failed":
        item["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
    return value(page, {"statuses": [item]})
