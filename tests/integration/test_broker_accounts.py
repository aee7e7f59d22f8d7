"""The rights of the services' accounts, on a real broker of our own."""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aiormq.exceptions import ChannelAccessRefused, ProbableAuthenticationError
from prometheus_client import CollectorRegistry

from shared.contracts import AnyEvent, Event, ItemParkedV1, shard_of
from shared.messaging.outcomes import Outcome, Park, Retry
from shared.messaging.rabbitmq import QueueBounds, RabbitBroker
from shared.messaging.rabbitmq.declarations import TopologyMissing, declare
from shared.messaging.topology import (
    ENRICHER_WEBHOOKS,
    EXCHANGE,
    GATEWAY_INBOX,
    GATEWAY_SIGNALS,
    ROLES,
    STORE_INBOX,
    STORE_RECORDS,
    WORK_QUEUES,
    WorkQueue,
    routing_key,
)
from switchboard.provision.rabbitmq import RabbitServer, running_server
from tests import builders
from tests.recorder import Listener, Recorder, eventually

pytestmark = pytest.mark.rabbitmq


@pytest.fixture(scope="module")
def server() -> Iterator[RabbitServer]:
    with (
        tempfile.TemporaryDirectory(prefix="switchboard-rabbitmq-", ignore_cleanup_errors=True) as data_dir,
        running_server(Path(data_dir), may_install=True) as running,
    ):
        yield running


@asynccontextmanager
async def connected_as(server: RabbitServer, service: str) -> AsyncIterator[RabbitBroker]:
    broker = RabbitBroker(server.url_of(service), name=service, registry=CollectorRegistry(), heartbeat_seconds=2)
    async with broker:
        await eventually(lambda: broker.is_ready)
        yield broker


@asynccontextmanager
async def channel_of(server: RabbitServer, service: str) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(server.url_of(service), timeout=10)
    async with connection, connection.channel(on_return_raises=True) as channel:
        yield channel


async def test_every_service_connects_with_its_account_and_does_its_work(server: RabbitServer) -> None:
    attempts: Counter[str] = Counter()

    def retry_once(event: AnyEvent) -> Outcome:
        attempts[event.id] += 1
        return Retry("not now") if attempts[event.id] == 1 else Park("never")

    persisted, signals, webhooks, inbox, records = Listener(), Listener(), Recorder(), Recorder(retry_once), Recorder()
    async with (
        connected_as(server, "ingest") as ingest,
        connected_as(server, "enricher") as enricher,
        connected_as(server, "store") as store,
        connected_as(server, "push-gateway") as gateway,
        gateway.subscribe(GATEWAY_INBOX, persisted, on_gap=persisted.on_gap) as of_inbox,
        gateway.subscribe(GATEWAY_SIGNALS, signals, on_gap=signals.on_gap) as of_signals,
        enricher.consume(ENRICHER_WEBHOOKS, webhooks),
        store.consume(STORE_RECORDS, records),
        store.consume(STORE_INBOX, inbox),
    ):
        change, signal = builders.inbox_persisted(), builders.signal_sent()
        await of_inbox.bind(shard_of(change.shard_key or ""))
        await of_signals.bind(shard_of(signal.shard_key or ""))
        await ingest.publish([builders.webhook_received()])
        await webhooks.wait_for(1)
        await enricher.publish([builders.inbox_enriched()])
        await store.publish([change])
        await gateway.publish([signal])
        await eventually(lambda: len(persisted.seen) == 1 and len(signals.seen) == 1)
        await records.wait_for(1)

    assert [type(event) for event in records.seen] == [ItemParkedV1], "retried by its own exchange, then parked"
    assert len(inbox.seen) == 2


@pytest.mark.parametrize(
    ("service", "event"),
    [
        ("ingest", builders.inbox_persisted()),
        ("push-gateway", builders.inbox_persisted()),
        ("enricher", builders.inbox_persisted()),
        ("enricher", builders.account_changed()),
        ("push-gateway", builders.inbox_enriched()),
        ("ingest", builders.inbox_enriched()),
        ("store", builders.signal_sent()),
    ],
    ids=lambda value: value if isinstance(value, str) else value.type_name(),
)
async def test_a_service_cannot_forge_the_events_of_another(server: RabbitServer, service: str, event: Event) -> None:
    async with channel_of(server, service) as channel:
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        with pytest.raises(ChannelAccessRefused, match="ACCESS_REFUSED"):
            await exchange.publish(aio_pika.Message(b"forged"), routing_key(event), timeout=10)


@pytest.mark.parametrize("service", ROLES)
async def test_a_service_cannot_write_into_a_queue_past_the_exchange(server: RabbitServer, service: str) -> None:
    async with channel_of(server, service) as channel:
        with pytest.raises(ChannelAccessRefused, match=r"amq\.default"):
            await channel.default_exchange.publish(aio_pika.Message(b"forged"), STORE_INBOX.name, timeout=10)


@pytest.mark.parametrize(
    ("service", "queue"),
    [(service, queue) for service, role in ROLES.items() for queue in WORK_QUEUES if queue not in role.consumes],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
async def test_a_service_cannot_read_empty_or_delete_the_queue_of_another(
    server: RabbitServer, service: str, queue: WorkQueue
) -> None:
    async def ignore(_: AbstractIncomingMessage) -> None:
        return

    def consume(theirs: AbstractQueue) -> Awaitable[object]:
        return theirs.consume(ignore, timeout=10)

    def purge(theirs: AbstractQueue) -> Awaitable[object]:
        return theirs.purge(timeout=10)

    def delete(theirs: AbstractQueue) -> Awaitable[object]:
        return theirs.delete(if_unused=False, if_empty=False, timeout=10)

    for forbidden in (consume, purge, delete):
        async with channel_of(server, service) as channel:
            theirs = await channel.get_queue(queue.name, ensure=False)
            with pytest.raises(ChannelAccessRefused, match="ACCESS_REFUSED"):
                await forbidden(theirs)


@pytest.mark.parametrize("key", ["#", "webhook.received.v1.*", "inbox.persisted.v1.*"])
async def test_a_gateway_binds_its_queue_to_single_shards_of_its_own_events_only(
    server: RabbitServer, key: str
) -> None:
    async with channel_of(server, "push-gateway") as channel:
        queue = await channel.declare_queue(f"{GATEWAY_INBOX.prefix}.test", exclusive=True, auto_delete=True)
        with pytest.raises(ChannelAccessRefused, match="ACCESS_REFUSED"):
            await queue.bind(EXCHANGE, key, timeout=10)


async def test_what_is_missing_and_may_not_be_created_is_named(server: RabbitServer) -> None:
    operator = await aio_pika.connect(server.url, timeout=10)
    async with operator, operator.channel() as channel:
        await channel.exchange_delete(STORE_RECORDS.retry_exchange, timeout=10)
    ours = await aio_pika.connect(server.url_of("ingest"), timeout=10)
    async with ours:
        with pytest.raises(TopologyMissing, match=rf"{STORE_RECORDS.retry_exchange}.*import the broker's definitions"):
            await declare(ours, WORK_QUEUES, QueueBounds())
    again = await aio_pika.connect(server.url, timeout=10)
    async with again:  # an account with all rights, as of an installation with a single one, declares everything
        await declare(again, WORK_QUEUES, QueueBounds())


async def test_the_default_account_does_not_exist(server: RabbitServer) -> None:
    address = urlsplit(server.url)
    with pytest.raises(ProbableAuthenticationError):
        await aio_pika.connect(f"amqp://guest:guest@{address.hostname}:{address.port}/", timeout=10)
