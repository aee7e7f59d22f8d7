"""Any input is split, or is an `UnreadableBody`. Every item can be published, and released again."""

import json
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from enricher.events import inbox_enriched, item_parked, webhook_unclaimed
from enricher.graph.errors import (
    GraphCallRejected,
    GraphUnavailable,
    PermissionMissing,
    ProfileInaccessible,
    RateLimited,
    TokenRefused,
)
from enricher.graph.responses import parse_profile
from enricher.parsing.errors import UnreadableBody
from enricher.parsing.items import BadItem, SplitItem
from enricher.parsing.parse import parse_item
from enricher.parsing.split import split_webhook
from shared.contracts import PLATFORMS, decode, encode
from tests.builders import NOON, webhook_received, webhook_released
from tests.unit.enricher.bodies import contact, echo, event, page, whatsapp, whatsapp_text

SAMPLES = [
    page(event(), echo()),
    page(event(message={"mid": "m", "text": "x", "reply_to": {"mid": "y"}, "attachments": [{"type": "image"}]})),
    page(event(), kind="instagram", channel="standby"),
    page({"field": "messages", "value": event()}, channel="changes"),
    [page(event())],
    whatsapp(messages=[whatsapp_text()], statuses=[{"status": "read"}], contacts=[contact()]),
]
NAMES = sorted(
    {
        *("object", "entry", "id", "time", "messaging", "standby", "changes", "field", "value", "sender", "recipient"),
        *(
            "timestamp",
            "message",
            "mid",
            "text",
            "is_echo",
            "attachments",
            "payload",
            "url",
            "reply_to",
            "story",
            "from",
        ),
        *(
            "metadata",
            "phone_number_id",
            "contacts",
            "profile",
            "wa_id",
            "messages",
            "statuses",
            "message_echoes",
            "body",
        ),
    }
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec=None), max_size=20),
    st.sampled_from(["page", "instagram", "whatsapp_business_account", "1041", "0", "\x00", "\ud83d", "..", "9" * 600]),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), inner, max_size=6),
    ),
    max_leaves=25,
)


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """Return a body of a known shape with some values replaced or inserted."""
    body = json.loads(json.dumps(draw(st.sampled_from(SAMPLES))))
    for _ in range(draw(st.integers(1, 4))):
        node: Any = body
        for _ in range(draw(st.integers(0, 8))):
            inner = [
                child for child in (node.values() if isinstance(node, dict) else node) if isinstance(child, dict | list)
            ]
            if not inner:
                break
            node = draw(st.sampled_from(inner))
        if isinstance(node, list):
            node.insert(draw(st.integers(0, len(node))), draw(anything))
        elif node:
            name = draw(st.sampled_from(sorted(node)))
            node[name] = draw(anything)
    return body


def check(body: bytes, platform: Any) -> None:
    webhook = webhook_received(platform=platform, body=body)
    try:
        splits = split_webhook(webhook)
    except UnreadableBody:
        return
    for split in splits:
        if isinstance(split, BadItem):
            parked = item_parked(webhook, split, handler="h", now=NOON)
            original = decode(parked.content_type, parked.original)
            assert isinstance(original, type(webhook))
            assert [type(again) for again in split_webhook(original)] == [BadItem]
            encode(parked)
        else:
            _check_item(webhook, split)


def _check_item(webhook: Any, split: SplitItem) -> None:
    item = parse_item(split, received_at=webhook.received_at)
    enriched = inbox_enriched(webhook, item, "u", now=NOON)
    wire = encode(enriched)
    assert b"\\u0000" not in wire
    assert decode("application/json", wire) == msgspec.json.decode(wire, type=type(enriched))
    unclaimed = webhook_unclaimed(webhook, item, now=NOON)
    assert decode(unclaimed.wire, encode(unclaimed)) == unclaimed
    released = webhook_released(platform=split.platform, entry=unclaimed.entry, item_index=split.index)
    [again] = split_webhook(released)
    assert isinstance(again, SplitItem)
    assert parse_item(again, received_at=webhook.received_at).id == item.id


@given(anything, st.sampled_from(PLATFORMS))
def test_any_json_is_split_or_unreadable(value: Any, platform: str) -> None:
    check(json.dumps(value).encode(), platform)


@given(changed(), st.sampled_from(PLATFORMS))
def test_a_changed_body_is_split_or_unreadable(value: Any, platform: str) -> None:
    check(json.dumps(value).encode(), platform)


@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_bytes_are_split_or_unreadable(value: Any, data: st.DataObject) -> None:
    body = bytearray(json.dumps(value).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(body), "facebook")


@given(st.binary(max_size=200))
@example(b"\xff\xfe[\x00]\x00")
@example(b'{"object":"page","entry":[' * 300)
def test_any_bytes_are_split_or_unreadable(body: bytes) -> None:
    check(body, "facebook")


@given(anything, st.sampled_from(["facebook", "instagram"]), st.sampled_from([200, 302, 400, 403, 429, 500]))
def test_any_response_of_the_graph_api_is_a_profile_or_a_typed_error(value: Any, platform: Any, status: int) -> None:
    known = (GraphCallRejected, GraphUnavailable, PermissionMissing, ProfileInaccessible, RateLimited, TokenRefused)
    try:
        profile = parse_profile(platform, status, json.dumps(value).encode(), now=NOON)
    except known:
        return
    assert "\x00" not in msgspec.json.encode(profile).decode()
