"""Changes of pages and Instagram accounts, and what they are parsed to."""

from typing import Any

from shared.contracts import EditItem, ReactionItem, ReceiptItem
from tests.unit.enricher.bodies import CUSTOMER, PAGE, TIME, page
from tests.unit.enricher.parsing.cases import AT, Case, raw, received, record


def change(
    name: str, item: Any, field: str, value: Any, *, kind: str = "page", participant_id: str | None = None
) -> Case:
    return Case(name, page({"field": field, "value": value}, channel="changes", kind=kind), item, participant_id)


PARTIES = {"sender": {"id": CUSTOMER}, "recipient": {"id": PAGE}, "timestamp": str(TIME // 1000)}
FEED = {"item": "comment", "verb": "add", "comment_id": "c_1", "post_id": "p_1", "from": {"id": "5"}, "message": "Nice"}
CASES = [
    change(
        "a comment",
        record("comment", "c_1", "5", "Nice"),
        "comments",
        {"id": "c_1", "text": "Nice", "from": {"id": "5"}},
        kind="instagram",
    ),
    change(
        "a live comment",
        record("comment", "c_1", None, "Nice"),
        "live_comments",
        {"id": "c_1", "text": "Nice"},
        kind="instagram",
    ),
    change("a mention", record("mention", "c_1"), "mentions", {"media_id": "9", "comment_id": "c_1"}, kind="instagram"),
    change(
        "a mention on a page",
        record("mention", "c_1:add", None, "Hey"),
        "mention",
        {"comment_id": "c_1", "verb": "add", "message": "Hey"},
    ),
    change("a comment on a post", record("comment", "c_1:add", "5", "Nice"), "feed", FEED),
    change(
        "a removed comment", record("comment", "c_1:remove", "5"), "feed", {**FEED, "verb": "remove", "message": None}
    ),
    *(
        change(
            f"a comment with the verb {verb}",
            record("comment", "c_1:remove", "5"),
            "feed",
            {**FEED, "verb": verb, "message": None},
        )
        for verb in ("DELETE", "deleted", "Removed")
    ),
    change(
        "a removed comment on Instagram",
        record("comment", "c_1:remove"),
        "comments",
        {"id": "c_1", "verb": "DELETE"},
        kind="instagram",
    ),
    change(
        "a post",
        record("feed", "p_1:add", "5", "News"),
        "feed",
        {"item": "status", "verb": "add", "post_id": "p_1", "sender_id": 5, "message": "News"},
    ),
    *(
        change(
            f"a {thing} of a post",
            record("feed", "9:add", "5"),
            "feed",
            {"item": thing, "verb": "add", "post_id": "p_1", f"{thing}_id": 9, "from": {"id": "5"}},
        )
        for thing in ("photo", "video", "share")
    ),
    change(
        "a like",
        record("feed", actor_id="5"),
        "feed",
        {"item": "reaction", "verb": "add", "post_id": "p_1", "from": {"id": "5"}},
    ),
    change(
        "a rating",
        record("rating", "8:add", "5", "Good"),
        "ratings",
        {"item": "rating", "verb": "add", "open_graph_story_id": 8, "reviewer_id": 5, "review_text": "Good"},
    ),
    change("a lead", record("lead", "4"), "leadgen", {"leadgen_id": 4, "form_id": "1"}),
    change(
        "a story's metrics",
        record("story_insights", "9"),
        "story_insights",
        {"media_id": "9", "reach": 5},
        kind="instagram",
    ),
    change("an empty comment", record("comment"), "comments", {}),
    change(
        "a test message",
        received(message_id="random_mid", content="random_text"),
        "messages",
        {**PARTIES, "message": {"mid": "random_mid", "text": "random_text"}},
        participant_id=CUSTOMER,
    ),
    change(
        "an edit in a change",
        EditItem(message_id="m_1", revision=1, edited_at=AT, content="x"),
        "message_edit",
        {**PARTIES, "message_edit": {"mid": "m_1", "text": "x", "num_edit": 1}},
        kind="instagram",
        participant_id=CUSTOMER,
    ),
    change(
        "a reaction in a change",
        ReactionItem(message_id="m_1", actor_id=CUSTOMER, emoji="x", reacted_at=AT),
        "message_reactions",
        {**PARTIES, "reaction": {"mid": "m_1", "emoji": "x"}},
        kind="instagram",
        participant_id=CUSTOMER,
    ),
    change(
        "a read in a change without sender",
        ReceiptItem(status="read", at=AT, message_ids=("m_1",), covers_earlier=True),
        "messaging_seen",
        {"read": {"mid": "m_1"}},
        kind="instagram",
    ),
    change(
        "a postback in a change",
        received(message_kind="postback", content="Go"),
        "messaging_postbacks",
        {**PARTIES, "recipient": None, "postback": {"mid": "m_1", "title": "Go"}},
        participant_id=CUSTOMER,
    ),
    change("a test without an item", raw("changes.messages"), "messages", {"page_id": "5"}),
    change("an unknown change", raw("changes.other"), "surprise", {"x": 1}),
    Case("an unknown entry", {"object": "page", "entry": [{"id": PAGE, "time": TIME, "x": 1}]}, raw("entry"), None),
]
