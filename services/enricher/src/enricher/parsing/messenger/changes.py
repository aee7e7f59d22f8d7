"""Changes of a page or an Instagram account that are no messages: comments, mentions, posts, ratings, leads."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from enricher.parsing.context import Reader, Reading
from enricher.parsing.records import record
from enricher.parsing.values import first_id, first_text, object_of, word_of
from shared.contracts import RecordItem, RecordKind

_ONCE = frozenset({"add", "remove"})
"""What happens to a thing at most once; it may be edited, hidden and shown again any number of times."""

_THINGS = ("comment_id", "share_id", "photo_id", "video_id", "open_graph_story_id", "post_id")
"""What tells a thing from others, the closest first: several photos and shares may be of one post."""

_BY_MANY = ("reaction", "like")
"""They name what was reacted to, and are many."""


def _comment(reading: Reading) -> RecordItem:
    """Read a comment on Instagram."""
    value = _value(reading)
    return record(
        reading, "comment", natural_id=first_id(value, "id"), actor_id=_actor(value), text=first_text(value, "text")
    )


def _mention(reading: Reading) -> RecordItem:
    """Read that the account was mentioned in a caption or a comment on Instagram."""
    value = _value(reading)
    return record(
        reading,
        "mention",
        natural_id=first_id(value, "comment_id", "media_id"),
        actor_id=_actor(value),
        text=first_text(value, "text"),
    )


def _of_page(reading: Reading, *, kind: RecordKind) -> RecordItem:
    """Read what was done to a post, comment or rating of a page: `{"item", "verb", "post_id", "comment_id", …}`."""
    value = _value(reading)
    is_comment = kind == "feed" and value.get("item") == "comment"
    return record(
        reading,
        "comment" if is_comment else kind,
        natural_id=_done(reading, value),
        actor_id=_actor(value),
        text=first_text(value, "message", "review_text"),
    )


def _lead(reading: Reading) -> RecordItem:
    """Read that a form was filled in; what it says is to be fetched by its id."""
    return record(reading, "lead", natural_id=first_id(_value(reading), "leadgen_id"))


def _story_insights(reading: Reading) -> RecordItem:
    """Read the numbers of a story, told when it ends."""
    return record(reading, "story_insights", natural_id=first_id(_value(reading), "media_id"))


READERS: Mapping[str, Reader] = {
    "comments": _comment,
    "live_comments": _comment,
    "mentions": _mention,
    "mention": partial(_of_page, kind="mention"),
    "feed": partial(_of_page, kind="feed"),
    "ratings": partial(_of_page, kind="rating"),
    "leadgen": _lead,
    "story_insights": _story_insights,
}


def _value(reading: Reading) -> dict[str, Any]:
    return object_of(reading.split.body.get("value"))


def _done(reading: Reading, value: dict[str, Any]) -> str | None:
    """Return thing and verb; where the same may be done again, or by many, the item's own id takes part."""
    verb, thing = word_of(value.get("verb")), first_id(value, *_THINGS)
    if thing is None or verb is None or value.get("item") in _BY_MANY:
        return None
    return f"{thing}:{verb}" if verb in _ONCE else f"{thing}:{verb}:{reading.id}"


def _actor(value: dict[str, Any]) -> str | None:
    return first_id(object_of(value.get("from")), "id") or first_id(value, "sender_id", "reviewer_id")
