"""Publishes events in AMQP messages; an event is safe once the broker has confirmed its message."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import DeliveryError, PublishError

from shared.contracts import Event, Wire, encode, join
from shared.errors import DependencyUnavailable, PermanentError
from shared.messaging.batching import Batcher
from shared.messaging.rabbitmq.connection import SupervisedConnection
from shared.messaging.rabbitmq.declarations import QueueBounds, declare
from shared.messaging.rabbitmq.errors import amqp_call
from shared.messaging.rabbitmq.metrics import Metrics
from shared.messaging.rabbitmq.outgoing import LARGEST_EVENT_BYTES, OutgoingMessage
from shared.messaging.topology import (
    DEAD_LETTER_EXCHANGE,
    EXCHANGE,
    MAX_EVENTS_PER_MESSAGE,
    TARGET_BYTES_PER_MESSAGE,
    WorkQueue,
    routing_key,
)

IN_FLIGHT_LIMIT = 2
"""AMQP messages with events in flight at once. Events that arrive meanwhile are collected into the next ones.

Two are faster than four, by a fifth with 8 concurrent publishers and by a third with 128, because batches are fuller
(bench/broker.py). A single one would leave the broker idle while a confirm travels.
"""
WAITING_LIMIT_BYTES = 32 * 1024 * 1024
"""While more than this is waiting, publishing fails at once: the broker does not keep up."""
PATIENCE_SECONDS = 1.0
"""How long after the connection was lost publishers still wait for it."""
FAILING_SECONDS = 5.0
"""How long a failure counts against readiness. Limited, because a process without traffic would never see a success."""
_DRAIN_SECONDS = 2.0


class EncodedEvent(NamedTuple):
    """An event to publish. All events with the same routing key have the same type and wire form."""

    part: bytes
    type_name: str
    wire: Wire
    is_mandatory: bool
    """Whether a work queue must receive it. If so, it is an error if no queue is bound."""


class RabbitPublisher:
    """Publishes over a connection of its own, so that a blocked publisher never holds up consumers.

    Args:
        url: `amqp://` or `amqps://`.
        name: names the process for operators.
        instance: makes this process's message ids unique.
        queues: declared with every new connection; events of their types must reach a queue.
        bounds: the size limits of those queues.
        heartbeat_seconds: a broker that is silent for three times this long is considered lost.
        timeout_seconds: how long a caller waits, and how long one AMQP message may wait for its confirm.
        metrics: where confirms and failures are counted.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        instance: str,
        queues: Sequence[WorkQueue],
        bounds: QueueBounds,
        heartbeat_seconds: int,
        timeout_seconds: float,
        metrics: Metrics,
    ) -> None:
        self._name = name
        self._instance = instance
        self._queues = queues
        self._bounds = bounds
        self._timeout_seconds = timeout_seconds
        self._metrics = metrics
        self._numbers = count(1)
        self._failed_at: float | None = None
        self._mandatory = {event for queue in queues for event in queue.events}
        self._batcher = Batcher[EncodedEvent](
            self._send_batch,
            max_items=MAX_EVENTS_PER_MESSAGE,
            target_bytes=TARGET_BYTES_PER_MESSAGE,
            in_flight_limit=IN_FLIGHT_LIMIT,
            waiting_limit_bytes=WAITING_LIMIT_BYTES,
        )
        self.connection: SupervisedConnection[Callable[[str], AbstractExchange]] = SupervisedConnection(
            url, label=f"{name} publishing", heartbeat_seconds=heartbeat_seconds, set_up=self._set_up
        )

    @property
    def is_ready(self) -> bool:
        """Whether the connection is open and publishing has not failed recently."""
        failed_at = self._failed_at
        is_failing = failed_at is not None and asyncio.get_running_loop().time() - failed_at < FAILING_SECONDS
        return self.connection.is_connected and not is_failing

    async def publish(self, events: Sequence[Event]) -> None:
        """Return once all `events` are on disk; see `ports.Publisher`.

        Raises:
            DependencyUnavailable: not all of them are known to be safe.
            PermanentError: an event is larger than any broker takes; none was published.
        """
        items = [self._encode(event) for event in events]
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._batcher.submit(items)
        except TimeoutError as error:
            raise DependencyUnavailable(f"not confirmed within {self._timeout_seconds:g} s") from error

    async def send(self, message: OutgoingMessage) -> None:
        """Publish one AMQP message and return once the broker has confirmed it.

        Raises:
            DependencyUnavailable: it is not known to be safe.
        """
        try:
            exchange_named = await self.connection.get(patience_seconds=PATIENCE_SECONDS)
        except DependencyUnavailable:
            self._metrics.unconfirmed.labels("disconnected").inc()
            raise
        amqp_message = Message(
            join(Wire(message.content_type), message.parts),
            headers=dict(message.headers),
            content_type=message.content_type,
            delivery_mode=DeliveryMode.PERSISTENT,
            # aiormq finds a returned message by its id, which must be unique among all messages in flight.
            message_id=f"{self._instance}.{next(self._numbers)}",
            type=message.type_name,
            app_id=self._name,
        )
        self._metrics.batch_events.observe(len(message.parts))
        try:
            doing = f"publishing to {message.routing_key}"
            with self._metrics.confirm_seconds.time():
                async with amqp_call(doing, timeout_seconds=self._timeout_seconds):
                    await exchange_named(message.exchange).publish(
                        amqp_message, message.routing_key, mandatory=message.mandatory
                    )
        except DependencyUnavailable as error:
            self._on_failure(error)
            raise
        self._failed_at = None

    async def drain(self) -> None:
        """Wait until nothing is being published.

        Raises:
            TimeoutError: it took longer than two seconds.
        """
        async with asyncio.timeout(_DRAIN_SECONDS):
            await self._batcher.drain()

    async def _set_up(self, connection: AbstractConnection) -> Callable[[str], AbstractExchange]:
        await declare(connection, self._queues, self._bounds)
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel.close_callbacks.add(lambda *_: self.connection.invalidate())
        names = [EXCHANGE, DEAD_LETTER_EXCHANGE, *(queue.retry_exchange for queue in self._queues)]
        exchanges = {name: await channel.get_exchange(name, ensure=False) for name in names}
        self._failed_at = None
        return exchanges.__getitem__

    def _encode(self, event: Event) -> tuple[str, EncodedEvent, int]:
        part = encode(event)
        if len(part) > LARGEST_EVENT_BYTES:
            raise PermanentError(f"{event.type_name()} {event.id} has {len(part)} bytes: more than a broker takes")
        encoded = EncodedEvent(part, event.type_name(), event.wire, type(event) in self._mandatory)
        return routing_key(event), encoded, len(part)

    async def _send_batch(self, key: str, batch: Sequence[EncodedEvent]) -> None:
        first = batch[0]
        await self.send(
            OutgoingMessage(
                exchange=EXCHANGE,
                routing_key=key,
                content_type=first.wire,
                parts=[encoded.part for encoded in batch],
                mandatory=first.is_mandatory,
                type_name=first.type_name,
            )
        )

    def _on_failure(self, error: DependencyUnavailable) -> None:
        self._failed_at = asyncio.get_running_loop().time()
        match error.__cause__:
            case PublishError():
                reason = "returned"
                self.connection.invalidate()  # a queue or binding is missing: a new connection declares both
            case DeliveryError():
                reason = "nacked"
            case TimeoutError():
                # The broker may be frozen or unreachable; heartbeats would take a minute and a half to notice.
                reason = "timeout"
                self.connection.invalidate()
            case _:
                reason = "lost"
        self._metrics.unconfirmed.labels(reason).inc()
