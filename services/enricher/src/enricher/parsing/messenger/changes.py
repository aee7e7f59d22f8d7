"""Changes of a Facebook page or an Instagram account: comments, mentions, posts, ratings and leads."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from enricher.parsing.context import ItemParser, ParseContext
from enricher.parsing.records import record_item
from enricher.parsing.values import first_id, first_text, keyword_of, object_of
from shared.contracts import RecordItem, RecordKind

_REMOVE = "remove"
"""The verb of a removal in a record's ID. The store erases everything that other records say about its object."""
_REMOVALS = frozenset({"remove", "removed", "delete", "deleted"})
"""In any case: it must not depend on the platform's spelling whether a text is erased."""
_ONE_TIME_VERBS = frozenset({"add", _REMOVE})
"""An object is added and removed at most once. It may be edited, hidden and shown any number of times."""

_OBJECT_ID_FIELDS = ("comment_id", "share_id", "photo_id", "video_id", "open_graph_story_id", "post_id")
"""Fields with the ID of the changed object, the most specific first: a post may have several photos and shares."""

_MANY_PER_OBJECT = ("reaction", "like")
"""Items that carry the ID of what was reacted to. One object may have many of them."""


def _parse_comment(context: ParseContext) -> RecordItem:
    """Parse a comment on Instagram."""
    value = _value(context)
    comment_id = first_id(value, "id")
    natural_id = f"{comment_id}:{_REMOVE}" if comment_id is not None and _verb(value) == _REMOVE else comment_id
    return record_item(
        context, "comment", natural_id=natural_id, actor_id=_actor_id(value), text=first_text(value, "text")
    )


def _parse_mention(context: ParseContext) -> RecordItem:
    """Parse a mention of the account in a caption or a comment on Instagram."""
    value = _value(context)
    return record_item(
        context,
        "mention",
        natural_id=first_id(value, "comment_id", "media_id"),
        actor_id=_actor_id(value),
        text=first_text(value, "text"),
    )


def _parse_page_change(context: ParseContext, *, kind: RecordKind) -> RecordItem:
    """Parse a change of a page's post, comment or rating: `{"item", "verb", "post_id", "comment_id", …}`."""
    value = _value(context)
    is_comment = kind == "feed" and value.get("item") == "comment"
    return record_item(
        context,
        "comment" if is_comment else kind,
        natural_id=_change_id(context, value),
        actor_id=_actor_id(value),
        text=first_text(value, "message", "review_text"),
    )


def _parse_lead(context: ParseContext) -> RecordItem:
    """Parse that a lead form was submitted. Its answers can be fetched by its ID."""
    return record_item(context, "lead", natural_id=first_id(_value(context), "leadgen_id"))


def _parse_story_insights(context: ParseContext) -> RecordItem:
    """Parse the metrics of a story. Instagram sends them when the story ends."""
    return record_item(context, "story_insights", natural_id=first_id(_value(context), "media_id"))


PARSERS: Mapping[str, ItemParser] = {
    "comments": _parse_comment,
    "live_comments": _parse_comment,
    "mentions": _parse_mention,
    "mention": partial(_parse_page_change, kind="mention"),
    "feed": partial(_parse_page_change, kind="feed"),
    "ratings": partial(_parse_page_change, kind="rating"),
    "leadgen": _parse_lead,
    "story_insights": _parse_story_insights,
}
"""By the change's `field`."""


def _value(context: ParseContext) -> dict[str, Any]:
    return object_of(context.split.body.get("value"))


def _change_id(context: ParseContext, value: dict[str, Any]) -> str | None:
    """Return object and verb, with the item's own ID if the same verb may be repeated.

    Returns None if many items may carry the same object ID.
    """
    verb, object_id = _verb(value), first_id(value, *_OBJECT_ID_FIELDS)
    if object_id is None or verb is None or value.get("item") in _MANY_PER_OBJECT:
        return None
    return f"{object_id}:{verb}" if verb in _ONE_TIME_VERBS else f"{object_id}:{verb}:{context.id}"


def _verb(value: dict[str, Any]) -> str | None:
    verb = keyword_of(value.get("verb"))
    return _REMOVE if verb is not None and verb.lower() in _REMOVALS else verb


def _actor_id(value: dict[str, Any]) -> str | None:
    return first_id(object_of(value.get("from")), "id") or first_id(value, "sender_id", "reviewer_id")
