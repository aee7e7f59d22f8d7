"""What services can rely on, whichever adapter implements the port: one suite for all adapters."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import pytest
from prometheus_client import CollectorRegistry

from shared.contracts import (
    LONGEST_REASON,
    SHARD_COUNT,
    AnyEvent,
    InboxEnrichedV1,
    ItemParkedV1,
    derive_id,
    encode,
    shard_of,
)
from shared.errors import DependencyUnavailable, PermanentError
from shared.messaging.local import LocalBroker
from shared.messaging.outcomes import DONE, Outcome, Park
from shared.messaging.ports import Broker
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import ENRICHER_ACCOUNTS, ENRICHER_WEBHOOKS, GATEWAY_INBOX, STORE_INBOX, STORE_RECORDS
from tests import builders
from tests.fixtures.rabbitmq import empty
from tests.recorder import Listener, Recorder, eventually


async def local(_: pytest.FixtureRequest) -> AbstractAsyncContextManager[Broker]:
    return LocalBroker()


async def rabbitmq(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Broker]:
    url: str = request.getfixturevalue("broker_url")
    await empty(url)
    return RabbitBroker(url, name="contract", registry=CollectorRegistry())


@pytest.fixture(params=[local, pytest.param(rabbitmq, marks=pytest.mark.rabbitmq)], ids=["local", "rabbitmq"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    async with await request.param(request) as opened:
        await eventually(lambda: opened.is_ready)
        yield opened


async def test_what_is_published_is_handled_once(broker: Broker) -> None:
    handler = Recorder()
    events = [builders.webhook_received(id=f"{number:032x}") for number in range(200)]

    async with broker.consume(ENRICHER_WEBHOOKS, handler):
        await broker.publish(events)
        await handler.wait_for(len(events))

    assert sorted(handler.ids) == [event.id for event in events]
    assert all(len(call) <= ENRICHER_WEBHOOKS.max_events_per_call for call in handler.calls)


async def test_a_handled_event_is_the_event_that_was_published(broker: Broker) -> None:
    handler = Recorder()
    event = builders.inbox_enriched()

    async with broker.consume(STORE_INBOX, handler):
        await broker.publish([event])
        await handler.wait_for(1)

    assert handler.seen == [event]


async def test_each_queue_gets_its_own_types(broker: Broker) -> None:
    inbox, records = Recorder(), Recorder()

    async with broker.consume(STORE_INBOX, inbox), broker.consume(STORE_RECORDS, records):
        await broker.publish(
            [builders.inbox_enriched(id="a"), builders.webhook_unclaimed(id="b"), builders.profile_resolved(id="c")]
        )
        await inbox.wait_for(2)
        await records.wait_for(1)

    assert (sorted(inbox.ids), records.ids) == (["a", "c"], ["b"])


async def test_events_of_one_routing_key_keep_their_order(broker: Broker) -> None:
    handler = Recorder()
    events = [builders.inbox_enriched(id=f"{number:032x}") for number in range(300)]

    async with broker.consume(STORE_INBOX, handler):
        for start in range(0, len(events), 30):
            await broker.publish(events[start : start + 30])
        await handler.wait_for(len(events))

    assert handler.seen == events


async def test_concurrent_publishers_all_get_through(broker: Broker) -> None:
    handler = Recorder()
    ids = [f"{number:032x}" for number in range(100)]

    async with broker.consume(STORE_INBOX, handler):
        await asyncio.gather(*(broker.publish([builders.inbox_enriched(id=one)]) for one in ids))
        await handler.wait_for(len(ids))

    assert sorted(handler.ids) == ids


@pytest.mark.parametrize("parks", ["outcome", "error"])
async def test_an_event_that_cannot_succeed_is_parked_without_its_neighbours(broker: Broker, parks: str) -> None:
    bad = builders.inbox_enriched(id="bad")
    records = Recorder()
    handled: list[str] = []

    async def handler(events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        if parks == "error" and bad in events:
            raise PermanentError("it is no use")
        handled.extend(event.id for event in events if event != bad)
        return [Park("it is no use") if event == bad else DONE for event in events]

    async with broker.consume(STORE_RECORDS, records), broker.consume(STORE_INBOX, handler):
        await broker.publish([builders.inbox_enriched(id="good"), bad, builders.inbox_enriched(id="fine")])
        await records.wait_for(1)
        await eventually(lambda: {"good", "fine"} <= set(handled))

    assert records.seen == [parked(bad, "it is no use" if parks == "outcome" else "PermanentError: it is no use")]


async def test_a_parked_item_keeps_the_beginning_of_a_long_reason(broker: Broker) -> None:
    bad = builders.inbox_enriched(id="bad")
    records = Recorder()

    async def handler(events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        return [Park("x" * 100_000) for _ in events]

    async with broker.consume(STORE_RECORDS, records), broker.consume(STORE_INBOX, handler):
        await broker.publish([bad])
        await records.wait_for(1)

    assert records.seen == [parked(bad, "x" * LONGEST_REASON)]


def parked(event: InboxEnrichedV1, reason: str) -> ItemParkedV1:
    assert event.hops
    return ItemParkedV1(
        id=derive_id("parked", STORE_INBOX.name, event.id),
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        traceparent=event.traceparent,
        hops=event.hops,
        handler=STORE_INBOX.name,
        reason=reason,
        attempts=1,
        event_type="inbox.enriched.v1",
        content_type=event.wire,
        original=encode(event),
    )


async def test_a_subscription_receives_nothing_before_a_shard_is_bound(broker: Broker) -> None:
    listener = Listener()
    shard = shard_of("user-1")

    async with broker.subscribe(GATEWAY_INBOX, listener, on_gap=listener.on_gap) as subscription:
        await broker.publish([builders.inbox_persisted(seq=1)])
        await subscription.bind(shard)
        await broker.publish([builders.inbox_persisted(seq=2)])
        await eventually(lambda: len(listener.seen) >= 1)

    assert listener.seen == [builders.inbox_persisted(seq=2)]
    assert listener.gaps == 0


async def test_a_subscription_receives_its_bound_shards_and_no_others(broker: Broker) -> None:
    listener = Listener()
    users = {shard_of(f"user-{number}"): f"user-{number}" for number in range(200)}
    assert len(users) == SHARD_COUNT

    async with broker.subscribe(GATEWAY_INBOX, listener, on_gap=listener.on_gap) as subscription:
        for shard in (3, 7):
            await subscription.bind(shard)
        await broker.publish([builders.inbox_persisted(user_id=user) for user in users.values()])
        await broker.publish([builders.inbox_persisted(user_id=users[7], seq=2)])
        await eventually(lambda: len(listener.seen) >= 3)

    received = {event.user_id for event in listener.seen if hasattr(event, "user_id")}
    assert received == {users[3], users[7]}


async def test_an_unbound_shard_is_received_no_longer(broker: Broker) -> None:
    listener = Listener()
    stays, goes = "user-1", "user-3"
    assert shard_of(stays) != shard_of(goes)

    async with broker.subscribe(GATEWAY_INBOX, listener, on_gap=listener.on_gap) as subscription:
        await subscription.bind(shard_of(stays))
        await subscription.bind(shard_of(goes))
        await subscription.unbind(shard_of(goes))
        await broker.publish([builders.inbox_persisted(user_id=goes)])
        await broker.publish([builders.inbox_persisted(user_id=stays)])
        await eventually(lambda: len(listener.seen) >= 1)

    assert listener.seen == [builders.inbox_persisted(user_id=stays)]


async def test_a_shard_that_is_bound_again_at_once_is_received(broker: Broker) -> None:
    listener = Listener()
    shard = shard_of("user-1")

    async with broker.subscribe(GATEWAY_INBOX, listener, on_gap=listener.on_gap) as subscription:
        await subscription.bind(shard)
        for seq in range(1, 21):
            await subscription.unbind(shard)
            for _ in range(seq % 4):
                await asyncio.sleep(0)  # unbinding is under way
            await subscription.bind(shard)
            await broker.publish([builders.inbox_persisted(seq=seq)])
            await eventually(lambda number=seq: len(listener.seen) >= number, within_seconds=5)  # type: ignore[misc]  # a default of a lambda

    assert listener.gaps == 0


async def test_every_subscription_receives_everything_in_order(broker: Broker) -> None:
    one, other = Listener(), Listener()
    events = [builders.inbox_persisted(seq=number) for number in range(1, 301)]

    async with (
        broker.subscribe(GATEWAY_INBOX, one, on_gap=one.on_gap) as first,
        broker.subscribe(GATEWAY_INBOX, other, on_gap=other.on_gap) as second,
    ):
        await first.bind(shard_of("user-1"))
        await second.bind(shard_of("user-1"))
        for start in range(0, len(events), 50):
            await broker.publish(events[start : start + 50])
        await eventually(lambda: len(one.seen) >= 300 and len(other.seen) >= 300)

    assert one.seen == other.seen == events


async def test_types_without_a_shard_key_use_shard_0(broker: Broker) -> None:
    listener = Listener()

    async with broker.subscribe(ENRICHER_ACCOUNTS, listener, on_gap=listener.on_gap) as subscription:
        await subscription.bind(0)
        await broker.publish([builders.account_changed()])
        await eventually(lambda: len(listener.seen) >= 1)

    assert listener.seen == [builders.account_changed()]


async def test_events_without_a_subscriber_can_be_published(broker: Broker) -> None:
    await broker.publish([builders.account_changed(), builders.inbox_persisted()])


async def test_publishing_no_events_succeeds(broker: Broker) -> None:
    await broker.publish([])


async def test_leaving_lets_a_running_call_finish(broker: Broker) -> None:
    started, may_end = asyncio.Event(), asyncio.Event()
    finished: list[str] = []

    async def handler(events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        started.set()
        await may_end.wait()
        finished.extend(event.id for event in events)
        return [DONE for _ in events]

    async with broker.consume(STORE_INBOX, handler):
        publishing = asyncio.create_task(broker.publish([builders.inbox_enriched(id="a")]))
        await started.wait()
        asyncio.get_running_loop().call_later(0.05, may_end.set)
    await publishing

    assert finished == ["a"]


async def test_a_closed_broker_refuses_to_publish() -> None:
    async with LocalBroker() as broker:
        pass

    with pytest.raises(DependencyUnavailable):
        await broker.publish([builders.inbox_enriched()])
