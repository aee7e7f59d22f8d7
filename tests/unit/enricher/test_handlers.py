"""A call that brings many thousands of items is published in slices, and leaves the process its turns."""

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
from tests.builders import NOON, webhook_received
from tests.unit.enricher.bodies import PAGE, echo, event, page
from tests.unit.enricher.profiles.people import People

WEBHOOKS, ITEMS = 8, 1000


class Outside:
    """The store of accounts and the broker."""

    def __init__(self, token: str) -> None:
        self.owner = Owner(
            user_id="user-1", owned_from=NOON, owned_until=None, status="connected", token_ciphertext=token
        )
        self.slices: list[int] = []
        self.published = 0
        self.under_way = 0
        self.most_under_way = 0

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        return PageOwners(platform=platform, page_id=page_id, version=1, owners=(self.owner,))

    async def publish(self, events: Sequence[Event]) -> None:
        self.slices.append(len(events))
        self.published += sum(isinstance(one, InboxEnrichedV1) for one in events)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1


@pytest.fixture
async def people() -> AsyncIterator[People]:
    made = People()
    yield made
    await made.directory.close()


def handler(people: People, outside: Outside) -> WebhookHandler:
    metrics = Metrics(CollectorRegistry())
    return WebhookHandler(
        accounts=AccountCache(outside, monotonic=people.clock, metrics=metrics),
        profiles=people.directory,
        publisher=outside,
        metrics=metrics,
        budget_seconds=0.3,
        monotonic=asyncio.get_running_loop().time,
        utc_now=people.now,
    )


async def test_many_large_webhooks_are_published_in_slices_while_others_get_their_turns(people: People) -> None:
    outside = Outside(people.token.ciphertext)
    body = json.dumps(page(*(echo() for _ in range(ITEMS)))).encode()
    webhooks = [webhook_received(id=f"{number:032x}", body=body) for number in range(WEBHOOKS)]
    handling = asyncio.create_task(handler(people, outside)(webhooks))
    turns = 0
    while not outside.slices:
        turns += 1
        await asyncio.sleep(0)

    assert await handling == [DONE] * WEBHOOKS

    assert turns > WEBHOOKS
    assert outside.published == WEBHOOKS * ITEMS
    assert max(outside.slices) <= EVENTS_PER_PUBLISH


async def test_many_customers_who_wait_for_their_names_are_published_a_bounded_number_at_once(people: People) -> None:
    outside = Outside(people.token.ciphertext)
    messages = (event(sender={"id": f"{number}"}) for number in range(ITEMS))
    webhook = webhook_received(body=json.dumps(page(*messages, id=PAGE)).encode())

    assert await handler(people, outside)([webhook]) == [DONE]

    assert outside.published == ITEMS
    assert outside.most_under_way <= CONCURRENT_PUBLISHES
