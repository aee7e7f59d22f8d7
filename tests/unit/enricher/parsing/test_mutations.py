"""Damaged items of every kind: they raise nothing and do not affect the other items."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from enricher.events import inbox_enriched, item_parked, webhook_split, webhook_unclaimed
from enricher.parsing.errors import UnreadableBody
from enricher.parsing.items import BadItem, SplitItem
from enricher.parsing.parse import ParsedItem, parse_item
from enricher.parsing.split import split_body, split_webhook
from shared.contracts import InboxEnrichedV1, Platform, decode, encode
from tests.builders import NOON, webhook_received, webhook_released
from tests.unit.enricher.bodies import PAGE, contact, echo, event, whatsapp_text
from tests.unit.enricher.parsing.every_case import CASES

Path = tuple[str | int, ...]
Mutation = Callable[[Any], Any]

VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        -(2**70),
        2**80,
        1.5,
        1e300,
        "",
        "0",
        "x",
        "\x00",
        "\ud83d",
        "9" * 600,
        "x" * 70_000,
    ),
    *([], {}, [[]], [{}], {"id": {}}, {"mid": []}, {"url": "http://["}, {"\x00": "\x00"}),
]
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""Not after an escaped backslash."""
NAMES = ["id", "mid", "text", "type", "payload", "message", "from", "user_id", "errors", "timestamp", "value", "\x00"]


def nested(value: Any, levels: int) -> Any:
    for level in range(levels):
        value = [value] if level % 2 else {"x": value}
    return value


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from paths(child, (*path, name))


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """Return `value` with one to four of its values removed, replaced, nested, listed or encoded."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 4))):
        found = [path for path in paths(value) if path]
        if not found:
            return value
        path = draw(st.sampled_from(found))
        parent = value
        for name in path[:-1]:
            parent = parent[name]
        _mutate(draw, parent, path[-1])
    return value


def _mutate(draw: st.DrawFn, parent: Any, name: Any) -> None:
    match draw(st.sampled_from(["remove", "replace", "replace", "nest", "list", "text", "add"])):
        case "remove":
            del parent[name]
        case "replace":
            parent[name] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        case "nest":
            parent[name] = nested(parent[name], draw(st.integers(1, 12)))
        case "list":
            parent[name] = [copy.deepcopy(parent[name]) for _ in range(draw(st.integers(0, 3)))]
        case "text":
            parent[name] = json.dumps(parent[name])
        case _:
            added = copy.deepcopy(draw(st.sampled_from(VALUES)))
            if isinstance(parent, dict):
                parent[draw(st.sampled_from(NAMES))] = added
            else:
                parent.insert(0, added)


def items_of(body: Any, platform: Platform = "facebook") -> list[ParsedItem | BadItem]:
    """Return the items of `body`, after checking that each can be published."""
    webhook = webhook_received(platform=platform, body=json.dumps(body).encode())
    splits = split_body(platform, webhook.body)
    manifest = webhook_split(webhook, splits, now=NOON)
    assert sum(page.items for page in manifest.pages) == len(splits)
    return [_checked(webhook, split) for split in splits]


def _checked(webhook: Any, split: SplitItem | BadItem) -> ParsedItem | BadItem:
    if isinstance(split, BadItem):
        encode(item_parked(webhook, split, handler="h", now=NOON))
        return split
    item = parse_item(split, received_at=webhook.received_at)
    sent = inbox_enriched(webhook, item, "u", now=NOON)
    wire = encode(sent)
    assert NUL.search(wire) is None
    received = decode("application/json", wire)
    assert isinstance(received, InboxEnrichedV1)
    assert (received.item.__struct_config__.tag, received.id) == (item.item.__struct_config__.tag, item.id)
    assert (item.aliases == ()) if item.participant_id is None else (item.participant_id not in item.aliases)
    unclaimed = webhook_unclaimed(webhook, item, now=NOON)
    [again] = split_webhook(_released(unclaimed))
    assert isinstance(again, SplitItem)
    assert published(parse_item(again, received_at=webhook.received_at)) == published(item)
    return item


def _released(unclaimed: Any) -> Any:
    return webhook_released(platform=unclaimed.platform, entry=unclaimed.entry, item_index=unclaimed.item_index)


def published(item: ParsedItem | BadItem) -> Any:
    """Return what is published about an item, without its position in the webhook."""
    if isinstance(item, BadItem):
        return item.reason
    found = (item.id, item.label, item.item, item.participant_id, item.aliases, item.occurred_at, item.profile)
    return msgspec.json.encode(found)


@given(st.sampled_from(CASES).flatmap(lambda case: mutated(case.body)), st.sampled_from(["facebook", "whatsapp"]))
def test_a_damaged_body_is_parsed_or_unreadable(body: Any, platform: Platform) -> None:
    try:
        items_of(body, platform)
    except UnreadableBody:
        return


def _elements(channel: str, platform: str) -> list[Any]:
    return [
        element
        for case in CASES
        if case.body["object"] == platform
        for element in case.body["entry"][0].get(channel, ())
    ]


LEFT, RIGHT = (
    event(message={"mid": "left", "text": "left"}),
    echo(message={"mid": "right", "text": "r", "is_echo": True}),
)


@given(st.sampled_from(_elements("messaging", "page")).flatmap(mutated), st.sampled_from(["messaging", "standby"]))
def test_a_damaged_messaging_item_does_not_affect_others(item: Any, channel: str) -> None:
    def around(*between: Any) -> list[ParsedItem | BadItem]:
        return items_of({"object": "page", "entry": [{"id": PAGE, "time": 1, channel: [LEFT, *between, RIGHT]}]})

    left, *_, right = around(item)

    assert [published(left), published(right)] == [published(one) for one in around()]


@given(st.sampled_from(_elements("changes", "whatsapp_business_account")).flatmap(mutated))
def test_a_damaged_whatsapp_change_does_not_affect_others(change: Any) -> None:
    good = {
        "field": "messages",
        "value": {"metadata": {"phone_number_id": PAGE}, "contacts": [contact()], "messages": [whatsapp_text()]},
    }

    def around(*between: Any) -> list[ParsedItem | BadItem]:
        return items_of(
            {"object": "whatsapp_business_account", "entry": [{"id": "9", "changes": [good, *between, good]}]}
        )

    left, *_, right = around(change)

    assert [published(left), published(right)] == [published(one) for one in around()]


MESSAGES = [
    message
    for change in _elements("changes", "whatsapp_business_account")
    for message in change["value"].get("messages", ())
]


@given(st.sampled_from(MESSAGES).flatmap(mutated))
def test_a_damaged_whatsapp_message_does_not_affect_others(message: Any) -> None:
    left_one, right_one = whatsapp_text(id="left"), whatsapp_text(id="right", **{"from": "4915550003"})

    def around(*between: Any) -> list[ParsedItem | BadItem]:
        value = {
            "metadata": {"phone_number_id": PAGE},
            "contacts": [contact(), contact("Grace Hopper", "4915550003")],
            "messages": [left_one, *between, right_one],
        }
        change = {"field": "messages", "value": value}
        return items_of({"object": "whatsapp_business_account", "entry": [{"id": "9", "changes": [change]}]})

    left, *_, right = around(message)

    assert [published(left), published(right)] == [published(one) for one in around()]
