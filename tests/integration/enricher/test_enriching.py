"""Webhooks become inbox events with an owner, a conversation and a name, whatever the store and the Graph API do."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from shared.contracts import (
    Event,
    InboxEnrichedV1,
    MessageItem,
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
from tests.integration.enricher.worlds import World, known, received, world
from tests.recorder import eventually
from tests.unit.enricher.bodies import CUSTOMER, PAGE, contact, echo, event, page, whatsapp, whatsapp_text

BUDGET_SECONDS = 0.8
"""More than is usual: on a busy machine what need not wait still takes some of it."""
SLACK_SECONDS = 0.7
"""What a busy machine may add."""


def message(text: str, sender: str = CUSTOMER) -> dict[str, Any]:
    return event(sender={"id": sender}, message={"mid": f"m-{text}", "text": text})


def names(made: World) -> dict[str, str | None]:
    return {
        found.item.content or "": found.participant.name if found.participant else None
        for found in made.inbox
        if isinstance(found.item, MessageItem)
    }


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


async def test_a_customer_who_is_known_costs_no_second_call() -> None:
    async with world() as made:
        made.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}
        for text in ("one", "two", "three"):
            await made.broker.publish([received(page(message(text)))])

        assert names(made) == dict.fromkeys(("one", "two", "three"), "Ada Lovelace")
        assert made.graph.calls == [CUSTOMER]
        assert [path for path in made.store.asked if "lookups" not in path] == [
            f"/internal/accounts/facebook/{PAGE}",
            "/internal/participants",
        ]


async def test_a_customer_whom_the_store_knows_costs_no_call() -> None:
    async with world() as made:
        made.store.known = [known(CUSTOMER, "Ada Lovelace")]

        await made.broker.publish([received(page(message("hello")))])

        assert names(made) == {"hello": "Ada Lovelace"}
        assert (made.graph.calls, made.requested) == ([], [])


async def test_an_old_name_serves_at_once_and_is_refreshed_later() -> None:
    async with world() as made:
        made.store.known = [known(CUSTOMER, "Ada Byron", hours_ago=48)]
        made.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}

        await made.broker.publish([received(page(message("hello")))])
        await made.broker.publish([received(page(message("again")))])

        assert names(made) == {"hello": "Ada Byron", "again": "Ada Byron"}
        assert (made.graph.calls, len(made.requested)) == ([], 1)
        await made.lookup_is_due()
        await made.broker.publish([received(page(message("later")))])
        assert names(made)["later"] == "Ada Lovelace"


async def test_echoes_facts_raw_items_and_whatsapp_look_nobody_up() -> None:
    async with world() as made:
        made.store.connect("1042")
        told: tuple[dict[str, Any], ...] = (
            {"reaction": {"mid": "m", "emoji": "x"}},
            {"read": {"watermark": 1}},
            {"message_edit": {"mid": "m", "text": "x"}},
            {"referral": {"ref": "r"}},
            {"surprise": {}},
        )
        facts = [event(message=None, **one) for one in told]
        text = whatsapp(messages=[whatsapp_text()], contacts=[contact()])
        unnamed = whatsapp(messages=[whatsapp_text(id="wamid.2")])

        await made.broker.publish([received(page(echo(), *facts)), received(text), received(unnamed)])

        assert len(made.inbox) == 8
        assert names(made)["how can we help?"] is None
        assert "Ada Lovelace" in [found.participant and found.participant.name for found in made.inbox]
        assert made.graph.calls == []


async def test_what_an_app_of_ours_has_sent_is_our_own() -> None:
    async with world() as made:
        theirs = echo(message={"mid": "m_3", "text": "theirs", "is_echo": True, "app_id": 43})

        await made.broker.publish([received(page(echo(), theirs))])

        via = {found.item.content: found.item.sent_via for found in made.inbox if isinstance(found.item, MessageItem)}
        assert via == {"how can we help?": "own_app", "theirs": "other_app"}


async def test_a_slow_graph_api_costs_a_message_its_budget_and_the_name_follows() -> None:
    async with world(profile_budget_seconds=BUDGET_SECONDS) as made:
        made.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}
        made.graph.delays_seconds[CUSTOMER] = 2.0
        started = asyncio.get_running_loop().time()

        await made.broker.publish([received(page(message("hello")))])

        assert BUDGET_SECONDS - 0.05 < made.at("hello") - started < BUDGET_SECONDS + SLACK_SECONDS
        assert names(made) == {"hello": None}
        [request] = made.requested
        assert (request.user_id, request.page_id, request.participant_id) == ("user-1", PAGE, CUSTOMER)
        await made.lookup_is_due()
        [resolved] = made.resolved
        assert resolved.profile is not None
        assert resolved.profile.name == "Ada Lovelace"
        assert made.graph.calls == [CUSTOMER], "the call that had come late was used"


async def test_messages_that_need_no_waiting_do_not_wait_for_those_that_do() -> None:
    async with world(profile_budget_seconds=BUDGET_SECONDS) as made:
        made.graph.people = {"1": {"name": "Slow"}, "2": {"name": "Quick"}}
        made.graph.delays_seconds["1"] = 5.0
        made.store.known = [known("3", "Known")]
        body = page(message("slow", "1"), message("quick", "2"), message("known", "3"), echo())
        started = asyncio.get_running_loop().time()

        await made.broker.publish([received(body)])

        for text in ("quick", "known", "how can we help?"):
            assert made.at(text) - started < BUDGET_SECONDS - 0.05
        assert made.at("slow") - started < BUDGET_SECONDS + SLACK_SECONDS
        assert names(made) == {"slow": None, "quick": "Quick", "known": "Known", "how can we help?": None}


async def test_a_dead_graph_api_soon_costs_nothing_and_names_are_requested() -> None:
    async with world(profile_budget_seconds=BUDGET_SECONDS) as made:
        made.graph.error = (500, {"error": {"code": 1, "message": "down"}})
        for number in range(5):
            await made.broker.publish([received(page(message(f"x{number}", f"{number}")))])
        await eventually(
            lambda: made.calls_that_ended("unavailable") == 6
        )  # on a busy machine the last one outlives its message
        made.graph.delays_seconds = {f"{number}": 5.0 for number in range(5, 50)}
        started = asyncio.get_running_loop().time()

        await made.broker.publish([received(page(*(message(f"x{number}", f"{number}") for number in range(5, 50))))])

        assert made.at("x49") - started < BUDGET_SECONDS - 0.05
        assert len(made.graph.calls) == 6, "the first failure is tried again"
        assert {request.participant_id for request in made.requested} == {f"{number}" for number in range(50)}


async def test_a_graph_api_that_nobody_listens_at_is_dead_too() -> None:
    async with world(graph_url="http://127.0.0.1:9") as made:
        await made.broker.publish([received(page(message("hello")))])

        assert names(made) == {"hello": None}
        assert len(made.requested) == 1


async def test_a_look_up_is_requested_once_until_it_is_made() -> None:
    async with world() as made:
        made.graph.error = (400, {"error": {"code": 190, "message": "expired"}})
        for text in ("one", "two", "three"):
            await made.broker.publish([received(page(message(text)))])

        assert names(made) == dict.fromkeys(("one", "two", "three"))
        assert (len(made.requested), made.graph.calls) == (1, [CUSTOMER])


async def test_somebody_without_consent_is_not_asked_for_again_and_again() -> None:
    async with world() as made:
        made.graph.error = (400, {"error": {"code": 100, "error_subcode": 33}})
        for text in ("one", "two"):
            await made.broker.publish([received(page(message(text)))])

        assert (made.requested, made.graph.calls) == ([], [CUSTOMER])


async def test_a_page_without_a_token_costs_no_call_and_no_request() -> None:
    async with world() as made:
        made.store.connect(PAGE, token=None)

        await made.broker.publish([received(page(message("hello")))])

        assert names(made) == {"hello": None}
        assert (made.graph.calls, made.requested) == ([], [])


async def test_an_id_that_is_no_path_never_reaches_the_graph_api() -> None:
    async with world() as made:
        await made.broker.publish([received(page(message("hello", "../me?x=1"), message("dots", "..")))])

        assert names(made) == {"hello": None, "dots": None}
        assert (made.graph.calls, made.requested) == ([], [])


async def test_a_look_up_that_fails_is_put_off_and_one_without_token_ends() -> None:
    async with world() as made:
        made.graph.error = (500, {"error": {"code": 2, "message": "later"}})
        await made.broker.publish([received(page(message("hello")))])
        before = datetime.now(UTC)

        await made.lookup_is_due()

        [put_off] = made.resolved
        assert put_off.profile is None
        assert put_off.retry_at is not None
        assert put_off.retry_at > before
        made.store.connect(PAGE, token=None)
        await made.broker.publish([account_changed(page_id=PAGE, version=2)])
        await made.lookup_is_due()
        assert (made.resolved[1].profile, made.resolved[1].retry_at) == (None, None)


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
        assert alone.reason == "an item of messaging that is no object"
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
        assert (await client.get("/readyz")).json()["problems"] == ["Look-ups of profiles have stopped: restart."]


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
