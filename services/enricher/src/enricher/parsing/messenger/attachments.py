"""Attachments of Messenger and Instagram: `{"type", "payload": {"url", "title", …}}`.

Any part may be missing. What is left is a placeholder of the type.
"""

from typing import Any

from enricher.parsing.attachments import coordinates_of, expiry_of
from enricher.parsing.values import details_of, elements_of, first_id, keyword_of, object_of, text_of, url_of
from shared.contracts.inbox import Attachment

MAX_ATTACHMENTS = 100

_MEDIA_IDS = ("sticker_id", "reel_video_id", "ig_post_media_id", "ig_reel_media_id", "story_media_id", "media_id", "id")
_SIMPLE_TYPES = frozenset(
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
"""Types that a URL, a title, an ID and coordinates describe completely. They have no `details`."""
_NEWER_TYPES = {
    "image": frozenset({"sticker"}),
    "share": frozenset({"ig_post", "ig_reel", "reel", "post"}),
}
"""While a platform replaces a type, it sends the same content twice, as the old and as the new type."""


def attachments_of(value: Any) -> tuple[Attachment, ...]:
    """Return the attachments in their order, at most `MAX_ATTACHMENTS`.

    Of the same content sent as an old and as a new type, only the new one is returned.
    """
    if not value:
        return ()
    found = [_attachment(raw) for raw in elements_of(value)[:MAX_ATTACHMENTS] if isinstance(raw, dict)]
    if len(found) > 1:
        found = [one for one in found if not any(_is_newer_form(other, of=one) for other in found)]
    return tuple(found)


def _attachment(raw: dict[str, Any]) -> Attachment:
    """Older forms have URL and title beside the payload, or no payload at all."""
    payload = object_of(raw.get("payload"))
    story, coordinates = object_of(payload.get("story")), object_of(payload.get("coordinates"))
    kind = keyword_of(raw.get("type")) or "unknown"
    kind = "unsupported" if kind == "unsupported_type" else kind
    urls = (payload.get("url"), payload.get("story_media_url"), raw.get("url"), raw.get("URL"))
    url = next((url for url in map(url_of, urls) if url), None)
    return Attachment(
        type=kind,
        url=url,
        title=text_of(payload.get("title")) or text_of(raw.get("title")) or _headline(payload),
        expires_at=expiry_of(url),
        media_id=first_id(payload, *_MEDIA_IDS) or first_id(story, "id"),
        coordinates=coordinates_of(coordinates.get("lat"), coordinates.get("long")) if coordinates else None,
        details=None if kind in _SIMPLE_TYPES else details_of(payload),
    )


def _headline(payload: dict[str, Any]) -> str | None:
    """Return the text of a template or a product, else the first title of its elements.

    Elements are in the payload, or in an object of it that names their kind: `{"product": {"elements": […]}}`.
    """
    holders = (payload, *map(object_of, payload.values()))
    elements = (object_of(element) for holder in holders for element in elements_of(holder.get("elements")))
    titles = (text_of(element.get("title")) for element in elements)
    return text_of(payload.get("text")) or next((title for title in titles if title), None)


def _is_newer_form(other: Attachment, *, of: Attachment) -> bool:
    """Return whether `other` is the same content, by its ID or its URL, sent as a newer type."""
    return other.type in _NEWER_TYPES.get(of.type, ()) and (
        (of.media_id is not None and of.media_id == other.media_id) or (of.url is not None and of.url == other.url)
    )
