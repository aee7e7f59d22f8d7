"""Webhooks become inbox events with an owner, a conversation and a name, whatever the store and the Graph API do."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from shared.contracts import (
    Event,
    InboxEnrichedV1,
    PageItems,
    ProfileResolvedV1,
    RawItem,
    WebhookReleasedV1,
    WebhookUnclaimedV1,
    conversation_id,
)
from shared.contracts.internal import Lookup
from shared.errors import DependencyUnavailable
from shared.messaging.local import LocalBroker
from tests.builders import account_changed
from tests.integration.enricher.worlds import names, received, world
from tests.recorder import eventually
from tests.unit.enricher.bodies import CUSTOMER, PAGE, echo, event, message, page


async def test_a_message_gets_an_owner_a_conversation_and_a_name() -> None:
    async with world() as made:
        made.graph.people[CUSTOMER] = {"name": "Ada Lovelace", "id": CUSTOMER}
        webhook = received(page(event()))

        await made.broker.publish([webhook])

        [found] = made.inbox
        assert (found.user_id, found.page_id, found.participant_id) == ("user-1", PAGE, CUSTOMER)
        assert found.conversation_id == conversation_id("facebook", "user-1", CUSTOMER)
        assert found.participant is not None
        assert found.participant.name == "Ada Lovelace"
        assert (found.webhook_id, found.received_at) == (webhook.id, webhook.received_at)
        assert [hop.service for hop in found.hops] == ["enricher"]
        assert made.requested == []


async def test_an_item_of_a_page_that_nobody_connected_waits_and_is_enriched_when_released() -> None:
    async with world() as made:
        made.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}
        webhook = received(page(message("early"), id="2050"))
        await made.broker.publish([webhook])
        assert made.inbox == []
        [waiting] = made.unclaimed

        made.store.connect("2050", "user-2")
        await made.broker.publish([released(waiting, account_version=1)])

        [found] = made.inbox
        assert (found.user_id, found.webhook_id, found.item_index) == ("user-2", webhook.id, 0)
        assert [manifest.webhook_id for manifest in made.manifests] == [webhook.id], "told once, when it came"
        assert found.received_at == webhook.received_at
        assert names(made) == {"early": "Ada Lovelace"}


def released(waiting: WebhookUnclaimedV1, *, account_version: int) -> WebhookReleasedV1:
    return WebhookReleasedV1(
        id=waiting.id,
        occurred_at=waiting.occurred_at,
        received_at=waiting.received_at,
        webhook_id=waiting.webhook_id,
        item_index=waiting.item_index,
        platform=waiting.platform,
        page_id=waiting.page_id,
        channel=waiting.channel,
        entry=waiting.entry,
        account_version=account_version,
    )


async def test_a_page_that_changes_hands_is_noticed_at_once() -> None:
    async with world() as made:
        await made.broker.publish([received(page(echo()))])
        made.store.connect(PAGE, "user-2")

        await made.broker.publish([account_changed(page_id=PAGE, version=2)])
        await made.broker.publish([received(page(echo()))])

        assert [found.user_id for found in made.inbox] == ["user-1", "user-2"]


async def test_a_page_that_is_connected_again_is_called_again_at_once() -> None:
    async with world() as made:
        made.graph.error = (400, {"error": {"code": 190, "message": "expired"}})
        await made.broker.publish([received(page(message("one", "1")))])
        made.graph.error = None
        made.graph.people["2"] = {"name": "Grace Hopper"}

        made.store.connect(PAGE)
        await made.broker.publish([account_changed(page_id=PAGE, version=2)])
        await made.broker.publish([received(page(message("two", "2")))])

        assert names(made) == {"one": None, "two": "Grace Hopper"}


async def test_while_the_store_is_away_webhooks_are_held_and_nothing_is_published() -> None:
    async with world() as made:
        made.store.is_away = True
        webhook = received(page(message("hello")))
        with pytest.raises(DependencyUnavailable):
            await made.broker.publish([webhook])
        assert made.published == []

        made.store.is_away = False
        await made.broker.publish([webhook])

        assert names(made) == {"hello": None}


async def test_while_the_store_is_away_known_pages_still_get_their_messages_and_names_come_later() -> None:
    async with world() as made:
        await made.broker.publish([received(page(echo()))])
        made.store.is_away = True

        await made.broker.publish([received(page(message("hello")))])

        assert names(made)["hello"] is None
        assert (len(made.requested), made.graph.calls) == (1, [])


async def test_an_unreadable_body_is_parked_whole_and_a_bad_item_alone() -> None:
    async with world() as made:
        await made.broker.publish([received(b"no JSON"), received(page(5, message("hello"))), received(page(echo()))])

        assert set(names(made)) == {"hello", "how can we help?"}
        whole, alone = sorted(made.parked, key=lambda parked: parked.reason)
        assert "not JSON" in whole.reason
        assert alone.reason == "an item of messaging is not an object"
        assert {whole.handler, alone.handler} == {"enricher.webhooks.v1"}
        assert {whole.event_type, alone.event_type} == {"webhook.received.v1"}
        assert (alone.webhook_id, alone.item_index) == (made.manifests[0].webhook_id, 0)
        assert [manifest.pages for manifest in made.manifests] == [
            (
                PageItems(platform="facebook", page_id="", items=1),
                PageItems(platform="facebook", page_id=PAGE, items=1),
            ),
            (PageItems(platform="facebook", page_id=PAGE, items=1),),
        ]


async def test_a_redelivered_webhook_gives_the_same_events() -> None:
    async with world() as made:
        webhook = received(page(message("hello"), echo(), event(message=None, surprise={})))
        for _ in range(2):
            await made.broker.publish([webhook])

        first, again = made.inbox[:3], made.inbox[3:]
        assert sorted(found.id for found in first) == sorted(found.id for found in again)
        assert sum(isinstance(found.item, RawItem) for found in first) == 1
        assert all(isinstance(found, InboxEnrichedV1) for found in again)


async def test_operations_tell_what_is_counted_and_what_is_wrong() -> None:
    async with world() as made, httpx.AsyncClient(base_url=f"http://127.0.0.1:{made.port}") as client:
        await made.broker.publish(
            [
                received(
                    page(message("hello"), event(message=None, read={"watermark": 1}), event(message=None, surprise={}))
                )
            ]
        )

        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert 'switchboard_enricher_items_total{kind="message",label="messaging.message"} 1.0' in metrics
        assert 'switchboard_enricher_items_total{kind="receipt",label="messaging.read"} 1.0' in metrics
        assert 'switchboard_enricher_items_total{kind="raw",label="messaging.other"} 1.0' in metrics

        made.store.is_away = True
        with pytest.raises(DependencyUnavailable):
            await made.broker.publish([received(page(echo(), id="77"))])
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["problems"] == ["The store does not answer: HTTP 503."]


class _Breaking(LocalBroker):
    """Has a bug where results of look-ups are published."""

    async def publish(self, events: Sequence[Event]) -> None:
        if any(isinstance(event, ProfileResolvedV1) for event in events):
            raise ZeroDivisionError
        await super().publish(events)


async def test_readiness_tells_that_look_ups_have_stopped() -> None:
    async with (
        world(broker=_Breaking()) as made,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{made.port}") as client,
    ):
        made.store.due.append(
            Lookup(user_id="user-1", platform="facebook", page_id=PAGE, participant_id=CUSTOMER, attempts=0)
        )
        async with asyncio.timeout(10):
            while (await client.get("/readyz")).status_code == 200:  # noqa: ASYNC110 - readiness tells only who asks
                await asyncio.sleep(0.05)
        assert (await client.get("/readyz")).json()["problems"] == [
            "Profile lookups have stopped: restart this process."
        ]


async def test_a_webhook_whose_items_take_the_store_longer_than_a_publish_may_still_gets_through() -> None:
    items = 1500
    async with world(broker=LocalBroker(deadline_seconds=0.5), store_seconds=0.3) as made:
        with pytest.raises(DependencyUnavailable):
            await made.broker.publish([received(page(*(echo() for _ in range(items))))])

        await eventually(lambda: len(made.inbox) == items, within_seconds=5)


async def test_leaving_waits_for_nobody_who_is_slow() -> None:
    async with world() as made:
        made.graph.delays_seconds[CUSTOMER] = 3.0
        await made.broker.publish([received(page(message("hello")))])
        await eventually(lambda: made.graph.calls == [CUSTOMER])
        started = asyncio.get_running_loop().time()

    assert asyncio.get_running_loop().time() - started < 2.5
