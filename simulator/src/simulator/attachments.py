"""Messages with attachments, on each platform. Pure."""

from datetime import datetime
from random import Random
from typing import Any

from simulator import items, whatsapp
from simulator.bodies import PHONE_APP, Webhook
from simulator.media import MIME_TYPES, MediaKind, media_id
from simulator.threads import Thread

_LIKE_STICKER = 369239263222822
"""Messenger's thumbs-up."""
_FACEBOOK = ("image", "image", "image", "video", "audio", "file", "sticker", "location", "fallback", "reel")
_INSTAGRAM = (
    "image", "image", "image", "video", "audio", "share", "ig_post", "ig_reel", "story_mention", "story_mention",
    "like_heart", "ephemeral", "unsupported_type",
)  # fmt: skip
_WHATSAPP = ("image", "image", "image", "video", "audio", "document", "sticker", "location", "contacts", "unsupported")
_WITHOUT_PAYLOAD = frozenset({"like_heart", "ephemeral"})
_EXTRA_FIELDS: dict[str, items.Item] = {
    "location": {"title": "Here I am", "url": "https://maps.example/here"},
    "fallback": {"title": "Opening hours of the museum", "url": "https://museum.example/hours"},
}


def customer_attachment(rng: Random, thread: Thread, at: datetime, message_id: str, media_url: str) -> Webhook:
    """Return a customer's message with a random attachment of the platform; pictures lie under `media_url`."""
    if thread.customer.platform == "whatsapp":
        kind = rng.choice(_WHATSAPP)
        content = _whatsapp_content(rng, thread, kind)
        value = whatsapp.message(thread.page, thread.contact, at=at, message_id=message_id, kind=kind, content=content)
        if kind == "unsupported":
            value["messages"][0]["errors"] = [{"code": 131051, "title": "Message type is not currently supported."}]
        return thread.change(value, at)
    kind = rng.choice(_FACEBOOK if thread.customer.platform == "facebook" else _INSTAGRAM)
    payload, extra = _payload(rng, kind, media_url)
    item = items.attachment(*thread.ids, at=at, message_id=message_id, kind=kind, payload=payload, extra=extra)
    return thread.webhook(item, at)


def page_attachment(rng: Random, thread: Thread, at: datetime, message_id: str, media_url: str) -> Webhook:
    """Return the echo of a picture, or of a template with buttons, that the page sent."""
    if thread.customer.platform == "whatsapp":
        content = _whatsapp_content(rng, thread, "image")
        value = whatsapp.echo(thread.page, thread.contact, at=at, message_id=message_id, kind="image", content=content)
        return thread.change(value, at, field_name=PHONE_APP)
    kind = rng.choice(("image", "template"))
    payload, _ = _payload(rng, kind, media_url)
    item = items.attachment(*thread.ids, at=at, message_id=message_id, kind=kind, payload=payload, by_page=True)
    return thread.webhook(item, at)


def _payload(rng: Random, kind: str, media_url: str) -> tuple[items.Item | None, items.Item]:
    """Return an attachment's payload, if it has one, and its fields besides type and payload."""
    url, post_id = f"{media_url}/media/{rng.randrange(1_000_000)}.svg", str(rng.randrange(10**16, 10**17))
    if kind in _WITHOUT_PAYLOAD:
        return None, {}
    payloads: dict[str, items.Item | None] = {
        "location": {"coordinates": {"lat": rng.randint(-60, 60) + 0.25, "long": rng.randint(-180, 180) + 0.5}},
        "fallback": None,
        "file": {"title": "menu.pdf", "url": url},
        "sticker": {"url": url, "sticker_id": _LIKE_STICKER},
        "template": _template(url),
        "ig_post": {"ig_post_media_id": post_id, "title": "Sunday in the garden", "url": url},
        "ig_reel": {"reel_video_id": post_id, "title": "Sunday in the garden", "url": url},
        "reel": {"reel_video_id": post_id, "title": "Sunday in the garden", "url": url},
    }
    return payloads.get(kind, {"url": url}), _EXTRA_FIELDS.get(kind, {})


def _template(picture_url: str) -> items.Item:
    buttons = [{"type": "postback", "title": "Talk to a person", "payload": "TALK_TO_A_PERSON"}]
    element = {"title": "Oat flat white", "subtitle": "€4.20", "image_url": picture_url, "buttons": buttons}
    return {"template_type": "generic", "elements": [element]}


def _whatsapp_content(rng: Random, thread: Thread, kind: str) -> Any:
    if kind == "location":
        place = {"latitude": round(rng.uniform(-60, 60), 6), "longitude": round(rng.uniform(-180, 180), 6)}
        return {**place, "name": "The old harbour", "address": "Quay 7"}
    if kind == "contacts":
        name = {"formatted_name": thread.customer.name, "first_name": thread.customer.first_name}
        return [{"name": name, "phones": [{"phone": "+1 555 010 0199", "type": "CELL", "wa_id": "15550100199"}]}]
    if kind == "unsupported":
        return {"type": "poll"}
    media_kind: MediaKind = kind  # type: ignore[assignment]  # all other kinds have returned above
    media: dict[str, Any] = {"id": media_id(rng, media_kind), "mime_type": MIME_TYPES[media_kind]}
    if kind == "audio":
        media["voice"] = True
    if kind == "document":
        media["filename"] = "order.pdf"
    if kind in ("image", "video", "document") and rng.getrandbits(1):
        media["caption"] = rng.choice(thread.customer.language.conversations)[0][1]
    return media
