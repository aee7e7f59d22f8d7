"""Publishing: events into AMQP messages, each confirmed by the broker before anybody is told that it is safe."""

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
from shared.messaging.rabbitmq.errors import translate_amqp_errors
from shared.messaging.rabbitmq.metrics import Metrics
from shared.messaging.rabbitmq.outgoing import DEFAULT_EXCHANGE, LARGEST_EVENT_BYTES, OutgoingMessage
from shared.messaging.topology import (
    DEAD_LETTER_EXCHANGE,
    EXCHANGE,
    MAX_EVENTS_PER_MESSAGE,
    TARGET_BYTES_PER_MESSAGE,
    WorkQueue,
    routing_key,
)

IN_FLIGHT_LIMIT = 2
"""AMQP messages of events on their way at once; what comes meanwhile gathers into the next ones.

Two beat four by a fifth at 8 concurrent publishers and by a third at 128, because batches are fuller (bench/broker.py);
one alone would leave the broker idle while a confirm travels.
"""
WAITING_LIMIT_BYTES = 32 * 1024 * 1024
"""Beyond this much waiting, publishing refuses at once: the broker does not keep up."""
PATIENCE_SECONDS = 1.0
"""How long after a loss of the connection publishers still wait for its return."""
FAILING_SECONDS = 5.0
"""How long a refusal tells against readiness. Limited: who gets no traffic would never see that it works again."""
_DRAIN_SECONDS = 2.0


class EncodedEvent(NamedTuple):
    """An event on its way; all of one routing key share type and wire form."""

    part: bytes
    type_name: str
    wire: Wire
    is_awaited: bool
    """Whether a work queue must get it: then it is an error that no queue is bound."""


class RabbitPublisher:
    """Publishes over one supervised connection of its own, so that a blocked publisher never holds up consumers.

    Args:
        name: the process, for operators.
        instance: distinguishes this process's message ids from all others.
        timeout_seconds: how long a caller waits, and how long one AMQP message may wait for its confirm.
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
        self._awaited = {event for queue in queues for event in queue.events}
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
        """Whether the connection stands and the broker has not just refused what was published."""
        failed_at = self._failed_at
        is_failing = failed_at is not None and asyncio.get_running_loop().time() - failed_at < FAILING_SECONDS
        return self.connection.is_connected and not is_failing

    async def publish(self, events: Sequence[Event]) -> None:
        """Return once every one of `events` is on disk; see `ports.Publisher`.

        Raises:
            DependencyUnavailable: not all of them are known to be safe.
            PermanentError: one is larger than any broker takes; none was sent.
        """
        items = [self._encoded(event) for event in events]
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
            # aiormq finds a returned message by its id: unique among all that are in flight.
            message_id=f"{self._instance}.{next(self._numbers)}",
            type=message.type_name,
            app_id=self._name,
        )
        self._metrics.batch_events.observe(len(message.parts))
        try:
            with self._metrics.confirm_seconds.time(), translate_amqp_errors(f"publishing to {message.routing_key}"):
                await exchange_named(message.exchange).publish(
                    amqp_message, message.routing_key, mandatory=message.mandatory, timeout=self._timeout_seconds
                )
        except DependencyUnavailable as error:
            self._refused(error)
            raise
        self._failed_at = None

    async def drain(self) -> None:
        """Wait for what is being published, for a bounded time."""
        async with asyncio.timeout(_DRAIN_SECONDS):
            await self._batcher.drain()

    async def _set_up(self, connection: AbstractConnection) -> Callable[[str], AbstractExchange]:
        await declare(connection, self._queues, self._bounds)
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel.close_callbacks.add(lambda *_: self.connection.invalidate())
        exchanges = {
            DEFAULT_EXCHANGE: channel.default_exchange,
            EXCHANGE: await channel.get_exchange(EXCHANGE, ensure=False),
            DEAD_LETTER_EXCHANGE: await channel.get_exchange(DEAD_LETTER_EXCHANGE, ensure=False),
        }
        self._failed_at = None
        return exchanges.__getitem__

    def _encoded(self, event: Event) -> tuple[str, EncodedEvent, int]:
        part = encode(event)
        if len(part) > LARGEST_EVENT_BYTES:
            raise PermanentError(f"{event.type_name()} {event.id} has {len(part)} bytes: more than a broker takes")
        encoded = EncodedEvent(part, event.type_name(), event.wire, type(event) in self._awaited)
        return routing_key(event), encoded, len(part)

    async def _send_batch(self, key: str, batch: Sequence[EncodedEvent]) -> None:
        first = batch[0]
        await self.send(
            OutgoingMessage(
                exchange=EXCHANGE,
                routing_key=key,
                content_type=first.wire,
                parts=[encoded.part for encoded in batch],
                mandatory=first.is_awaited,
                type_name=first.type_name,
            )
        )

    def _refused(self, error: DependencyUnavailable) -> None:
        self._failed_at = asyncio.get_running_loop().time()
        match error.__cause__:
            case PublishError():
                reason = "returned"
                self.connection.invalidate()  # a queue or its binding is gone: both are declared with a new connection
            case DeliveryError():
                reason = "nacked"
            case TimeoutError():
                # It may be frozen, or the network in between gone: heartbeats would take a minute and a half to tell.
                reason = "timeout"
                self.connection.invalidate()
            case _:
                reason = "lost"
        self._metrics.unconfirmed.labels(reason).inc()
