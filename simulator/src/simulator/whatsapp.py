"""`value` objects of WhatsApp Cloud API webhooks, in `entry[].changes[]` (field `messages` unless stated otherwise).

Shapes follow developers.facebook.com, WhatsApp Cloud API "webhook components". Timestamps are seconds, as strings.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.pages import Page

Value = dict[str, Any]


def seconds(at: datetime) -> str:
    """Return `at` as Unix time in whole seconds, as text."""
    return str(int(at.timestamp()))


def value(page: Page, content: Value) -> Value:
    """Return a `value` of the number `page` with `content`."""
    metadata = {"display_phone_number": page.display_phone_number, "phone_number_id": page.page_id}
    return {"messaging_product": "whatsapp", "metadata": metadata, **content}


@dataclass(frozen=True)
class Contact:
    """A customer, identified by phone number, by business-scoped user ID, or by both.

    Raises:
        ValueError: both are missing.
    """

    name: str
    phone: str | None
    user_id: str | None = None
    username: str | None = None

    def __post_init__(self) -> None:
        if self.phone is None and self.user_id is None:
            raise ValueError("a contact needs a phone number or a user ID")

    def named(self, phone_field: str, user_id_field: str) -> Value:
        """Return the known IDs under these names."""
        ids = {phone_field: self.phone, user_id_field: self.user_id}
        return {name: value for name, value in ids.items() if value is not None}

    def shown(self) -> Value:
        """Return the element of `contacts`."""
        profile = {"name": self.name} if self.username is None else {"name": self.name, "username": self.username}
        return {"profile": profile, **self.named("wa_id", "user_id")}


def message(
    page: Page,
    contact: Contact,
    *,
    at: datetime,
    message_id: str,
    kind: str,
    content: Any,
    context: Value | None = None,
    referral: Value | None = None,
) -> Value:
    """Return a message of the customer; `kind` is its type and the key of `content`.

    WhatsApp reveals a customer's name only in `contacts`, in the webhook of a message.
    """
    item = {
        **contact.named("from", "from_user_id"),
        "id": message_id,
        "timestamp": seconds(at),
        "type": kind,
        kind: content,
        **({"context": context} if context else {}),
        **({"referral": referral} if referral else {}),
    }
    return value(page, {"contacts": [contact.shown()], "messages": [item]})


def text(page: Page, contact: Contact, *, at: datetime, message_id: str, content: str) -> Value:
    """Return a customer's text message."""
    return message(page, contact, at=at, message_id=message_id, kind="text", content={"body": content})


def reaction(
    page: Page, contact: Contact, *, at: datetime, message_id: str, reacted_to: str, emoji: str | None
) -> Value:
    """Return a reaction, which is a message on WhatsApp; an empty emoji removes it."""
    content = {"message_id": reacted_to, "emoji": emoji or ""}
    return message(page, contact, at=at, message_id=message_id, kind="reaction", content=content)


def edit(page: Page, contact: Contact, *, at: datetime, message_id: str, original: str, content: str) -> Value:
    """Return the customer's edit of the message `original`."""
    return message(page, contact, at=at, message_id=message_id, kind="edit", content=_edited(original, content))


def revoke(page: Page, contact: Contact, *, at: datetime, message_id: str, original: str) -> Value:
    """Return the customer's unsend of the message `original`."""
    content = {"original_message_id": original}
    return message(page, contact, at=at, message_id=message_id, kind="revoke", content=content)


def echo(page: Page, contact: Contact, *, at: datetime, message_id: str, kind: str, content: Any) -> Value:
    """Return what the business sent in its phone app; the field is `smb_message_echoes`."""
    item = {
        "from": page.display_phone_number,
        **contact.named("to", "to_user_id"),
        "id": message_id,
        "timestamp": seconds(at),
        "type": kind,
        kind: content,
    }
    return value(page, {"message_echoes": [item]})


def echoed_edit(page: Page, contact: Contact, *, at: datetime, message_id: str, original: str, content: str) -> Value:
    """Return the business's edit of its message `original` in the phone app."""
    return echo(page, contact, at=at, message_id=message_id, kind="edit", content=_edited(original, content))


def _edited(original: str, content: str) -> Value:
    return {"original_message_id": original, "message": {"type": "text", "text": {"body": content}}}


def status(page: Page, contact: Contact, *, at: datetime, message_id: str, state: str) -> Value:
    """Return the status of the business's message: `sent`, `delivered`, `read`, `played` or `failed`."""
    item: Value = {"id": message_id, "status": state, "timestamp": seconds(at)}
    item |= contact.named("recipient_id", "recipient_user_id")
    if state == "failed":
        item["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
    return value(page, {"statuses": [item]})
