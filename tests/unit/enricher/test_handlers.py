"""Many thousands of items are published in slices, and the handler yields to the event loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from prometheus_client import CollectorRegistry

from enricher.accounts import AccountCache
from enricher.handlers import CONCURRENT_PUBLISHES, EVENTS_PER_PUBLISH, WebhookHandler
from enricher.metrics import Metrics
from shared.contracts import Event, InboxEnrichedV1, Platform
from shared.contracts.internal import Owner, PageOwners
from shared.messaging.outcomes import DONE
from shared.security.app_secrets import AppSecrets, parse_app_secrets
from tests.builders import NOON, webhook_received
from tests.unit.enricher.bodies import PAGE, echo, event, page
from tests.unit.enricher.profiles.harness import ProfileHarness

WEBHOOKS, ITEMS = 8, 1000


class StoreAndBroker:
    """The store, as a source of owners, and the broker."""

    def __init__(self, token: str) -> None:
        self.owner = Owner(
            user_id="user-1", owned_from=NOON, owned_until=None, status="connected", token_ciphertext=token
        )
        self.slices: list[int] = []
        self.published = 0
        self.in_flight = 0
        self.max_in_flight = 0

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        return PageOwners(platform=platform, page_id=page_id, version=1, owners=(self.owner,))

    async def publish(self, events: Sequence[Event]) -> None:
        self.slices.append(len(events))
        self.published += sum(isinstance(one, InboxEnrichedV1) for one in events)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1


@pytest.fixture
async def profiles() -> AsyncIterator[ProfileHarness]:
    harness = ProfileHarness()
    yield harness
    await harness.directory.close()


def handler(profiles: ProfileHarness, store_and_broker: StoreAndBroker) -> WebhookHandler:
    metrics = Metrics(CollectorRegistry())
    return WebhookHandler(
        accounts=AccountCache(store_and_broker, monotonic=profiles.monotonic, metrics=metrics),
        profiles=profiles.directory,
        publisher=store_and_broker,
        metrics=metrics,
        budget_seconds=0.3,
        monotonic=asyncio.get_running_loop().time,
        utc_now=profiles.utc_now,
        app_secrets=AppSecrets(parse_app_secrets(["an-app-secret-of-tests"])),
    )


async def test_large_webhooks_are_published_in_slices_and_the_handler_yields(profiles: ProfileHarness) -> None:
    store_and_broker = StoreAndBroker(profiles.token.ciphertext)
    body = json.dumps(page(*(echo() for _ in range(ITEMS)))).encode()
    webhooks = [webhook_received(id=f"{number:032x}", body=body) for number in range(WEBHOOKS)]
    handling = asyncio.create_task(handler(profiles, store_and_broker)(webhooks))
    yields = 0
    while not store_and_broker.slices:
        yields += 1
        await asyncio.sleep(0)

    assert await handling == [DONE] * WEBHOOKS

    assert yields > WEBHOOKS
    assert store_and_broker.published == WEBHOOKS * ITEMS
    assert max(store_and_broker.slices) <= EVENTS_PER_PUBLISH


async def test_concurrent_publishes_are_bounded(profiles: ProfileHarness) -> None:
    store_and_broker = StoreAndBroker(profiles.token.ciphertext)
    messages = (event(sender={"id": f"{number}"}) for number in range(ITEMS))
    webhook = webhook_received(body=json.dumps(page(*messages, id=PAGE)).encode())

    assert await handler(profiles, store_and_broker)([webhook]) == [DONE]

    assert store_and_broker.published == ITEMS
    assert store_and_broker.max_in_flight <= CONCURRENT_PUBLISHES
