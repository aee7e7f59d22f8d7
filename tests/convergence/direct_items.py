"""Strategies for items of Messenger and Instagram, of every kind."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from tests.convergence.shapes import NOON, Json, Page, Piece, change, direct, lookup, milliseconds
from tests.convergence.words import EMOJI, NEVER, Draw, any_ids, channels, message_id, moments, own_ids, seconds, texts


@st.composite
def messages(draw: Draw, page: Page, customer: str) -> Piece:
    outgoing = draw(st.booleans())
    message: Json = {"mid": draw(own_ids(page, customer, outgoing=outgoing))}
    message |= draw(st.one_of(texts.map(lambda text: {"text": text}), contents, contents))
    if outgoing:
        message |= {"is_echo": True, **draw(st.sampled_from(({}, {"app_id": 263902037430900}, {"app_id": 4711})))}
    if draw(st.booleans()):
        message |= draw(st.one_of(extras, any_ids(page, customer).map(lambda mid: {"reply_to": {"mid": mid}})))
    return direct(page, customer, draw(moments), outgoing=outgoing, channel=draw(channels()), message=message)


contents = st.sampled_from(
    (
        {"text": "with a picture", "attachments": [{"type": "image", "payload": {"url": "https://cdn.example/1"}}]},
        {"attachments": [{"type": "video", "payload": {"url": "https://cdn.example/2"}}, {"type": "file"}]},
        {"attachments": [{"type": "location", "title": "Here", "payload": {"coordinates": {"lat": 1.5, "long": 2}}}]},
        {"attachments": [{"type": "sticker", "payload": {"url": "https://cdn.example/3", "sticker_id": 3692}}]},
        {"attachments": [{"type": "template", "payload": {"template_type": "button", "text": "Choose"}}]},
        {"attachments": [{"type": "ig_reel", "payload": {"reel_video_id": "55", "url": "https://cdn.example/4"}}]},
        {"is_unsupported": True},
        {},
    )
)
extras = st.sampled_from(
    (
        {"quick_reply": {"payload": "YES"}},
        {"reply_to": {"story": {"id": "61", "url": "https://cdn.example/story"}}},
        {"referral": {"product": {"id": "62"}}},
        {"referral": {"ref": "spring", "ad_id": "63", "source": "ADS", "type": "OPEN_THREAD"}},
    )
)


@st.composite
def unsends(draw: Draw, page: Page, customer: str) -> Piece:
    outgoing = draw(st.booleans())
    mid = draw(own_ids(page, customer, outgoing=outgoing))
    message: Json = {"mid": mid, "is_deleted": True, **({"is_echo": True} if outgoing else {})}
    if draw(st.booleans()):
        message["text"] = "what was unsent"
    return direct(page, customer, draw(moments), outgoing=outgoing, message=message)


@st.composite
def edits(draw: Draw, page: Page, customer: str) -> Piece:
    outgoing = draw(st.booleans())
    revision = draw(st.integers(0, 2))
    edit: Json = {
        "mid": draw(own_ids(page, customer, outgoing=outgoing)),
        "num_edit": draw(st.sampled_from((revision, str(revision)))),
    }
    text = draw(st.sampled_from(("edited one", "edited two", "edited two", None)))
    if text is not None:
        edit["text"] = text
    return direct(page, customer, draw(moments), outgoing=outgoing, message_edit=edit)


@st.composite
def reactions(draw: Draw, page: Page, customer: str) -> Piece:
    reaction: Json = {"mid": draw(any_ids(page, customer))}
    emoji = draw(st.sampled_from((*EMOJI, None)))
    if emoji is None:
        reaction |= {"action": "unreact", **draw(st.sampled_from(({}, {"emoji": EMOJI[0], "reaction": "love"})))}
    else:
        reaction |= {"action": "react", "reaction": "other", "emoji": emoji}
    return direct(page, customer, draw(moments), outgoing=draw(st.booleans()), reaction=reaction)


@st.composite
def messenger_receipts(draw: Draw, page: Page, customer: str) -> Piece:
    """Return a watermark receipt, mostly at the exact time of a message, sent at once or much later."""
    covers = draw(moments)
    watermark: Any = milliseconds(covers)
    if draw(st.booleans()):
        watermark = str(watermark)
    if draw(st.booleans()):
        return direct(page, customer, draw(moments), read={"watermark": watermark})
    delivery: Json = {"watermark": watermark}
    if draw(st.booleans()):
        delivery["mids"] = draw(st.lists(own_ids(page, customer, outgoing=True), min_size=1, max_size=2))
    return direct(page, customer, draw(moments), delivery=delivery)


@st.composite
def instagram_reads(draw: Draw, page: Page, customer: str) -> Piece:
    ids = st.one_of(
        own_ids(page, customer, outgoing=True), st.just(message_id(page, customer, outgoing=True, name=NEVER))
    )
    piece = direct(page, customer, draw(moments), read={"mid": draw(ids)})
    if draw(st.integers(0, 3)) == 0:  # seen live: a read with neither sender nor recipient
        element = {name: value for name, value in piece.element.items() if name not in {"sender", "recipient"}}
        return replace(piece, element=element)
    return piece


@st.composite
def postbacks(draw: Draw, page: Page, customer: str) -> Piece:
    """Return a postback; its ID may be that of a message."""
    postback: Json = {"mid": draw(own_ids(page, customer, outgoing=False)), "title": draw(texts), "payload": "MENU"}
    if draw(st.booleans()):
        postback["referral"] = {"ref": "menu", "source": "SHORTLINK", "type": "OPEN_THREAD"}
    return direct(page, customer, draw(moments), channel=draw(channels()), postback=postback)


@st.composite
def lookups(draw: Draw, page: Page, customer: str) -> Piece:
    """Return the result of a later lookup of the customer's profile."""
    return lookup(page, customer, draw(seconds), draw(st.sampled_from(("Ada", "Ada King", None))))


_OTHER_ITEMS: st.SearchStrategy[Json] = st.sampled_from(
    (
        {"optin": {"ref": "newsletter"}},
        {"optin": {"type": "notification_messages", "notification_messages_token": "t", "title": "News"}},
        {"referral": {"ref": "spring", "source": "SHORTLINK", "type": "OPEN_THREAD"}},
        {"account_linking": {"status": "linked", "authorization_code": "c"}},
        {"policy-enforcement": {"action": "block", "reason": "spam"}},
        {"pass_thread_control": {"new_owner_app_id": "1", "previous_owner_app_id": None, "metadata": "m"}},
        {"app_roles": {"4711": ["primary_receiver"]}},
        {"message_request": "accept"},
        {"mystery": {"of": "tomorrow", "n": 1.5}},
    )
)


@st.composite
def other_items(draw: Draw, page: Page, customer: str) -> Piece:
    return direct(page, customer, draw(moments), channel=draw(channels()), **draw(_OTHER_ITEMS))


@st.composite
def changes(draw: Draw, page: Page, customer: str) -> Piece:
    """Return a comment, feed item, unknown field, or a message as the app dashboard's test button sends it."""
    at = draw(seconds)
    if draw(st.integers(0, 3)) == 0:
        mid = draw(own_ids(page, customer, outgoing=False))
        sent = direct(page, customer, at, message={"mid": mid, "text": draw(texts)})
        return change(page, at, "messages", sent.element)
    who = {"id": customer, "username": "ada"}
    comment = {"id": draw(st.sampled_from(("501", "502"))), "text": draw(texts), "from": who, "media": {"id": "600"}}
    post = {"item": "comment", "verb": draw(st.sampled_from(("add", "edited", "remove"))), "comment_id": "501_1"}
    possible: tuple[tuple[str, Json], ...] = (
        ("comments", comment),
        ("feed", {**post, "post_id": "501", "from": who, "message": "m", "created_time": NOON + at}),
        ("mentions", {"media_id": "600", "comment_id": "502"}),
        ("novelty", {"of": "tomorrow"}),
    )
    return change(page, at, *draw(st.sampled_from(possible)))
