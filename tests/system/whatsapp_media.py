"""Webhooks of WhatsApp messages with media."""

from datetime import UTC, datetime
from typing import Any

from simulator import pages, whatsapp
from simulator.media import MIME_TYPES, MediaKind

NUMBER = pages.Page("whatsapp", "106540352242922", "Blue Things")
ADA = whatsapp.Contact("Ada Lovelace", "16505551234")


def media_webhook(kind: MediaKind, medium: str, **more: Any) -> dict[str, Any]:
    """Return the webhook of a message from Ada with this media ID."""
    content = {"id": medium, "mime_type": MIME_TYPES[kind], **more}
    value = whatsapp.message(
        NUMBER, ADA, at=datetime.now(UTC), message_id=f"wamid.{medium}", kind=kind, content=content
    )
    entry = {"id": NUMBER.entry_id, "changes": [{"field": "messages", "value": value}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}
