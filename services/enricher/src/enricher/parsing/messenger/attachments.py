"""Attachments of Messenger and Instagram: `{"type", "payload": {"url", "title", …}}`, or less.

Whatever is missing, the message keeps a placeholder of the type.
"""

from typing import Any

from enricher.parsing.attachments import coordinates_of, expiry_of
from enricher.parsing.values import details_of, first_id, items_of, object_of, text_of, url_of, word_of
from shared.contracts.inbox import Attachment

MAX_ATTACHMENTS = 100

_MEDIA_IDS = ("sticker_id", "reel_video_id", "ig_post_media_id", "ig_reel_media_id", "story_media_id", "media_id", "id")
_PLAIN = frozenset(
    {
        "image",
        "audio",
        "video",
        "file",
        "sticker",
        "location",
        "fallback",
        "share",
        "reel",
        "ig_reel",
        "post",
        "ig_post",
        "ig_story",
        "story_mention",
        "like_heart",
        "ephemeral",
        "unsupported",
    }
)
"""Types of which an address, a title, an id and a place tell everything."""
_TWINS = {
    "image": frozenset({"sticker"}),
    "share": frozenset({"ig_post", "ig_reel", "reel", "post"}),
}
"""While a type is being replaced, both the old and the new one come for the same thing."""


def attachments_of(value: Any) -> tuple[Attachment, ...]:
    """Return the attachments in the order that they came in; of an old type and its replacement only the latter."""
    if not value:
        return ()
    found = [_attachment(raw) for raw in items_of(value)[:MAX_ATTACHMENTS] if isinstance(raw, dict)]
    if len(found) > 1:
        found = [one for one in found if not any(_is_twin(one, other) for other in found)]
    return tuple(found)


def _attachment(raw: dict[str, Any]) -> Attachment:
    """Old forms have url and title beside the payload; a payload may be missing altogether."""
    payload = object_of(raw.get("payload"))
    story, place = object_of(payload.get("story")), object_of(payload.get("coordinates"))
    kind = word_of(raw.get("type")) or "unknown"
    kind = "unsupported" if kind == "unsupported_type" else kind
    urls = (payload.get("url"), payload.get("story_media_url"), raw.get("url"), raw.get("URL"))
    url = next((url for url in map(url_of, urls) if url), None)
    return Attachment(
        type=kind,
        url=url,
        title=text_of(payload.get("title")) or text_of(raw.get("title")) or _headline(payload),
        expires_at=expiry_of(url),
        media_id=first_id(payload, *_MEDIA_IDS) or first_id(story, "id"),
        coordinates=coordinates_of(place.get("lat"), place.get("long")) if place else None,
        details=None if kind in _PLAIN else details_of(payload),
    )


def _headline(payload: dict[str, Any]) -> str | None:
    """Return what a template or a product says first: its text, else the first title of its elements.

    Elements stand in the payload, or in an object of it that tells their kind: `{"product": {"elements": […]}}`.
    """
    holders = (payload, *map(object_of, payload.values()))
    elements = (object_of(element) for holder in holders for element in items_of(holder.get("elements")))
    return text_of(payload.get("text")) or next((title for title in map(_title, elements) if title), None)


def _title(element: dict[str, Any]) -> str | None:
    return text_of(element.get("title"))


def _is_twin(one: Attachment, other: Attachment) -> bool:
    """Return whether `other` is the newer form of `one`: the same content by its id or its address."""
    return other.type in _TWINS.get(one.type, ()) and (
        (one.media_id is not None and one.media_id == other.media_id) or (one.url is not None and one.url == other.url)
    )
