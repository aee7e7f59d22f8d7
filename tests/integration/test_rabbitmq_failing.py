"""A real RabbitMQ that starts late, is killed or freezes; each test has a node of its own."""

import asyncio

import pytest

from shared.contracts import shard_of
from shared.errors import DependencyUnavailable
from shared.messaging.rabbitmq import RabbitBroker
from shared.messaging.topology import GATEWAY_INBOX
from switchboard.provision.rabbitmq import RabbitServer
from tests import builders
from tests.fixtures.rabbitmq import QuickQueues
from tests.integration.brokers import connected, opened
from tests.recorder import Listener, Recorder, eventually

pytestmark = pytest.mark.rabbitmq


async def test_a_broker_that_starts_late_is_used_once_it_is_there(
    fragile_rabbitmq: RabbitServer, quick: QuickQueues
) -> None:
    handler, listener = Recorder(), Listener()
    shard = shard_of("user-1")
    fragile_rabbitmq.kill()

    async with (
        opened(fragile_rabbitmq.url, quick, publish_timeout_seconds=0.5) as broker,
        broker.consume(quick.inbox, handler),
        broker.subscribe(GATEWAY_INBOX, listener, on_gap=listener.on_gap) as subscription,
    ):
        with pytest.raises(DependencyUnavailable):
            await broker.publish([builders.inbox_enriched()])
        with pytest.raises(DependencyUnavailable):
            await subscription.bind(shard)
        assert not broker.is_ready

        await asyncio.to_thread(fragile_rabbitmq.start)
        await eventually(lambda: broker.is_ready)
        await broker.publish([builders.inbox_enriched(), builders.inbox_persisted()])
        await handler.wait_for(1)
        await eventually(lambda: len(listener.seen) == 1)

    assert listener.gaps == 1


async def test_confirmed_events_survive_a_kill_and_everything_is_restored(
    fragile_rabbitmq: RabbitServer, quick: QuickQueues
) -> None:
    confirmed: list[str] = []
    handler, listener = Recorder(), Listener()
    is_over = False

    async def publish_on(broker: RabbitBroker, publisher: int) -> None:
        number = 0
        while not is_over:
            number += 1
            event = builders.inbox_enriched(id=f"{publisher}-{number}")
            try:
                await broker.publish([event])
            except DependencyUnavailable:
                await asyncio.sleep(0.05)
            else:
                confirmed.append(event.id)

    async with (
        connected(fragile_rabbitmq.url, quick) as broker,
        broker.consume(quick.inbox, handler),
        broker.subscribe(GATEWAY_INBOX, listener, on_gap=listener.on_gap) as subscription,
    ):
        await subscription.bind(shard_of("user-1"))
        publishers = [asyncio.create_task(publish_on(broker, number)) for number in range(8)]
        await eventually(lambda: len(confirmed) > 200)
        await asyncio.to_thread(fragile_rabbitmq.kill)
        before = len(confirmed)
        await asyncio.to_thread(fragile_rabbitmq.start)
        await eventually(lambda: len(confirmed) > before + 200)
        is_over = True
        await asyncio.gather(*publishers)
        await eventually(lambda: set(confirmed) <= set(handler.ids))
        await eventually(lambda: listener.gaps == 1)
        await broker.publish([builders.inbox_persisted()])
        await eventually(lambda: len(listener.seen) == 1)


async def test_a_frozen_broker_is_an_error_after_a_bounded_time_and_is_used_again_later(
    fragile_rabbitmq: RabbitServer, quick: QuickQueues
) -> None:
    loop = asyncio.get_running_loop()
    handler = Recorder()

    async with (
        connected(fragile_rabbitmq.url, quick, publish_timeout_seconds=1.0) as broker,
        broker.consume(quick.inbox, handler),
    ):
        await broker.publish([builders.inbox_enriched(id="before")])
        fragile_rabbitmq.pause()
        began = loop.time()
        with pytest.raises(DependencyUnavailable):
            await broker.publish([builders.inbox_enriched(id="frozen")])
        assert loop.time() - began < 1.5
        await eventually(lambda: not broker.is_ready)
        fragile_rabbitmq.resume()
        await eventually(lambda: broker.is_ready)
        await broker.publish([builders.inbox_enriched(id="after")])
        await eventually(lambda: {"before", "after"} <= set(handler.ids))


async def test_leaving_a_frozen_broker_takes_a_bounded_time(fragile_rabbitmq: RabbitServer, quick: QuickQueues) -> None:
    loop = asyncio.get_running_loop()

    async with (
        connected(fragile_rabbitmq.url, quick, grace_seconds=1.0) as broker,
        broker.consume(quick.inbox, Recorder()),
    ):
        await eventually(lambda: broker.is_ready)
        fragile_rabbitmq.pause()
        began = loop.time()
    assert loop.time() - began < 7
