"""Events of a webhook: their IDs never change, and parked and unclaimed items can be replayed."""

from datetime import timedelta
from typing import Any

import pytest

from enricher.events import inbox_enriched, item_parked, profile_requested, webhook_split, webhook_unclaimed
from enricher.parsing.items import BadItem, SplitItem
from enricher.parsing.parse import ParsedItem, parse_item
from enricher.parsing.split import Webhook, split_body, split_webhook
from shared.contracts import InboxEnrichedV1, WebhookReceivedV1, conversation_id, decode
from tests.builders import BODY, NOON, webhook_received, webhook_released
from tests.unit.enricher.bodies import contact, echo, encoded, event, page, whatsapp, whatsapp_text

LATER = NOON + timedelta(minutes=1)


def first(webhook: Webhook) -> ParsedItem:
    [split] = split_webhook(webhook)
    assert isinstance(split, SplitItem)
    return parse_item(split, received_at=webhook.received_at)


def enriched(body: Any) -> InboxEnrichedV1:
    webhook = webhook_received(body=encoded(body))
    return inbox_enriched(webhook, first(webhook), "user-1", now=LATER)


def test_ids_never_change() -> None:
    """They are stored in databases. If this test fails, the code is wrong."""
    webhook = webhook_received(body=BODY)

    found = inbox_enriched(webhook, first(webhook), "user-1", now=LATER)

    assert found.id == "3a36229fde293f59751cf03923dfd958"
    assert found.conversation_id == conversation_id("facebook", "user-1", "person-1") == "431e9058965eb902"
    assert webhook_unclaimed(webhook, first(webhook), now=LATER).id == "633ea3d72e829455f56b624ce43690a8"
    assert profile_requested(found).id == "a08a62ef6e271bd09c7763d8a4c58e53"
    manifest = webhook_split(webhook, split_webhook(webhook), now=LATER)
    assert manifest is not None
    assert manifest.id == "0e47531bd0f68f852417de7604a23daf"


def test_an_id_depends_only_on_content_platform_page_and_channel() -> None:
    alone = enriched(page(event())).id
    [_, neighbour] = split_body("facebook", encoded(page(echo(), event(), time=5)))
    assert isinstance(neighbour, SplitItem)

    assert parse_item(neighbour, received_at=LATER).id == alone
    assert enriched(page(dict(reversed(event().items())))).id == alone
    assert enriched(page(event(), channel="standby")).id != alone
    assert enriched(page(event(), kind="instagram")).id != alone
    assert enriched(page(event(), id="2")).id != alone
    assert enriched(page(event(timestamp=1))).id != alone


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(page(event()), id="messenger"),
        pytest.param(page(event(timestamp=None), kind="instagram"), id="instagram without a timestamp"),
        pytest.param(page({"field": "messages", "value": event()}, channel="changes"), id="a change"),
        pytest.param(whatsapp(messages=[whatsapp_text()], contacts=[contact()]), id="whatsapp"),
        pytest.param(whatsapp("account_update"), id="a raw item"),
    ],
)
def test_a_released_item_becomes_the_same_event_as_without_the_wait(body: Any) -> None:
    webhook = webhook_received(id="b" * 32, body=encoded(body))
    unclaimed = webhook_unclaimed(webhook, first(webhook), now=LATER)

    released = webhook_released(
        webhook_id=unclaimed.webhook_id,
        item_index=unclaimed.item_index,
        platform=unclaimed.platform,
        page_id=unclaimed.page_id,
        channel=unclaimed.channel,
        entry=unclaimed.entry,
        hops=webhook.hops,
    )

    assert inbox_enriched(released, first(released), "u", now=LATER) == inbox_enriched(
        webhook, first(webhook), "u", now=LATER
    )


def test_an_event_keeps_its_origin_and_adds_a_hop() -> None:
    webhook = webhook_received()

    found = inbox_enriched(webhook, first(webhook), "user-1", now=LATER)

    assert [(hop.service, hop.at) for hop in found.hops] == [
        *((hop.service, hop.at) for hop in webhook.hops),
        ("enricher", LATER),
    ]
    assert (found.traceparent, found.received_at, found.webhook_id) == (
        webhook.traceparent,
        webhook.received_at,
        webhook.id,
    )
    assert found.occurred_at == NOON


def test_an_item_without_a_participant_has_no_conversation() -> None:
    found = enriched(page({"field": "feed", "value": {}}, channel="changes"))

    assert (found.participant_id, found.conversation_id) == (None, None)


def test_a_parked_item_can_be_replayed_alone() -> None:
    webhook = webhook_received(id="b" * 32, body=encoded(page(event(), 7)))
    [_, bad] = split_webhook(webhook)
    assert isinstance(bad, BadItem)

    parked = item_parked(webhook, bad, handler="enricher.webhooks.v1", now=LATER)

    original = decode(parked.content_type, parked.original)
    assert isinstance(original, WebhookReceivedV1)
    assert parked.event_type == original.type_name()
    assert original.received_at == webhook.received_at
    [again] = split_webhook(original)
    assert isinstance(again, BadItem)
    assert item_parked(original, again, handler="enricher.webhooks.v1", now=LATER).id == parked.id


def test_parked_items_of_one_webhook_have_different_ids() -> None:
    webhook = webhook_received(body=encoded(page(7, 8)))

    ids = {
        item_parked(webhook, bad, handler="h", now=LATER).id
        for bad in split_webhook(webhook)
        if isinstance(bad, BadItem)
    }

    assert len(ids) == 2


def test_a_parked_item_names_its_webhook_and_its_index() -> None:
    webhook = webhook_received(id="b" * 32, body=encoded(page(7, event(), 8)))

    named = [
        (parked.webhook_id, parked.item_index)
        for bad in split_webhook(webhook)
        if isinstance(bad, BadItem)
        for parked in [item_parked(webhook, bad, handler="h", now=LATER)]
    ]

    assert named == [("b" * 32, 0), ("b" * 32, 2)]


def test_a_manifest_counts_items_per_page_and_bad_items() -> None:
    entries = [
        {"id": "2", "messaging": [event(), 7]},
        {"id": "1", "messaging": [event()], "standby": [event()]},
        5,
        {"id": "2", "messaging": [echo()]},
    ]
    webhook = webhook_received(platform="instagram", body=encoded({"object": "page", "entry": entries}))

    found = webhook_split(webhook, split_webhook(webhook), now=LATER)

    assert found is not None
    assert [(page.platform, page.page_id, page.items) for page in found.pages] == [
        ("facebook", "1", 2),
        ("facebook", "2", 2),
        ("instagram", "", 2),
    ]
    assert (found.webhook_id, found.received_at, found.traceparent) == (
        webhook.id,
        webhook.received_at,
        webhook.traceparent,
    )
    assert found == webhook_split(webhook, split_webhook(webhook), now=LATER)


def test_the_manifest_of_a_webhook_without_items_is_empty() -> None:
    webhook = webhook_received(body=encoded({"object": "page", "entry": []}))

    assert webhook_split(webhook, split_webhook(webhook), now=LATER).pages == ()


def test_an_event_contains_the_other_ids_of_its_customer() -> None:
    body = whatsapp(messages=[whatsapp_text()], contacts=[contact(user_id="US.1")])

    assert enriched(body).participant_aliases == ("US.1",)
