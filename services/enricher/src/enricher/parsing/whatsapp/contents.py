"""The content of a WhatsApp message: `{"type": "<type>", "<type>": {…}}`, one parser per type."""

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any

import msgspec

from enricher.parsing.attachments import UNSUPPORTED, coordinates_of, expiry_of
from enricher.parsing.values import (
    details_of,
    elements_of,
    first_text,
    id_of,
    keyword_of,
    object_of,
    text_of,
    text_or_number,
    unescape_slashes,
    url_of,
)
from shared.contracts.inbox import Attachment

MAX_SIZE_BYTES = 2**53
_MEDIA_DETAILS = ("sha256", "voice", "animated")


class MessageContent(msgspec.Struct, frozen=True):
    """The visible part of a message, and the payload of a pressed button."""

    text: str | None = None
    attachments: tuple[Attachment, ...] = ()
    payload: str | None = None


def _parse_text(body: dict[str, Any]) -> MessageContent:
    return MessageContent(text_or_number(object_of(body.get("text")).get("body")))


def _parse_media(body: dict[str, Any], *, kind: str) -> MessageContent:
    """Parse a media file. It has an ID; a URL, if there is one, is valid for minutes."""
    media = object_of(body.get(kind))
    url, size, mime_type = url_of(media.get("url")), media.get("file_size"), first_text(media, "mime_type")
    attachment = Attachment(
        type=kind,
        url=url,
        title=first_text(media, "filename"),
        mime_type=unescape_slashes(mime_type) if mime_type else None,
        size=size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < MAX_SIZE_BYTES else None,
        expires_at=expiry_of(url),
        media_id=id_of(media.get("id")),
        details=details_of({name: media[name] for name in _MEDIA_DETAILS if media.get(name)}),
    )
    return MessageContent(text_of(media.get("caption")), (attachment,))


def _parse_location(body: dict[str, Any]) -> MessageContent:
    location = object_of(body.get("location"))
    address = text_of(location.get("address"))
    attachment = Attachment(
        type="location",
        url=url_of(location.get("url")),
        title=first_text(location, "name"),
        coordinates=coordinates_of(location.get("latitude"), location.get("longitude")),
        details=details_of({"address": address}) if address else None,
    )
    return MessageContent(None, (attachment,))


def _parse_contacts(body: dict[str, Any]) -> MessageContent:
    cards = elements_of(body.get("contacts"))
    title = next((name for name in (_name_of(card) for card in cards if isinstance(card, dict)) if name), None)
    return MessageContent(None, (Attachment(type="contacts", title=title, details=details_of({"contacts": cards})),))


def _name_of(card: dict[str, Any]) -> str | None:
    """Return the name on a contact card, else its first phone number."""
    numbers = (first_text(phone, "phone") for phone in elements_of(card.get("phones")) if isinstance(phone, dict))
    name = first_text(object_of(card.get("name")), "formatted_name", "first_name", "last_name")
    return name or next((number for number in numbers if number), None)


def _parse_interactive(body: dict[str, Any]) -> MessageContent:
    """Parse a chosen button or list row, or a submitted form. Any other reply is kept unchanged."""
    given = object_of(body.get("interactive"))
    for name in ("button_reply", "list_reply"):
        reply = object_of(given.get(name))
        if reply:
            return MessageContent(first_text(reply, "title"), payload=text_or_number(reply.get("id")))
    form = object_of(given.get("nfm_reply"))
    if form:
        return MessageContent(first_text(form, "body", "name"), payload=text_or_number(form.get("response_json")))
    shown = first_text(object_of(given.get("body")), "text")
    return MessageContent(shown, (Attachment(type="interactive", details=details_of(given)),))


def _parse_button(body: dict[str, Any]) -> MessageContent:
    button = object_of(body.get("button"))
    return MessageContent(first_text(button, "text"), payload=text_or_number(button.get("payload")))


def _parse_order(body: dict[str, Any]) -> MessageContent:
    order = object_of(body.get("order"))
    return MessageContent(first_text(order, "text"), (Attachment(type="order", details=details_of(order)),))


def _parse_unsupported(body: dict[str, Any]) -> MessageContent:
    """Return a placeholder, with the type of the message if the platform names it."""
    details = details_of(object_of(body.get("unsupported")))
    return MessageContent(None, (msgspec.structs.replace(UNSUPPORTED, details=details),))


def _parse_other(body: dict[str, Any]) -> MessageContent:
    """Return a placeholder of an unknown type, with its content as details."""
    kind = keyword_of(body.get("type"))
    if kind is None or kind == "unknown":
        return _parse_unsupported(body)
    return MessageContent(None, (Attachment(type=kind, details=details_of(object_of(body.get(kind)))),))


CONTENT_PARSERS: Mapping[str, Callable[[dict[str, Any]], MessageContent]] = {
    "text": _parse_text,
    **{kind: partial(_parse_media, kind=kind) for kind in ("image", "video", "audio", "document", "sticker")},
    "location": _parse_location,
    "contacts": _parse_contacts,
    "interactive": _parse_interactive,
    "button": _parse_button,
    "order": _parse_order,
    "unsupported": _parse_unsupported,
    "other": _parse_other,
}


def message_type(body: dict[str, Any], known: Container[str]) -> str:
    """Return the message's type if it is in `known`, else `other`.

    If `type` is missing, the first object with the name of a known type counts.
    """
    given = text_of(body.get("type")) or next((name for name in body if name in known), None)
    return given if given is not None and given in known else "other"
