"""Webhook bodies: envelopes around items, batches, and message IDs in the platforms' formats."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from shared.contracts import Platform
from simulator import items, whatsapp
from simulator.items import Item, milliseconds
from simulator.pages import Page
from simulator.whatsapp import Contact, Value, seconds

Body = dict[str, Any]
_OBJECTS: dict[Platform, str] = {
    "facebook": "page",
    "instagram": "instagram",
    "whatsapp": "whatsapp_business_account",
}


PHONE_APP = "smb_message_echoes"
"""The field of WhatsApp changes that report what the business did in its phone app."""


@dataclass(frozen=True)
class Webhook:
    """A body, and the platform that selects the URL to post it to."""

    platform: Platform
    body: Body


def message_id(platform: Platform, *parts: str) -> str:
    """Return a message ID in the format of `platform`; equal `parts` give equal IDs."""
    digest = blake2b("\0".join(parts).encode(), digest_size=64).digest()
    if platform == "whatsapp":
        return "wamid." + base64.b64encode(digest[:36]).decode()
    text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return f"m_{text}" if platform == "facebook" else f"aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOjE3{text}"


def messaging(page: Page, *content: Item, at: datetime) -> Webhook:
    """Return a Messenger or Instagram webhook with all items in one entry."""
    entry = {"id": page.entry_id, "time": milliseconds(at), "messaging": list(content)}
    return Webhook(page.platform, {"object": _OBJECTS[page.platform], "entry": [entry]})


def changes(page: Page, *content: Value, at: datetime, field: str = "messages") -> Webhook:
    """Return a webhook with one change per value: WhatsApp uses changes for everything, the others for comments."""
    entry = {
        "id": page.entry_id,
        "time": int(seconds(at)),
        "changes": [{"field": field, "value": each} for each in content],
    }
    return Webhook(page.platform, {"object": _OBJECTS[page.platform], "entry": [entry]})


def text_message(page: Page, customer_id: str, name: str, *, at: datetime, message_id: str, content: str) -> Webhook:
    """Return a customer's text message on the page's platform. Only WhatsApp's webhooks contain the `name`."""
    if page.platform == "whatsapp":
        contact = Contact(name, customer_id)
        value = whatsapp.text(page, contact, at=at, message_id=message_id, content=content)
        return changes(page, value, at=at)
    item = items.text(page.page_id, customer_id, at=at, message_id=message_id, content=content)
    return messaging(page, item, at=at)


def echo(page: Page, customer_id: str, *, at: datetime, message_id: str, content: str) -> Webhook:
    """Return the echo of a text that somebody wrote in the platform's own app."""
    if page.platform == "whatsapp":
        contact = Contact("", customer_id)
        value = whatsapp.echo(page, contact, at=at, message_id=message_id, kind="text", content={"body": content})
        return changes(page, value, at=at, field=PHONE_APP)
    item = items.echo(page.page_id, customer_id, at=at, message_id=message_id, content=content)
    return messaging(page, item, at=at)


def merged(webhooks: Sequence[Webhook]) -> Webhook:
    """Return one webhook with all items of `webhooks`, which must belong to one platform.

    Adjacent entries of the same page are merged into one entry.

    Raises:
        ValueError: there are no webhooks, or they belong to several platforms.
    """
    if len({webhook.platform for webhook in webhooks}) != 1:
        raise ValueError("a batch contains webhooks of exactly one platform")
    entries: list[Body] = []
    for entry in (entry for webhook in webhooks for entry in webhook.body["entry"]):
        kind = "messaging" if "messaging" in entry else "changes"
        if entries and entries[-1]["id"] == entry["id"] and kind in entries[-1]:
            entries[-1] = {**entries[-1], "time": entry["time"], kind: [*entries[-1][kind], *entry[kind]]}
        else:
            entries.append(entry)
    return Webhook(webhooks[0].platform, {**webhooks[0].body, "entry": entries})
