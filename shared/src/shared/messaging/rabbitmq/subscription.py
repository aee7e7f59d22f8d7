"""A process's own subscription to a stream: an exclusive queue, restored with its bindings but without past events."""

import asyncio
from collections.abc import Callable

import structlog
from aio_pika.abc import AbstractConnection, AbstractQueue
from aiormq.abc import DeliveredMessage

from shared.contracts import AnyEvent
from shared.errors import DependencyUnavailable
from shared.messaging.ports import EventListener
from shared.messaging.rabbitmq.channels import CALL_TIMEOUT_SECONDS, ConsumingChannel, consuming_channel
from shared.messaging.rabbitmq.connection import SupervisedConnection
from shared.messaging.rabbitmq.deliveries import unpack
from shared.messaging.rabbitmq.errors import amqp_call
from shared.messaging.rabbitmq.metrics import Metrics
from shared.messaging.topology import EXCHANGE, SubscriptionQueue

log = structlog.get_logger(__name__)

PREFETCH_MESSAGES = 200


class RabbitSubscription:
    """One exclusive queue and the shards it is bound to. Only the task that runs `session` talks to the broker.

    Args:
        queue: what to listen to.
        listener: receives the events of the bound shards.
        on_gap: called when events may have been missed; see `ports.Broker.subscribe`.
        connection: where the channel is opened.
        metrics: where it is counted whether the subscription is active.
        names: returns a new queue name for each session. The broker may still hold the queue of a connection that we
            have lost and it has not, so a name is never used twice.
        bind_timeout_seconds: how long `bind` waits for the broker.
    """

    def __init__(
        self,
        queue: SubscriptionQueue,
        listener: EventListener,
        *,
        on_gap: Callable[[], None],
        connection: SupervisedConnection[AbstractConnection],
        metrics: Metrics,
        names: Callable[[], str],
        bind_timeout_seconds: float,
    ) -> None:
        self._queue = queue
        self._listener = listener
        self._on_gap = on_gap
        self._connection = connection
        self._metrics = metrics
        self._names = names
        self._bind_timeout_seconds = bind_timeout_seconds
        self._requested: set[int] = set()
        self._bound: set[int] = set()
        self._changed = asyncio.Event()
        self._all_bound = asyncio.Condition()
        self._has_gap = False
        self.is_active = False

    async def bind(self, shard: int) -> None:
        """Receive events of `shard` from now on; see `ports.Subscription`."""
        self._requested.add(shard)
        self._changed.set()
        try:
            async with asyncio.timeout(self._bind_timeout_seconds), self._all_bound:
                await self._all_bound.wait_for(lambda: shard in self._bound)
        except TimeoutError as error:
            self._has_gap = True
            raise DependencyUnavailable(f"{self._queue.prefix}: shard {shard} is not bound yet") from error

    async def unbind(self, shard: int) -> None:
        """Stop receiving events of `shard`; see `ports.Subscription`."""
        self._requested.discard(shard)
        self._changed.set()

    async def session(self) -> None:
        """Declare the queue, bind the requested shards and pass events on until the channel ends.

        Raises:
            DependencyUnavailable: the broker refused, or the connection was lost.
        """
        connection = await self._connection.wait()
        ended = asyncio.Event()

        def end() -> None:
            ended.set()
            self._changed.set()

        try:
            async with consuming_channel(
                connection, prefetch=PREFETCH_MESSAGES, on_end=end, on_cancelled=end
            ) as channel:
                queue = await self._declare(channel)
                acks = _LatestAck(channel, end)
                await channel.consume(queue.name, lambda message: self._deliver(message, acks))
                acking = asyncio.create_task(acks.run())
                try:
                    await self._keep_bound(queue, ended)
                finally:
                    acking.cancel()
        except DependencyUnavailable:
            self._connection.invalidate(connection)  # the exchange may be missing: a new connection declares it
            raise
        finally:
            self._has_gap = self._has_gap or bool(self._bound)
            self._bound.clear()
            self._set_active(active=False)

    async def _declare(self, channel: ConsumingChannel) -> AbstractQueue:
        async with amqp_call(f"declaring a queue for {self._queue.prefix}", timeout_seconds=CALL_TIMEOUT_SECONDS):
            return await channel.channel.declare_queue(
                self._names(),
                exclusive=True,
                auto_delete=True,
                arguments={
                    "x-queue-type": "classic",
                    "x-max-length": self._queue.max_messages,
                    "x-overflow": "drop-head",
                },
            )

    async def _keep_bound(self, queue: AbstractQueue, ended: asyncio.Event) -> None:
        while not ended.is_set():
            self._changed.clear()
            for shard in sorted(self._requested - self._bound):
                async with amqp_call("binding", timeout_seconds=CALL_TIMEOUT_SECONDS):
                    await queue.bind(EXCHANGE, self._routing_key(shard))
                self._bound.add(shard)
            for shard in sorted(self._bound - self._requested):
                # Before the response arrives: whoever binds the shard again meanwhile must wait for a new binding.
                self._bound.discard(shard)
                async with amqp_call("unbinding", timeout_seconds=CALL_TIMEOUT_SECONDS):
                    await queue.unbind(EXCHANGE, self._routing_key(shard))
            if self._requested <= self._bound and not ended.is_set():
                await self._on_all_bound()
            await self._changed.wait()

    async def _on_all_bound(self) -> None:
        self._set_active(active=True)
        if self._has_gap:
            self._has_gap = False
            self._on_gap()
        async with self._all_bound:
            self._all_bound.notify_all()

    def _deliver(self, message: DeliveredMessage, acks: "_LatestAck") -> None:
        events: list[AnyEvent] = []
        shard = (message.routing_key or "").rpartition(".")[2]
        if shard.isdigit() and int(shard) in self._requested:
            for event in unpack(message, arrived_at=0.0):
                if event.event is None:
                    log.warning("unreadable event", stream=self._queue.prefix, reason=event.problem)
                else:
                    events.append(event.event)
        if events:
            self._listener(events)
        acks.note(message.delivery_tag or 0)

    def _routing_key(self, shard: int) -> str:
        return f"{self._queue.event.type_name()}.{shard}"

    def _set_active(self, *, active: bool) -> None:
        self.is_active = active
        self._metrics.consumer_active.labels(self._queue.prefix).set(active)


class _LatestAck:
    """Acknowledges up to the latest delivery. What arrives meanwhile is covered by the next acknowledgement."""

    def __init__(self, channel: ConsumingChannel, on_lost: Callable[[], None]) -> None:
        self._channel = channel
        self._on_lost = on_lost
        self._latest = 0
        self._is_noted = asyncio.Event()

    def note(self, tag: int) -> None:
        self._latest = tag
        self._is_noted.set()

    async def run(self) -> None:
        acknowledged = 0
        while True:
            await self._is_noted.wait()
            self._is_noted.clear()
            if self._latest > acknowledged:
                acknowledged = self._latest
                try:
                    await self._channel.acknowledge(acknowledged)
                except DependencyUnavailable as error:
                    log.debug("acknowledgement dropped", reason=str(error))
                    self._on_lost()
                    return
