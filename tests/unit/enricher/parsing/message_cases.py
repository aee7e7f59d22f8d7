"""Messages, echoes and attachments of Messenger and Instagram, and what they are parsed to."""

from datetime import UTC, datetime
from typing import Any

from shared.contracts import MessageItem
from shared.contracts.inbox import Attachment, Coordinates, Referral, ReplyTo
from tests.unit.enricher.bodies import CUSTOMER, PAGE
from tests.unit.enricher.parsing.cases import Case, case, raw, received, record, sent

CDN = "https://cdn.example/1.png"
AD = {"ad_title": "Shoes", "photo_url": CDN, "video_url": None, "post_id": "5", "product_id": "sku-1"}


def message(name: str, item: MessageItem, *, kind: str = "page", **message: Any) -> Case:
    return case(name, item, kind=kind, message={"mid": "m_1", **message})


def attached(name: str, *found: Attachment, kind: str = "page", given: list[Any]) -> Case:
    return message(name, received(attachments=found), kind=kind, attachments=given)


def echoed(name: str, via: str, **more: Any) -> Case:
    given = {"mid": "m_1", "text": "hi", "is_echo": True, **more}
    return case(
        name,
        sent(content="hi", sent_via=via),
        sender={"id": PAGE},
        recipient={"id": CUSTOMER},
        message=given,
    )


MESSAGES = [
    message(
        "text",
        received(content="hello"),
        text="hello",
        seq=5,
        nlp={"entities": {}},
        commands=[{"name": "x"}],
        tags=[],
    ),
    message("no text", received()),
    message("an empty text", received(), text=""),
    message("a number as text", received(content="5"), text=5),
    message("a quick reply", received(content="Yes", payload="YES"), text="Yes", quick_reply={"payload": "YES"}),
    message(
        "a reply",
        received(content="this", reply_to=ReplyTo(message_id="m_0")),
        text="this",
        reply_to={"mid": "m_0"},
    ),
    message(
        "a reply to a story",
        received(content="nice", reply_to=ReplyTo(story={"id": "17", "url": CDN})),
        kind="instagram",
        text="nice",
        reply_to={"story": {"id": 17, "url": CDN}},
    ),
    message(
        "a product",
        received(content="x", referral=Referral(product_id="9")),
        text="x",
        referral={"product": {"id": 9}},
    ),
    message(
        "an ad",
        received(
            content="x",
            referral=Referral(
                source="ADS", type="OPEN_THREAD", ref="r", ad_id="7", title="Shoes", url=CDN, product_id="sku-1"
            ),
        ),
        text="x",
        referral={"source": "ADS", "type": "OPEN_THREAD", "ref": "r", "ad_id": 7, "ads_context_data": AD},
    ),
    message("an empty referral", received(content="x"), text="x", referral={"ads_context_data": None}),
    message("an unsupported message", received(attachments=(Attachment(type="unsupported"),)), is_unsupported=True),
    case(
        "a message merged from a guest",
        received(content="x"),
        message={"mid": "m_1", "text": "x"},
        prior_message={},
    ),
    case(
        "a message of the account to itself",
        sent(content="note", sent_via="native_app"),
        participant_id=PAGE,
        kind="instagram",
        sender={"id": PAGE},
        message={"mid": "m_1", "text": "note", "is_echo": True, "is_self": True},
    ),
    case(
        "a visitor's text",
        record("optin", "m_1", "r-1", "hi"),
        participant_id=None,
        sender={"user_ref": "r-1"},
        message={"mid": "m_1", "text": "hi"},
    ),
    case(
        "a text without a sender",
        raw("messaging.message"),
        participant_id=None,
        sender={},
        message={"mid": "m", "text": "x"},
    ),
    case("an empty message", raw("messaging.message"), message={"seq": 1}),
    case("a message that is not an object", raw("messaging.message"), message="hello"),
]

ECHOES = [
    echoed("an echo of a person", "native_app"),
    echoed("an echo of Meta's inbox", "page_inbox", app_id=263902037430900),
    echoed("an echo of our own app", "own_app", app_id="4242", metadata="x"),
    echoed("an echo of another tool", "other_app", app_id=5555),
    echoed("an echo with an invalid app ID", "other_app", app_id={}),
    case(
        "an empty echo",
        sent(sent_via="other_app"),
        sender={"id": PAGE},
        recipient={"id": CUSTOMER},
        message={"mid": "m_1", "is_echo": True, "app_id": 5},
    ),
]

ATTACHMENTS = [
    attached(
        "media",
        Attachment(type="image", url=f"{CDN}?a=1&oe=69581640", expires_at=datetime(2026, 1, 2, 19, 2, 24, tzinfo=UTC)),
        Attachment(type="video", url=CDN),
        given=[
            {"type": "image", "payload": {"url": f"{CDN}?a=1&oe=69581640"}},
            {"type": "video", "payload": {"url": CDN}},
        ],
    ),
    attached(
        "a URL escaped twice",
        Attachment(type="image", url=CDN),
        given=[{"type": "image", "payload": {"url": CDN.replace("/", "\\/")}}],
    ),
    attached(
        "placeholders",
        *(
            Attachment(type=kind)
            for kind in ("ephemeral", "like_heart", "image", "audio", "file", "unknown", "surprise")
        ),
        given=[
            {"type": "ephemeral"},
            {"type": "like_heart", "payload": None},
            {"type": "image", "payload": {"url": None}},
            {"type": "audio", "payload": "oops"},
            {"type": "file", "payload": {"url": "javascript:alert(1)"}},
            {"type": None},
            {"type": "surprise", "payload": {}},
        ],
    ),
    attached(
        "an unknown type",
        Attachment(type="hologram", details={"x": 1}),
        given=[{"type": "hologram", "payload": {"x": 1}}],
    ),
    attached(
        "an unsupported type",
        Attachment(type="unsupported", url=CDN),
        given=[{"type": "unsupported_type", "payload": {"url": CDN}}],
    ),
    attached(
        "links, old and new form",
        Attachment(type="fallback", url="https://example.com", title="Old"),
        Attachment(type="fallback", url="https://example.com", title="Older"),
        Attachment(type="fallback", url="https://example.com", title="New"),
        given=[
            {"type": "fallback", "title": "Old", "url": "https://example.com", "payload": None},
            {"type": "fallback", "title": "Older", "URL": "https://example.com", "payload": None},
            {"type": "fallback", "payload": {"title": "New", "url": "https://example.com"}},
        ],
    ),
    attached(
        "a location",
        Attachment(type="location", title="Here", coordinates=Coordinates(latitude=1.5, longitude=-2.0)),
        given=[{"type": "location", "title": "Here", "payload": {"coordinates": {"lat": 1.5, "long": -2}}}],
    ),
    attached(
        "invalid coordinates",
        Attachment(type="location"),
        given=[{"type": "location", "payload": {"coordinates": {"lat": 91, "long": "x"}}}],
    ),
    attached(
        "a thumbs-up sticker",
        Attachment(type="image", url=CDN, media_id="369239263222822"),
        given=[{"type": "image", "payload": {"url": CDN, "sticker_id": 369239263222822}}],
    ),
    attached(
        "a sticker sent as two types",
        Attachment(type="sticker", url=CDN, media_id="9"),
        given=[
            {"type": "image", "payload": {"url": CDN, "sticker_id": 9}},
            {"type": "sticker", "payload": {"url": CDN, "sticker_id": 9}},
        ],
    ),
    attached(
        "a post sent as two types, and another one",
        Attachment(type="ig_post", url=CDN, title="Post", media_id="5"),
        Attachment(type="share", url="https://cdn.example/2"),
        kind="instagram",
        given=[
            {"type": "share", "payload": {"url": CDN}},
            {"type": "ig_post", "payload": {"ig_post_media_id": 5, "title": "Post", "url": CDN}},
            {"type": "share", "payload": {"url": "https://cdn.example/2"}},
        ],
    ),
    attached(
        "a reel",
        Attachment(type="ig_reel", url=CDN, title="R", media_id="3"),
        kind="instagram",
        given=[{"type": "ig_reel", "payload": {"reel_video_id": "3", "title": "R", "url": CDN}}],
    ),
    attached(
        "a story",
        Attachment(type="ig_story", url=CDN, media_id="4"),
        kind="instagram",
        given=[{"type": "ig_story", "payload": {"story_media_id": "4", "story_media_url": CDN}}],
    ),
    attached(
        "a mention in a story",
        Attachment(type="story_mention", url=CDN, media_id="6"),
        kind="instagram",
        given=[{"type": "story_mention", "payload": {"url": CDN, "story": {"id": "6"}}}],
    ),
    attached(
        "a template",
        Attachment(
            type="template", title="Menu", details={"template_type": "generic", "elements": [{"title": "Soup"}]}
        ),
        given=[
            {
                "type": "template",
                "title": "Menu",
                "url": None,
                "payload": {"template_type": "generic", "elements": [{"title": "Soup"}]},
            }
        ],
    ),
    *(
        attached(
            f"a template without a title: {name}",
            Attachment(type="template", title=title, details=payload),
            given=[{"type": "template", "title": "", "payload": payload}],
        )
        for name, title, payload in (
            ("buttons", "What next?", {"template_type": "button", "text": "What next?", "buttons": [{"title": "Go"}]}),
            ("elements", "Soup", {"template_type": "generic", "elements": [{"title": "Soup"}, {"title": "Cake"}]}),
            ("nested elements", "Tea", {"generic": {"elements": [{"subtitle": "hot"}, {"title": "Tea"}]}}),
            ("products", "Shoes", {"product": {"elements": [{"id": "1", "title": "Shoes"}]}}),
            ("no text", None, {"template_type": "media", "elements": [5]}),
        )
    ),
]

CASES = [*MESSAGES, *ECHOES, *ATTACHMENTS]
