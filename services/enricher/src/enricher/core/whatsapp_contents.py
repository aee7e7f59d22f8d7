"""What a WhatsApp message says: `{"type": "<type>", "<type>": {…}}`, one function a type."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from enricher.core.attachments import UNSUPPORTED, coordinates_of, expiry_of
from enricher.core.values import details_of, first_text, id_of, items_of, object_of, said, text_of, url_of
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
    url, size = url_of(media.get("url")), media.get("file_size")
    attachment = Attachment(
        type=kind,
        url=url,
        title=first_text(media, "filename"),
        mime_type=first_text(media, "mime_type"),
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
    names = (object_of(card.get("name")) for card in cards if isinstance(card, dict))
    title = next(
        (name for name in (first_text(known, "formatted_name", "first_name") for known in names) if name), None
    )
    return Content(None, (Attachment(type="contacts", title=title, details=details_of({"contacts": cards})),))


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


def _unsupported(_: dict[str, Any]) -> Content:
    return Content(None, (UNSUPPORTED,))


CONTENTS: Mapping[str, Callable[[dict[str, Any]], Content]] = {
    "text": _text,
    **{kind: partial(_media, kind=kind) for kind in ("image", "video", "audio", "document", "sticker")},
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
    "unsupported": _unsupported,
}
