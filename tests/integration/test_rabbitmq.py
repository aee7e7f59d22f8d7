"""What only a broker with queues on disk can guarantee, tested with a real RabbitMQ."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from prometheus_client import CollectorRegistry

from shared.contracts import AnyEvent, ItemParkedV1, Wire, encode, join
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.outcomes import DONE, Outcome, Park, Retry
from shared.messaging.rabbitmq import QueueBounds, RabbitBroker
from shared.messaging.topology import DEAD_LETTER_QUEUE, EXCHANGE, WorkQueue
from tests import builders
from tests.fixtures.rabbitmq import QuickQueues
from tests.integration.brokers import connected
from tests.recorder import Recorder, eventually

pytestmark = pytest.mark.rabbitmq


@asynccontextmanager
async def channel_to(url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(url, timeout=10)
    async with connection, connection.channel() as channel:
        yield channel


async def messages_in(channel: AbstractChannel, queue: str) -> int:
    answer = await channel.declare_queue(queue, passive=True)
    return answer.declaration_result.message_count or 0


async def until_something_is_in(channel: AbstractChannel, queue: str) -> None:
    async with asyncio.timeout(10):
        while await messages_in(channel, queue) == 0:  # noqa: ASYNC110 - the broker sends no notification
            await asyncio.sleep(0.01)


async def test_a_failing_event_is_retried_after_each_delay_and_then_parked(amqp_url: str, quick: QuickQueues) -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    records = Recorder()

    async def handler(events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        times.append(loop.time())
        return [Retry("not now") for _ in events]

    async with (
        connected(amqp_url, quick) as broker,
        broker.consume(quick.inbox, handler),
        broker.consume(quick.records, records),
    ):
        await broker.publish([builders.inbox_enriched()])
        await records.wait_for(1)

    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(pauses) == quick.inbox.max_attempts - 1
    assert all(delay <= pause < delay + 1 for delay, pause in zip((0.2, 0.4, 0.4), pauses, strict=True))
    [item] = records.seen
    assert isinstance(item, ItemParkedV1)
    assert (item.attempts, item.reason) == (quick.inbox.max_attempts, "not now")
    assert item.original == encode(builders.inbox_enriched())


async def test_one_failing_event_of_a_batch_is_retried_without_its_neighbours(
    amqp_url: str, quick: QuickQueues
) -> None:
    registry = CollectorRegistry()
    events = [builders.inbox_enriched(id=f"{number:032x}") for number in range(64)]
    bad = events[40].id
    calls_with_bad = 0
    handled: Counter[str] = Counter()

    async def handler(batch: Sequence[AnyEvent]) -> Sequence[Outcome]:
        nonlocal calls_with_bad
        if any(event.id == bad for event in batch) and not handled[bad]:
            calls_with_bad += 1
            if calls_with_bad <= 7:  # 64, 32, 16, 8, 4, 2, 1: until it is alone
                raise TransientError("a bad moment")
        handled.update(event.id for event in batch)
        return [DONE for _ in batch]

    async with connected(amqp_url, quick, registry=registry) as broker, broker.consume(quick.inbox, handler):
        await broker.publish(events)
        await eventually(lambda: handled[bad] == 1)
        await eventually(lambda: outcomes(registry, quick.inbox, "done") == 64)

    assert set(handled.values()) == {1}
    assert (outcomes(registry, quick.inbox, "retried"), outcomes(registry, quick.inbox, "parked")) == (1, 0)
    assert registry.get_sample_value("switchboard_broker_batch_events_sum") == 64 + 1


def outcomes(registry: CollectorRegistry, queue: WorkQueue, outcome: str) -> float:
    labels = {"queue": queue.name, "outcome": outcome}
    return registry.get_sample_value("switchboard_broker_events_total", labels) or 0


async def test_waiting_for_a_dependency_counts_no_attempt(amqp_url: str, quick: QuickQueues) -> None:
    registry = CollectorRegistry()
    calls = 0

    async def handler(events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        nonlocal calls
        calls += 1
        if calls <= quick.inbox.max_attempts:
            raise DependencyUnavailable("Postgres is unavailable")
        return [DONE for _ in events]

    async with connected(amqp_url, quick, registry=registry) as broker, broker.consume(quick.inbox, handler):
        await broker.publish([builders.inbox_enriched()])
        await eventually(
            lambda: registry.get_sample_value("switchboard_broker_holding", {"queue": quick.inbox.name}) == 1
        )
        await eventually(lambda: outcomes(registry, quick.inbox, "done") == 1)

    assert (outcomes(registry, quick.inbox, "retried"), outcomes(registry, quick.inbox, "parked")) == (0, 0)
    assert registry.get_sample_value("switchboard_broker_holding", {"queue": quick.inbox.name}) == 0


async def test_events_held_for_too_long_return_to_the_queue_and_are_delivered_again(
    amqp_url: str, quick: QuickQueues
) -> None:
    is_unavailable = True
    handler = Recorder()

    async def unavailable_at_first(events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        if is_unavailable:
            raise DependencyUnavailable("Postgres is unavailable")
        return await handler(events)

    async with (
        connected(amqp_url, quick, hold_limit_seconds=0.2) as broker,
        channel_to(amqp_url) as channel,
        broker.consume(quick.inbox, unavailable_at_first),
    ):
        await broker.publish([builders.inbox_enriched()])
        await until_something_is_in(channel, quick.inbox.name)
        is_unavailable = False
        await handler.wait_for(1)

    assert handler.seen == [builders.inbox_enriched()]


async def test_only_unfinished_events_return_to_the_queue_when_consuming_ends(
    amqp_url: str, quick: QuickQueues
) -> None:
    never = asyncio.Event()
    first, second = Recorder(), Recorder()

    async def stuck_on_stuck(events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        await first(events)
        if any(event.id == "stuck" for event in events):
            await never.wait()
        return [DONE for _ in events]

    async with connected(amqp_url, quick, grace_seconds=0.2) as broker, channel_to(amqp_url) as channel:
        async with broker.consume(quick.inbox, stuck_on_stuck):
            await broker.publish([builders.inbox_enriched(id="finished")])
            await first.wait_for(1)
            await broker.publish([builders.inbox_enriched(id="stuck")])
            await first.wait_for(2)
        async with broker.consume(quick.inbox, second):
            await second.wait_for(1)
        assert await messages_in(channel, quick.inbox.name) == 0

    assert second.ids == ["stuck"]


async def test_unreadable_bytes_are_parked_without_their_neighbours(amqp_url: str, quick: QuickQueues) -> None:
    good = builders.inbox_enriched()
    handler, records = Recorder(), Recorder()

    async with (
        connected(amqp_url, quick) as broker,
        channel_to(amqp_url) as channel,
        broker.consume(quick.inbox, handler),
        broker.consume(quick.records, records),
    ):
        exchange = await channel.get_exchange(EXCHANGE)
        for body in (b"no array", join(Wire.JSON, [encode(good), b'{"type":"of.tomorrow.v9"}']), b"[]"):
            await exchange.publish(aio_pika.Message(body, content_type=Wire.JSON), "inbox.enriched.v1.0")
        await records.wait_for(3)
        await handler.wait_for(1)

    assert handler.seen == [good]
    originals = {item.original for item in records.seen if isinstance(item, ItemParkedV1)}
    assert originals == {b"no array", b'{"type":"of.tomorrow.v9"}', b"[]"}


async def test_a_parked_item_that_cannot_be_handled_is_dead_lettered(amqp_url: str, quick: QuickQueues) -> None:
    handler = Recorder(lambda event: Park("no room") if isinstance(event, ItemParkedV1) else DONE)

    async with (
        connected(amqp_url, quick) as broker,
        channel_to(amqp_url) as channel,
        broker.consume(quick.records, handler),
    ):
        await broker.publish([builders.item_parked(), builders.webhook_unclaimed()])
        await handler.wait_for(2)
        await until_something_is_in(channel, DEAD_LETTER_QUEUE)

    assert len(handler.seen) == 2


async def test_an_event_that_cannot_be_parked_yet_is_held_until_it_can(amqp_url: str, quick: QuickQueues) -> None:
    handler, records = Recorder(lambda _: Park("it is no use")), Recorder()

    async with connected(amqp_url, quick) as broker, channel_to(amqp_url) as channel:
        await channel.queue_delete(quick.records.name)  # so that the parked item is returned as unroutable
        async with broker.consume(quick.inbox, handler):
            await broker.publish([builders.inbox_enriched()])
            await handler.wait_for(1)
            async with connected(amqp_url, quick), broker.consume(quick.records, records):
                await records.wait_for(1)

    assert len(handler.seen) == len(records.seen) == 1


async def test_publishing_an_event_that_no_queue_receives_is_an_error(amqp_url: str, quick: QuickQueues) -> None:
    registry = CollectorRegistry()

    async with connected(amqp_url, quick, registry=registry) as broker, channel_to(amqp_url) as channel:
        await channel.queue_delete(quick.inbox.name)
        with pytest.raises(DependencyUnavailable):
            await broker.publish([builders.inbox_enriched()])
        await broker.publish([builders.webhook_unclaimed()])

    assert registry.get_sample_value("switchboard_broker_unconfirmed_total", {"reason": "returned"}) == 1


async def test_a_publisher_declares_a_deleted_queue_again(amqp_url: str, quick: QuickQueues) -> None:
    async with connected(amqp_url, quick) as broker, channel_to(amqp_url) as channel:
        await channel.queue_delete(quick.inbox.name)
        with pytest.raises(DependencyUnavailable):
            await broker.publish([builders.inbox_enriched()])
        assert not broker.is_ready
        await eventually(lambda: broker.is_ready)
        await broker.publish([builders.inbox_enriched()])
        assert await messages_in(channel, quick.inbox.name) == 1


async def test_a_consumer_declares_a_deleted_queue_again(amqp_url: str, quick: QuickQueues) -> None:
    handler = Recorder()

    async with (
        connected(amqp_url, quick) as broker,
        channel_to(amqp_url) as channel,
        broker.consume(quick.inbox, handler),
    ):
        await eventually(lambda: broker.is_ready)
        await channel.queue_delete(quick.inbox.name)
        await eventually(lambda: not broker.is_ready)
        await eventually(lambda: broker.is_ready)
        await broker.publish([builders.inbox_enriched()])
        await handler.wait_for(1)


async def test_a_queue_deleted_before_it_is_consumed_is_declared_again(amqp_url: str, quick: QuickQueues) -> None:
    async with (
        connected(amqp_url, quick) as broker,
        channel_to(amqp_url) as channel,
        broker.consume(quick.records, Recorder()),
    ):
        await eventually(lambda: broker.is_ready)
        await channel.queue_delete(quick.inbox.name)
        async with broker.consume(quick.inbox, Recorder()):
            await eventually(lambda: broker.is_ready)


async def test_a_call_of_a_handler_is_bounded_in_bytes(amqp_url: str, quick: QuickQueues) -> None:
    handler = Recorder()
    content = "x" * 100_000
    events = [
        builders.inbox_enriched(id=f"{number:032x}", item=builders.message_item(content=content))
        for number in range(30)
    ]

    async with connected(amqp_url, quick) as broker:
        await broker.publish(events)
        async with broker.consume(quick.inbox, handler):
            await handler.wait_for(len(events))

    assert sorted(handler.ids) == [event.id for event in events]
    assert max(len(call) for call in handler.calls) <= quick.inbox.max_bytes_per_call // len(content)


async def publish_one_by_one(broker: RabbitBroker, number: int) -> None:
    for _ in range(number):
        await broker.publish([builders.inbox_enriched()])


async def test_a_full_queue_rejects(amqp_url: str, quick: QuickQueues) -> None:
    registry = CollectorRegistry()

    async with connected(amqp_url, quick, registry=registry, bounds=QueueBounds(max_messages=5)) as broker:
        with pytest.raises(DependencyUnavailable):
            await publish_one_by_one(broker, 50)
        assert not broker.is_ready

        handler = Recorder()
        async with broker.consume(quick.inbox, handler):
            await handler.wait_for(5)
            await eventually(lambda: outcomes(registry, quick.inbox, "done") >= 5)
        await broker.publish([builders.inbox_enriched()])
        assert broker.is_ready

    assert registry.get_sample_value("switchboard_broker_unconfirmed_total", {"reason": "nacked"}) == 1
