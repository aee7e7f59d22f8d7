"""Bodies are split into items. A bad item does not affect the others."""

from typing import Any

import msgspec
import pytest

from enricher.parsing.decode import decode_body
from enricher.parsing.errors import UnreadableBody
from enricher.parsing.items import BadItem, SplitItem
from enricher.parsing.split import MAX_ITEMS, minimal_entry, split_body, split_entry
from shared.contracts import Platform
from tests.unit.enricher.bodies import (
    CUSTOMER,
    PAGE,
    TIME,
    contact,
    echo,
    encoded,
    event,
    page,
    whatsapp,
    whatsapp_text,
)


def items(body: Any, platform: Platform = "facebook") -> list[SplitItem]:
    found = split_body(platform, encoded(body))
    assert all(isinstance(item, SplitItem) for item in found), found
    return [item for item in found if isinstance(item, SplitItem)]


def test_items_of_all_entries_and_channels_are_found_in_order() -> None:
    body = {
        "object": "page",
        "entry": [
            {
                "id": "1",
                "messaging": [event(), echo()],
                "standby": [event()],
                "changes": [{"field": "feed", "value": {}}],
            },
            {"id": "2", "messaging": [event()]},
        ],
    }

    found = items(body)

    assert [(item.page_id, item.channel, item.index) for item in found] == [
        ("1", "messaging", 0),
        ("1", "messaging", 1),
        ("1", "standby", 2),
        ("1", "changes", 3),
        ("2", "messaging", 4),
    ]


def test_each_message_status_and_echo_of_a_whatsapp_change_is_an_item() -> None:
    status = {"id": "wamid.0", "status": "read", "recipient_id": "4915550002"}
    body = whatsapp(
        messages=[whatsapp_text(), whatsapp_text(id="wamid.2", **{"from": "4915550003"})],
        statuses=[status],
        message_echoes=[whatsapp_text(id="wamid.3")],
        contacts=[contact(), contact("Grace Hopper", "4915550003")],
    )

    found = items(body)

    assert [(item.part, item.page_id, item.channel) for item in found] == [
        ("messages", PAGE, "changes"),
        ("messages", PAGE, "changes"),
        ("message_echoes", PAGE, "changes"),
        ("statuses", PAGE, "changes"),
    ]
    assert [item.contact and item.contact["profile"]["name"] for item in found] == [
        "Ada Lovelace",
        "Grace Hopper",
        None,
        "Ada Lovelace",
    ]


def test_a_whatsapp_change_without_lists_is_one_item() -> None:
    change = {"field": "phone_number_quality_update", "value": {"event": "FLAGGED"}}

    [item] = items({"object": "whatsapp_business_account", "entry": [{"id": "900", "changes": [change]}]})

    assert (item.page_id, item.body) == ("900", change)


def test_the_only_contact_is_the_author_of_the_only_message() -> None:
    [item] = items(
        whatsapp(messages=[whatsapp_text(**{"from": "5521999990000"})], contacts=[contact(wa_id="552199990000")])
    )

    assert item.contact is not None


@pytest.mark.parametrize(
    ("body", "posted_to", "platform"),
    [
        pytest.param(page(event()), "instagram", "facebook", id="page"),
        pytest.param(page(event(), kind="instagram"), "facebook", "instagram", id="instagram"),
        pytest.param(whatsapp(messages=[whatsapp_text()]), "facebook", "whatsapp", id="whatsapp"),
        pytest.param(page(event(), kind="something"), "instagram", "instagram", id="unknown"),
        pytest.param({"entry": page(event())["entry"]}, "instagram", "instagram", id="absent"),
        pytest.param({"object": ["page"], "entry": page(event())["entry"]}, "instagram", "instagram", id="not text"),
    ],
)
def test_the_platform_is_the_bodys_object_or_else_the_url(body: Any, posted_to: Platform, platform: Platform) -> None:
    assert [item.platform for item in items(body, posted_to)] == [platform]


def test_a_list_of_bodies_is_split_like_one() -> None:
    found = items([page(event()), page(echo(), kind="instagram")])

    assert [(item.platform, item.index) for item in found] == [("facebook", 0), ("instagram", 1)]


@pytest.mark.parametrize(
    ("entry_id", "item", "page_id"),
    [
        pytest.param(PAGE, event(), PAGE, id="the entry"),
        pytest.param(int(PAGE), event(), PAGE, id="the entry, as an integer"),
        pytest.param("55", event(), "55", id="the entry, not the item"),
        pytest.param("0", event(), PAGE, id="test webhook, recipient"),
        pytest.param(None, event(), PAGE, id="entry without ID, recipient"),
        pytest.param(None, echo(), PAGE, id="entry without ID, sender of an echo"),
    ],
)
def test_the_page_is_found(entry_id: Any, item: Any, page_id: str) -> None:
    [found] = items({"object": "page", "entry": [{"id": entry_id, "messaging": [item]}]})

    assert found.page_id == page_id


def test_a_messaging_shaped_change_is_a_messaging_item() -> None:
    [item] = items(page({"field": "messages", "value": event()}, channel="changes"))

    assert (item.shape, item.channel, item.body) == ("event", "changes", event())


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"id": "c", "text": "x", "from": {"id": "5"}, "message": {"x": 1}}, id="a comment"),
        pytest.param({"sender": {"id": "5"}, "item": "status", "message": "x"}, id="a post with a sender"),
        pytest.param({"page_id": "5"}, id="no parties"),
    ],
)
def test_a_change_without_parties_or_kind_is_not_a_messaging_item(value: Any) -> None:
    [item] = items(page({"field": "feed", "value": value}, channel="changes"))

    assert item.shape == "change"


def test_errors_belong_to_the_only_item_or_are_items() -> None:
    error = {"code": 131000}

    [item] = items(whatsapp(messages=[whatsapp_text()], errors=[error]))
    found = items(whatsapp(messages=[whatsapp_text(), whatsapp_text(id="wamid.2")], errors=[error]))

    assert item.errors == (error,)
    assert [(one.part, one.errors) for one in found] == [("messages", ()), ("messages", ()), ("errors", ())]


def test_an_entry_without_known_content_is_one_item() -> None:
    [item] = items({"object": "page", "entry": [{"id": PAGE, "time": TIME, "changed_fields": ["feed"]}]})

    assert (item.shape, item.page_id) == ("entry", PAGE)


@pytest.mark.parametrize("bad", [None, 5, "text", [], [[event()]]])
@pytest.mark.parametrize("channel", ["messaging", "standby", "changes"])
def test_an_item_that_is_not_an_object_does_not_affect_others(bad: Any, channel: str) -> None:
    neighbours = [event(), echo()]
    if channel == "changes":
        neighbours = [{"field": "messages", "value": value} for value in neighbours]

    found = split_body("facebook", encoded(page(neighbours[0], bad, neighbours[1], channel=channel)))

    assert [type(item) for item in found] == [SplitItem, BadItem, SplitItem]
    assert [item.index for item in found] == [0, 1, 2]
    assert isinstance(found[1], BadItem)
    assert decode_body(found[1].body) == page(bad, channel=channel)


def test_a_bad_item_of_a_whatsapp_change_is_parked_alone() -> None:
    body = whatsapp(messages=[whatsapp_text(), 7], contacts=[contact()])

    good, bad = split_body("whatsapp", encoded(body))

    assert isinstance(good, SplitItem)
    assert isinstance(bad, BadItem)
    assert decode_body(bad.body) == whatsapp(messages=[7])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"object": "page", "entry": [5]}, id="an entry that is not an object"),
        pytest.param({"object": "page", "entry": [{"messaging": [{"message": {}}]}]}, id="no page"),
        pytest.param({"object": "page", "entry": [{"id": "a/../b", "messaging": [{}]}]}, id="a page ID with slashes"),
        pytest.param({"object": "page", "entry": [{"id": "..", "changes": [{}]}]}, id="a page ID that is a path"),
        pytest.param({"object": "page", "entry": [{"id": 1.5, "messaging": [{}]}]}, id="a float as page ID"),
        pytest.param({"object": "page", "entry": [{"id": True, "messaging": [{}]}]}, id="true as page ID"),
        pytest.param(
            {"object": "page", "entry": [{"id": "9" * 129, "messaging": [{}]}]}, id="a page ID that is too long"
        ),
        pytest.param({"object": "page", "entry": [{"about": "nobody"}]}, id="an unknown entry without page"),
        pytest.param({"object": "whatsapp_business_account", "entry": [{"changes": [{"value": {}}]}]}, id="no number"),
        pytest.param([[]], id="a list in a list"),
        pytest.param([{"object": "user"}], id="an unknown object in a list"),
    ],
)
def test_an_item_without_a_page_is_bad_and_stays_bad_when_replayed(body: Any) -> None:
    [bad] = split_body("facebook", encoded(body))
    assert isinstance(bad, BadItem)

    [again] = split_body("facebook", bad.body)

    assert again == bad


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(5, id="a number"),
        pytest.param("text", id="a text"),
        pytest.param(None, id="null"),
        pytest.param([], id="an empty list"),
        pytest.param({}, id="an empty object"),
        pytest.param({"object": "user", "entry": []}, id="an unknown object without entries"),
        pytest.param({"object": "page"}, id="no entries"),
        pytest.param({"object": "page", "entry": "x"}, id="entries that are text"),
    ],
)
def test_a_body_with_nothing_to_split_is_unreadable(body: Any) -> None:
    with pytest.raises(UnreadableBody):
        split_body("facebook", encoded(body))


def test_an_empty_list_of_entries_has_no_items() -> None:
    assert split_body("facebook", encoded({"object": "page", "entry": []})) == []
    assert split_body("facebook", encoded(page())) == []


def test_a_body_with_too_many_items_is_unreadable() -> None:
    assert len(split_body("facebook", encoded(page(*[{}] * MAX_ITEMS)))) == MAX_ITEMS
    with pytest.raises(UnreadableBody, match="more than"):
        split_body("facebook", encoded(page(*[{}] * (MAX_ITEMS + 1))))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(page(event(), echo()), id="messaging"),
        pytest.param(page(event(), channel="standby"), id="standby"),
        pytest.param(page({"field": "messages", "value": event()}, channel="changes"), id="messaging in changes"),
        pytest.param(page({"field": "feed", "value": {"item": "post"}}, channel="changes"), id="a change"),
        pytest.param(
            {"object": "page", "entry": [{"id": 0, "messaging": [event(), echo()]}]}, id="no page in the entry"
        ),
        pytest.param({"object": "page", "entry": [{"id": PAGE, "x": 1}]}, id="an unknown entry"),
        pytest.param(whatsapp(messages=[whatsapp_text()], contacts=[contact()]), id="whatsapp"),
        pytest.param(
            whatsapp(messages=[whatsapp_text(), whatsapp_text(**{"from": "1"})], contacts=[contact()]), id="one contact"
        ),
        pytest.param(whatsapp(field="account_update", event="X"), id="a whole whatsapp change"),
        pytest.param(whatsapp(messages=[whatsapp_text()], errors=[{"code": 1}, 5]), id="a message and its errors"),
        pytest.param(whatsapp(messages=[whatsapp_text()] * 2, errors=[{"code": 1}]), id="messages and an error"),
        pytest.param(whatsapp(errors=[{"code": 1}, {"code": 2}]), id="errors only"),
        pytest.param(whatsapp("user_id_update", user_id_update=[{"wa_id": "1"}], contacts=[contact()]), id="a new id"),
        pytest.param(
            page({"field": "messaging_seen", "value": {"read": {"mid": "m"}}}, channel="changes"),
            id="a read without sender",
        ),
    ],
)
def test_an_item_split_from_its_minimal_entry_is_the_same_item(body: Any) -> None:
    for item in items(body):
        [again] = split_entry(item.platform, minimal_entry(item), item.index)

        assert isinstance(again, SplitItem)
        assert minimal_entry(again) == minimal_entry(item)
        keys = ("platform", "page_id", "channel", "index", "shape", "body", "part", "contact", "errors")
        assert [getattr(again, key) for key in keys] == [getattr(item, key) for key in keys]


def test_a_minimal_entry_contains_nothing_of_other_items() -> None:
    body = whatsapp(
        messages=[whatsapp_text(), whatsapp_text(**{"from": "4915550003", "text": {"body": "secret"}})],
        contacts=[contact(), contact("Grace Hopper", "4915550003")],
    )

    entry = msgspec.json.decode(minimal_entry(items(body)[0]))

    [change] = entry["changes"]
    assert change["value"]["messages"] == [whatsapp_text()]
    assert change["value"]["contacts"] == [contact()]
    assert CUSTOMER not in minimal_entry(items(page(event(), event(sender={"id": "1"})))[1]).decode()
