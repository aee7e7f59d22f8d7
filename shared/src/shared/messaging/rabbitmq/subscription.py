"""A process's own view of a stream: an exclusive queue that comes back with its bindings, without its past."""

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
from shared.messaging.rabbitmq.errors import translate_amqp_errors
from shared.messaging.rabbitmq.metrics import Metrics
from shared.messaging.topology import EXCHANGE, SubscriptionQueue

log = structlog.get_logger(__name__)

PREFETCH_MESSAGES = 200


class RabbitSubscription:
    """One exclusive queue and the shards it is bound to. One session task alone talks to the broker.

    Args:
        names: returns a new queue name a session, so that a queue that the broker still holds for a connection of ours
            that it has not given up yet is never in the way.
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
        self._wanted: set[int] = set()
        self._bound: set[int] = set()
        self._changed = asyncio.Event()
        self._standing = asyncio.Condition()
        self._owes_gap = False
        self.is_active = False

    async def bind(self, shard: int) -> None:
        """Hear `shard` from now on; see `ports.Subscription`."""
        self._wanted.add(shard)
        self._changed.set()
        try:
            async with asyncio.timeout(self._bind_timeout_seconds), self._standing:
                await self._standing.wait_for(lambda: shard in self._bound)
        except TimeoutError as error:
            self._owes_gap = True
            raise DependencyUnavailable(f"{self._queue.prefix}: shard {shard} is not bound yet") from error

    async def unbind(self, shard: int) -> None:
        """Stop hearing `shard`; see `ports.Subscription`."""
        self._wanted.discard(shard)
        self._changed.set()

    async def session(self) -> None:
        """Declare the queue, bind what is wanted, hand events over until the channel ends.

        Raises:
            DependencyUnavailable: the broker does not let us, or is lost.
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
            self._connection.invalidate(connection)  # the exchange may be gone: it is declared with a new connection
            raise
        finally:
            self._owes_gap = self._owes_gap or bool(self._bound)
            self._bound.clear()
            self._set_active(active=False)

    async def _declare(self, channel: ConsumingChannel) -> AbstractQueue:
        with translate_amqp_errors(f"declaring a queue for {self._queue.prefix}"):
            return await channel.channel.declare_queue(
                self._names(),
                exclusive=True,
                auto_delete=True,
                arguments={
                    "x-queue-type": "classic",
                    "x-max-length": self._queue.max_messages,
                    "x-overflow": "drop-head",
                },
                timeout=CALL_TIMEOUT_SECONDS,
            )

    async def _keep_bound(self, queue: AbstractQueue, ended: asyncio.Event) -> None:
        while not ended.is_set():
            self._changed.clear()
            for shard in sorted(self._wanted - self._bound):
                with translate_amqp_errors("binding"):
                    await queue.bind(EXCHANGE, self._routing_key(shard), timeout=CALL_TIMEOUT_SECONDS)
                self._bound.add(shard)
            for shard in sorted(self._bound - self._wanted):
                self._bound.discard(shard)  # before the answer: who wants it again meanwhile has to wait for a new one
                with translate_amqp_errors("unbinding"):
                    await queue.unbind(EXCHANGE, self._routing_key(shard), timeout=CALL_TIMEOUT_SECONDS)
            if self._wanted <= self._bound and not ended.is_set():
                await self._stands()
            await self._changed.wait()

    async def _stands(self) -> None:
        self._set_active(active=True)
        if self._owes_gap:
            self._owes_gap = False
            self._on_gap()
        async with self._standing:
            self._standing.notify_all()

    def _deliver(self, message: DeliveredMessage, acks: "_LatestAck") -> None:
        events: list[AnyEvent] = []
        shard = (message.routing_key or "").rpartition(".")[2]
        if shard.isdigit() and int(shard) in self._wanted:
            for held in unpack(message, arrived_at=0.0):
                if held.event is None:
                    log.warning("event of a stream cannot be read", stream=self._queue.prefix, reason=held.problem)
                else:
                    events.append(held.event)
        if events:
            self._listener(events)
        acks.note(message.delivery_tag or 0)

    def _routing_key(self, shard: int) -> str:
        return f"{self._queue.event.type_name()}.{shard}"

    def _set_active(self, *, active: bool) -> None:
        self.is_active = active
        self._metrics.consumer_active.labels(self._queue.prefix).set(active)


class _LatestAck:
    """Acknowledges up to the latest delivery; what comes while one is under way is covered by the next."""

    def __init__(self, channel: ConsumingChannel, on_lost: Callable[[], None]) -> None:
        self._channel = channel
        self._on_lost = on_lost
        self._latest = 0
        self._something = asyncio.Event()

    def note(self, tag: int) -> None:
        self._latest = tag
        self._something.set()

    async def run(self) -> None:
        acknowledged = 0
        while True:
            await self._something.wait()
            self._something.clear()
            if self._latest > acknowledged:
                acknowledged = self._latest
                try:
                    await self._channel.acknowledge(acknowledged)
                except DependencyUnavailable as error:
                    log.debug("acknowledgement dropped", reason=str(error))
                    self._on_lost()
                    return
