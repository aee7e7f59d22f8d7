"""Webhooks become inbox events with an owner, a conversation and a profile, whatever the store and Graph API do."""

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
    TokenRefusedV1,
    WebhookReceivedV1,
    WebhookReleasedV1,
    WebhookUnclaimedV1,
    conversation_id,
    decode,
)
from shared.contracts.internal import Lookup
from shared.errors import DependencyUnavailable
from shared.messaging.local import LocalBroker
from shared.security.app_secrets import parse_app_secrets
from tests.builders import account_changed
from tests.integration.enricher.harness import EnricherHarness, names, received, running_enricher
from tests.recorder import eventually
from tests.unit.enricher.bodies import CUSTOMER, PAGE, echo, event, message, page


async def test_a_message_gets_an_owner_a_conversation_and_a_profile() -> None:
    async with running_enricher() as enricher:
        enricher.graph.people[CUSTOMER] = {"name": "Ada Lovelace", "id": CUSTOMER}
        webhook = received(page(event()))

        await enricher.broker.publish([webhook])

        [found] = enricher.inbox
        assert (found.user_id, found.page_id, found.participant_id) == ("user-1", PAGE, CUSTOMER)
        assert found.conversation_id == conversation_id("facebook", "user-1", CUSTOMER)
        assert found.participant is not None
        assert found.participant.name == "Ada Lovelace"
        assert (found.webhook_id, found.received_at) == (webhook.id, webhook.received_at)
        assert [hop.service for hop in found.hops] == ["enricher"]
        assert enricher.requested == []


async def test_an_unclaimed_item_is_enriched_when_it_is_released() -> None:
    async with running_enricher() as enricher:
        enricher.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}
        webhook = received(page(message("early"), id="2050"))
        await enricher.broker.publish([webhook])
        assert enricher.inbox == []
        [unclaimed] = enricher.unclaimed

        enricher.store.connect("2050", "user-2")
        await enricher.broker.publish([released(unclaimed, account_version=1)])

        [found] = enricher.inbox
        assert (found.user_id, found.webhook_id, found.item_index) == ("user-2", webhook.id, 0)
        assert [manifest.webhook_id for manifest in enricher.manifests] == [webhook.id], "for the original webhook only"
        assert found.received_at == webhook.received_at
        assert names(enricher) == {"early": "Ada Lovelace"}


def released(unclaimed: WebhookUnclaimedV1, *, account_version: int) -> WebhookReleasedV1:
    return WebhookReleasedV1(
        id=unclaimed.id,
        occurred_at=unclaimed.occurred_at,
        received_at=unclaimed.received_at,
        webhook_id=unclaimed.webhook_id,
        item_index=unclaimed.item_index,
        platform=unclaimed.platform,
        page_id=unclaimed.page_id,
        channel=unclaimed.channel,
        entry=unclaimed.entry,
        account_version=account_version,
    )


async def test_a_new_owner_is_used_at_once() -> None:
    async with running_enricher() as enricher:
        await enricher.broker.publish([received(page(echo()))])
        enricher.store.connect(PAGE, "user-2")

        await enricher.broker.publish([account_changed(page_id=PAGE, version=2)])
        await enricher.broker.publish([received(page(echo()))])

        assert [found.user_id for found in enricher.inbox] == ["user-1", "user-2"]


async def test_a_new_token_is_used_at_once() -> None:
    async with running_enricher() as enricher:
        enricher.graph.error = (400, {"error": {"code": 190, "message": "expired"}})
        await enricher.broker.publish([received(page(message("one", "1")))])
        enricher.graph.error = None
        enricher.graph.people["2"] = {"name": "Grace Hopper"}

        enricher.store.connect(PAGE)
        await enricher.broker.publish([account_changed(page_id=PAGE, version=2)])
        await enricher.broker.publish([received(page(message("two", "2")))])

        assert names(enricher) == {"one": None, "two": "Grace Hopper"}


async def test_webhooks_are_held_while_the_store_is_unavailable() -> None:
    async with running_enricher() as enricher:
        enricher.store.is_unavailable = True
        webhook = received(page(message("hello")))
        with pytest.raises(DependencyUnavailable):
            await enricher.broker.publish([webhook])
        assert enricher.published == []

        enricher.store.is_unavailable = False
        await enricher.broker.publish([webhook])

        assert names(enricher) == {"hello": None}


async def test_messages_of_cached_pages_flow_while_the_store_is_unavailable() -> None:
    async with running_enricher() as enricher:
        await enricher.broker.publish([received(page(echo()))])
        enricher.store.is_unavailable = True

        await enricher.broker.publish([received(page(message("hello")))])

        assert names(enricher)["hello"] is None
        assert (len(enricher.requested), enricher.graph.calls) == (1, [])


async def test_an_unreadable_body_is_parked_whole_and_a_bad_item_alone() -> None:
    async with running_enricher() as enricher:
        await enricher.broker.publish(
            [received(b"not JSON"), received(page(5, message("hello"))), received(page(echo()))]
        )

        assert set(names(enricher)) == {"hello", "how can we help?"}
        whole, alone = sorted(enricher.parked, key=lambda parked: parked.reason)
        assert "not JSON" in whole.reason
        assert alone.reason == "an item of messaging is not an object"
        assert {whole.handler, alone.handler} == {"enricher.webhooks.v1"}
        assert {whole.event_type, alone.event_type} == {"webhook.received.v1"}
        assert (alone.webhook_id, alone.item_index) == (enricher.manifests[0].webhook_id, 0)
        assert [manifest.pages for manifest in enricher.manifests] == [
            (
                PageItems(platform="facebook", page_id="", items=1),
                PageItems(platform="facebook", page_id=PAGE, items=1),
            ),
            (PageItems(platform="facebook", page_id=PAGE, items=1),),
        ]


async def test_a_redelivered_webhook_gives_the_same_events() -> None:
    async with running_enricher() as enricher:
        webhook = received(page(message("hello"), echo(), event(message=None, surprise={})))
        for _ in range(2):
            await enricher.broker.publish([webhook])

        first, again = enricher.inbox[:3], enricher.inbox[3:]
        assert sorted(found.id for found in first) == sorted(found.id for found in again)
        assert sum(isinstance(found.item, RawItem) for found in first) == 1
        assert all(isinstance(found, InboxEnrichedV1) for found in again)


async def test_metrics_and_readiness_are_served() -> None:
    async with (
        running_enricher() as enricher,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{enricher.port}") as client,
    ):
        await enricher.broker.publish(
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

        enricher.store.is_unavailable = True
        with pytest.raises(DependencyUnavailable):
            await enricher.broker.publish([received(page(echo(), id="77"))])
        response = await client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["problems"] == ["The store does not answer: HTTP 503."]


SECRETS = ["facebook=the-secret-of-app-a", "facebook@77=the-secret-of-app-b", "whatsapp=the-secret-of-app-c"]
OF_A, OF_B, OF_C = [secret.id for secret in parse_app_secrets(SECRETS)]


@pytest.mark.parametrize(
    ("signed_by", "page_id", "is_shown"),
    [
        (OF_A, PAGE, True),
        (OF_B, "77", True),
        ("", PAGE, True),
        (OF_B, PAGE, False),
        (OF_A, "77", False),
        (OF_C, PAGE, False),
    ],
)
async def test_a_secret_of_one_app_does_not_speak_for_anothers_page(
    signed_by: str, page_id: str, *, is_shown: bool
) -> None:
    """The body of a webhook may name another platform than its path: a secret of WhatsApp reaches no Facebook page."""
    async with running_enricher(app_secrets=",".join(SECRETS)) as enricher:
        enricher.store.connect("77")
        sent = echo(sender={"id": page_id})
        webhook = received(page(sent, id=page_id), platform="whatsapp", signed_by=signed_by)

        await enricher.broker.publish([webhook])

        assert len(enricher.inbox) == is_shown
        assert [sum(each.items for each in split.pages) for split in enricher.manifests] == [1], (
            "the ledger misses nothing"
        )
        if is_shown:
            assert enricher.parked == []
            return
        [parked] = enricher.parked
        assert (parked.webhook_id, parked.item_index) == (webhook.id, 0)
        assert f"does not speak for page '{page_id}' of facebook" in parked.reason
        # A replay is judged again: the original says who signed it.
        original = decode(parked.content_type, parked.original)
        assert isinstance(original, WebhookReceivedV1)
        assert original.signed_by == signed_by
        await enricher.broker.publish([original])
        assert enricher.inbox == []


async def test_only_the_foreign_items_of_a_webhook_are_parked() -> None:
    async with running_enricher(app_secrets=",".join(SECRETS)) as enricher:
        enricher.store.connect("77")
        body = page(echo())
        body["entry"] += page(echo(sender={"id": "77"}), id="77")["entry"]

        await enricher.broker.publish([received(body, signed_by=OF_A)])

        assert [found.page_id for found in enricher.inbox] == [PAGE]
        assert [parked.item_index for parked in enricher.parked] == [1]


class _BuggyBroker(LocalBroker):
    """Fails with a bug when a background task publishes."""

    async def publish(self, events: Sequence[Event]) -> None:
        if any(isinstance(event, ProfileResolvedV1 | TokenRefusedV1) for event in events):
            raise ZeroDivisionError
        await super().publish(events)


async def problems_of(enricher: EnricherHarness) -> list[str]:
    """Return what readiness reports, once it reports anything."""
    async with httpx.AsyncClient() as client, asyncio.timeout(10):
        while (response := await client.get(f"http://127.0.0.1:{enricher.port}/readyz")).status_code == 200:  # noqa: ASYNC110 - readiness can only be polled
            await asyncio.sleep(0.05)
    found: list[str] = response.json()["problems"]
    return found


async def test_readiness_reports_that_lookups_have_stopped() -> None:
    async with running_enricher(broker=_BuggyBroker()) as enricher:
        enricher.store.due.append(
            Lookup(user_id="user-1", platform="facebook", page_id=PAGE, participant_id=CUSTOMER, attempts=0)
        )
        assert await problems_of(enricher) == [
            "A background task keeps ending because of a bug, see the log: profile lookups."
        ]


async def test_readiness_reports_that_refused_tokens_are_no_longer_reported() -> None:
    async with running_enricher(broker=_BuggyBroker()) as enricher:
        enricher.graph.error = (401, {"error": {"code": 190}})
        await enricher.broker.publish([received(page(message("hello")))])

        assert await problems_of(enricher) == [
            "A background task keeps ending because of a bug, see the log: reports of refused tokens."
        ]


async def test_a_webhook_that_needs_longer_than_one_publish_deadline_is_published() -> None:
    items = 1500
    async with running_enricher(broker=LocalBroker(deadline_seconds=0.5), store_seconds=0.3) as enricher:
        with pytest.raises(DependencyUnavailable):
            await enricher.broker.publish([received(page(*(echo() for _ in range(items))))])

        await eventually(lambda: len(enricher.inbox) == items, within_seconds=5)


async def test_shutdown_does_not_wait_for_slow_calls() -> None:
    async with running_enricher() as enricher:
        enricher.graph.delays_seconds[CUSTOMER] = 3.0
        await enricher.broker.publish([received(page(message("hello")))])
        await eventually(lambda: enricher.graph.calls == [CUSTOMER])
        started = asyncio.get_running_loop().time()

    assert asyncio.get_running_loop().time() - started < 2.5
