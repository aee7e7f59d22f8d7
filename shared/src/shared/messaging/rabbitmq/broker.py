"""The port on RabbitMQ: wires publisher, consumers and subscriptions to two supervised connections."""

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from types import TracebackType
from typing import Any, Self

import structlog
from aio_pika.abc import AbstractConnection
from prometheus_client import CollectorRegistry

from shared.aio.background import supervise
from shared.clock import utc_now
from shared.contracts import Event
from shared.messaging.ports import EventListener, Handler, Subscription
from shared.messaging.rabbitmq.connection import RECONNECT_BACKOFF, SupervisedConnection
from shared.messaging.rabbitmq.consumer import Consumer
from shared.messaging.rabbitmq.declarations import QueueBounds, declare
from shared.messaging.rabbitmq.metrics import Metrics
from shared.messaging.rabbitmq.publisher import RabbitPublisher
from shared.messaging.rabbitmq.subscription import RabbitSubscription
from shared.messaging.topology import WORK_QUEUES, SubscriptionQueue, WorkQueue

log = structlog.get_logger(__name__)

CALL_LIMIT_SECONDS = 120.0


class RabbitBroker:
    """Publishes and consumes over RabbitMQ; an async context manager, created inside a running event loop.

    Entering connects in the background and does not wait: services start whether or not the broker is reachable, and
    report in readiness that they cannot work yet. Publishing has a connection of its own. The broker stops reading from
    publishing connections when it runs out of memory or disk, and acknowledgements must still get through then. The
    second connection is opened when something is consumed.

    Args:
        url: `amqp://user:password@host:port/vhost`, or `amqps://`.
        name: names the process in the broker's list of connections.
        registry: where metrics go; one broker per registry.
        queues: the queues to declare; every process declares all of them.
        bounds: the size limits of a durable queue.
        heartbeat_seconds: a connection that is silent for three times this long is considered lost.
        publish_timeout_seconds: how long `publish` and `bind` may take.
        hold_limit_seconds: how long events are held while a dependency of their handler is unavailable, before they
            return to the queue and are delivered again.
        grace_seconds: how long running calls of a handler may take to end when `consume` is left.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        registry: CollectorRegistry,
        queues: Sequence[WorkQueue] = WORK_QUEUES,
        bounds: QueueBounds = QueueBounds(),  # noqa: B008 - frozen
        heartbeat_seconds: int = 30,
        publish_timeout_seconds: float = 4.0,
        hold_limit_seconds: float = 15 * 60.0,
        grace_seconds: float = 5.0,
    ) -> None:
        self._url = url
        self._name = name
        self._queues = queues
        self._bounds = bounds
        self._heartbeat_seconds = heartbeat_seconds
        self._bind_timeout_seconds = publish_timeout_seconds
        self._hold_limit_seconds = hold_limit_seconds
        self._grace_seconds = grace_seconds
        self._metrics = Metrics(registry)
        self._instance = f"{name}.{secrets.token_hex(6)}"
        self._subscription_numbers = count(1)
        self._publisher = RabbitPublisher(
            url,
            name=name,
            instance=self._instance,
            queues=queues,
            bounds=bounds,
            heartbeat_seconds=heartbeat_seconds,
            timeout_seconds=publish_timeout_seconds,
            metrics=self._metrics,
        )
        self._consuming: SupervisedConnection[AbstractConnection] | None = None
        self._connection_tasks: set[asyncio.Task[None]] = set()
        self._parts: list[Consumer | RabbitSubscription] = []

    async def __aenter__(self) -> Self:
        self._start(self._publisher.connection)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._publisher.drain()
        except TimeoutError:
            log.warning("events unpublished at shutdown", broker=self._name)
        finally:
            for task in self._connection_tasks:
                task.cancel()
            await asyncio.wait(self._connection_tasks)

    @property
    def is_ready(self) -> bool:
        """Whether every connection, consumer and subscription is up right now."""
        return (
            self._publisher.is_ready
            and (self._consuming is None or self._consuming.is_connected)
            and all(part.is_active for part in self._parts)
        )

    async def publish(self, events: Sequence[Event]) -> None:
        """Return once all `events` are on the disk of a quorum queue; see `ports.Publisher`."""
        await self._publisher.publish(events)

    @asynccontextmanager
    async def consume(self, queue: WorkQueue, handler: Handler) -> AsyncIterator[None]:
        """Handle the events of `queue` while the context lasts; see `ports.Broker`."""
        consumer = Consumer(
            queue,
            handler,
            connection=self._consuming_connection(),
            publisher=self._publisher,
            metrics=self._metrics,
            call_limit_seconds=CALL_LIMIT_SECONDS,
            hold_limit_seconds=self._hold_limit_seconds,
            grace_seconds=self._grace_seconds,
            utc_now=utc_now,
            jitter=random.random,
        )
        async with self._supervised(consumer, consumer.session, name=f"{self._name} consuming {queue.name}"):
            try:
                yield
            finally:
                await consumer.leave()

    @asynccontextmanager
    async def subscribe(
        self, queue: SubscriptionQueue, listener: EventListener, *, on_gap: Callable[[], None]
    ) -> AsyncIterator[Subscription]:
        """Pass on the events of `queue` while the context lasts; see `ports.Broker`."""
        subscription = RabbitSubscription(
            queue,
            listener,
            on_gap=on_gap,
            connection=self._consuming_connection(),
            metrics=self._metrics,
            names=lambda: f"{queue.prefix}.{self._instance}.{next(self._subscription_numbers)}",
            bind_timeout_seconds=self._bind_timeout_seconds,
        )
        async with self._supervised(subscription, subscription.session, name=f"{self._name} on {queue.prefix}"):
            yield subscription

    @asynccontextmanager
    async def _supervised(
        self, part: Consumer | RabbitSubscription, session: Callable[[], Awaitable[None]], *, name: str
    ) -> AsyncIterator[None]:
        task = asyncio.create_task(supervise(session, name=name, backoff=RECONNECT_BACKOFF, jitter=random.random))
        self._parts.append(part)
        try:
            yield
        finally:
            self._parts.remove(part)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _consuming_connection(self) -> SupervisedConnection[AbstractConnection]:
        if self._consuming is None:
            self._consuming = SupervisedConnection(
                self._url,
                label=f"{self._name} consuming",
                heartbeat_seconds=self._heartbeat_seconds,
                set_up=self._set_up_consuming,
            )
            self._start(self._consuming)
        return self._consuming

    async def _set_up_consuming(self, connection: AbstractConnection) -> AbstractConnection:
        await declare(connection, self._queues, self._bounds)
        return connection

    def _start(self, connection: SupervisedConnection[Any]) -> None:
        self._connection_tasks.add(asyncio.create_task(connection.run()))
