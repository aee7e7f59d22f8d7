"""What a WhatsApp message says: `{"type": "<type>", "<type>": {…}}`, one function a type."""

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any

import msgspec

from enricher.parsing.attachments import UNSUPPORTED, coordinates_of, expiry_of
from enricher.parsing.values import (
    details_of,
    first_text,
    id_of,
    items_of,
    object_of,
    said,
    slashes_of,
    text_of,
    url_of,
    word_of,
)
from shared.contracts.inbox import Attachment

MAX_SIZE_BYTES = 2**53
_MEDIA_DETAILS = ("sha256", "voice", "animated")


class Content(msgspec.Struct, frozen=True):
    """What there is to see of a message."""

    text: str | None = None
    attachments: tuple[Attachment, ...] = ()
    payload: str | None = None


def _text(body: dict[str, Any]) -> Content:
    return Content(said(object_of(body.get("text")).get("body")))


def _media(body: dict[str, Any], *, kind: str) -> Content:
    """Media come by id; an address, where there is one, works for minutes."""
    media = object_of(body.get(kind))
    url, size, mime_type = url_of(media.get("url")), media.get("file_size"), first_text(media, "mime_type")
    attachment = Attachment(
        type=kind,
        url=url,
        title=first_text(media, "filename"),
        mime_type=slashes_of(mime_type) if mime_type else None,
        size=size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < MAX_SIZE_BYTES else None,
        expires_at=expiry_of(url),
        media_id=id_of(media.get("id")),
        details=details_of({name: media[name] for name in _MEDIA_DETAILS if media.get(name)}),
    )
    return Content(text_of(media.get("caption")), (attachment,))


def _location(body: dict[str, Any]) -> Content:
    place = object_of(body.get("location"))
    address = text_of(place.get("address"))
    attachment = Attachment(
        type="location",
        url=url_of(place.get("url")),
        title=first_text(place, "name"),
        coordinates=coordinates_of(place.get("latitude"), place.get("longitude")),
        details=details_of({"address": address}) if address else None,
    )
    return Content(None, (attachment,))


def _contacts(body: dict[str, Any]) -> Content:
    cards = items_of(body.get("contacts"))
    title = next((name for name in (_name_of(card) for card in cards if isinstance(card, dict)) if name), None)
    return Content(None, (Attachment(type="contacts", title=title, details=details_of({"contacts": cards})),))


def _name_of(card: dict[str, Any]) -> str | None:
    """Return the name on a contact card, else its first number."""
    numbers = (first_text(phone, "phone") for phone in items_of(card.get("phones")) if isinstance(phone, dict))
    name = first_text(object_of(card.get("name")), "formatted_name", "first_name", "last_name")
    return name or next((number for number in numbers if number), None)


def _interactive(body: dict[str, Any]) -> Content:
    """Read a chosen button or list row, or a form that was filled in; keep any other answer as it is."""
    given = object_of(body.get("interactive"))
    for name in ("button_reply", "list_reply"):
        reply = object_of(given.get(name))
        if reply:
            return Content(first_text(reply, "title"), payload=said(reply.get("id")))
    form = object_of(given.get("nfm_reply"))
    if form:
        return Content(first_text(form, "body", "name"), payload=said(form.get("response_json")))
    shown = first_text(object_of(given.get("body")), "text")
    return Content(shown, (Attachment(type="interactive", details=details_of(given)),))


def _button(body: dict[str, Any]) -> Content:
    button = object_of(body.get("button"))
    return Content(first_text(button, "text"), payload=said(button.get("payload")))


def _order(body: dict[str, Any]) -> Content:
    order = object_of(body.get("order"))
    return Content(first_text(order, "text"), (Attachment(type="order", details=details_of(order)),))


def _unsupported(body: dict[str, Any]) -> Content:
    """Keep a placeholder, and of which type the message is where the platform tells."""
    told = details_of(object_of(body.get("unsupported")))
    return Content(None, (msgspec.structs.replace(UNSUPPORTED, details=told),))


def _other(body: dict[str, Any]) -> Content:
    """Keep a placeholder of a type that is known to nobody here, with what it carries."""
    kind = word_of(body.get("type"))
    if kind is None or kind == "unknown":
        return _unsupported(body)
    return Content(None, (Attachment(type=kind, details=details_of(object_of(body.get(kind)))),))


CONTENTS: Mapping[str, Callable[[dict[str, Any]], Content]] = {
    "text": _text,
    **{kind: partial(_media, kind=kind) for kind in ("image", "video", "audio", "document", "sticker")},
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
    "unsupported": _unsupported,
    "other": _other,
}


def type_of(body: dict[str, Any], known: Container[str]) -> str:
    """Return the message's type if it is `known`, else `other`; without a type the object that says it tells."""
    given = text_of(body.get("type")) or next((name for name in body if name in known), None)
    return given if given is not None and given in known else "other"
