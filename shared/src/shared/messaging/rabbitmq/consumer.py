"""Consumes a work queue: collect events, call the handler, settle each event, acknowledge what is finished."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import structlog
from aio_pika.abc import AbstractConnection

from shared.aio.backoff import Backoff
from shared.aio.cancellation import cancelled_by_library
from shared.contracts import AnyEvent
from shared.errors import DependencyUnavailable
from shared.messaging.error_policy import apply_error_policy
from shared.messaging.outcomes import Outcome, Park
from shared.messaging.ports import Handler
from shared.messaging.rabbitmq.channels import ConsumingChannel, consuming_channel
from shared.messaging.rabbitmq.connection import SupervisedConnection
from shared.messaging.rabbitmq.deliveries import Acknowledgements, DeliveryBuffer, InFlightEvent
from shared.messaging.rabbitmq.metrics import Metrics
from shared.messaging.rabbitmq.publisher import RabbitPublisher
from shared.messaging.rabbitmq.settlement import Settlement, settle
from shared.messaging.topology import WorkQueue

log = structlog.get_logger(__name__)
T = TypeVar("T")

PREFETCH_LIMIT_MESSAGES = 256
"""Bounds memory: 64 MiB with messages of 256 KiB. A higher limit is no faster: the broker is no longer waited for."""
HOLD_BACKOFF = Backoff(first_seconds=0.1)


def prefetch(queue: WorkQueue) -> int:
    """Return how many unacknowledged AMQP messages keep the workers busy: enough for two calls, with one event each."""
    return min(2 * queue.max_events_per_call * queue.concurrent_calls, PREFETCH_LIMIT_MESSAGES)


class _ReturnedToQueue(Exception):
    """The session is over: the events that a worker holds return to the queue."""


class _Session:
    """One channel of the consumer, from opening to closing."""

    def __init__(self, channel: ConsumingChannel, buffer: DeliveryBuffer, ended: asyncio.Event) -> None:
        self.channel = channel
        self.buffer = buffer
        self.ended = ended
        self.acknowledgements = Acknowledgements()

    async def finish(self, events: Sequence[InFlightEvent]) -> None:
        """Acknowledge the deliveries that `events` finish. If the channel is lost, they will be delivered again."""
        tag = self.acknowledgements.finish(events)
        if tag is None:
            return
        try:
            await self.channel.acknowledge(tag)
        except DependencyUnavailable as error:
            log.debug("acknowledgement dropped", reason=str(error))
            self.ended.set()


class Consumer:
    """Handles one work queue while its `session` is supervised.

    Args:
        queue: what to consume.
        handler: handles the events.
        connection: where the channel is opened.
        publisher: publishes retries, parked items and dead letters.
        metrics: where calls and outcomes are counted.
        call_limit_seconds: a handler that takes longer is stuck on a dependency: its events are held.
        hold_limit_seconds: how long deliveries may be held before they return to the queue. Well below RabbitMQ's
            delivery acknowledgement timeout (30 min), and long, because every return counts towards the delivery limit.
        grace_seconds: how long running calls may take to end.
        utc_now: returns the time (UTC).
        jitter: returns a random number from 0 to 1.
    """

    def __init__(
        self,
        queue: WorkQueue,
        handler: Handler,
        *,
        connection: SupervisedConnection[AbstractConnection],
        publisher: RabbitPublisher,
        metrics: Metrics,
        call_limit_seconds: float,
        hold_limit_seconds: float,
        grace_seconds: float,
        utc_now: Callable[[], datetime],
        jitter: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._connection = connection
        self._publisher = publisher
        self._metrics = metrics
        self._call_limit_seconds = call_limit_seconds
        self._hold_limit_seconds = hold_limit_seconds
        self._grace_seconds = grace_seconds
        self._utc_now = utc_now
        self._jitter = jitter
        self._ended = asyncio.Event()
        self._is_leaving = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self.is_active = False

    async def session(self) -> None:
        """Open a channel, consume until it ends, then close it.

        Raises:
            DependencyUnavailable: the broker refused, or the connection was lost.
        """
        connection = await self._connection.wait()
        self._ended = ended = asyncio.Event()
        self._is_idle.clear()

        def cancelled() -> None:
            self._connection.invalidate(connection)  # the queue was deleted: a new connection declares it
            ended.set()

        try:
            async with consuming_channel(
                connection, prefetch=prefetch(self._queue), on_end=ended.set, on_cancelled=cancelled
            ) as channel:
                await self._consume(_Session(channel, DeliveryBuffer(prefetch(self._queue)), ended))
        except DependencyUnavailable:
            self._connection.invalidate(connection)
            raise
        finally:
            self._is_idle.set()

    async def leave(self) -> None:
        """Stop taking events, let running calls end, acknowledge them and close the channel, within `grace_seconds`."""
        self._is_leaving = True
        self._ended.set()
        try:
            async with asyncio.timeout(self._grace_seconds):
                await self._is_idle.wait()
        except TimeoutError:
            log.warning("consumer did not stop in time", queue=self._queue.name)

    async def _consume(self, session: _Session) -> None:
        tag = await session.channel.consume(self._queue.name, session.buffer.put)
        workers = [asyncio.create_task(self._work(session)) for _ in range(self._queue.concurrent_calls)]
        for worker in workers:
            worker.add_done_callback(lambda _: session.ended.set())
        self._set_active(active=True)
        try:
            await session.ended.wait()
            self._set_active(active=False)
            session.buffer.close()
            if not self._is_leaving:
                log.warning("consumer interrupted, restarting", queue=self._queue.name)
            else:
                with contextlib.suppress(DependencyUnavailable):  # closing the channel ends the consumer as well
                    await session.channel.cancel(tag)
            await asyncio.wait(workers, timeout=self._grace_seconds)
        finally:
            self._set_active(active=False)
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)
        for worker in workers:
            if not worker.cancelled():
                worker.result()

    def _set_active(self, *, active: bool) -> None:
        self.is_active = active
        self._metrics.consumer_active.labels(self._queue.name).set(active)

    async def _work(self, session: _Session) -> None:
        try:
            while batch := await session.buffer.take(self._queue):
                await self._handle(session, batch)
        except _ReturnedToQueue:
            pass

    async def _handle(self, session: _Session, batch: Sequence[InFlightEvent]) -> None:
        outcomes = await self._until_available(session, batch, lambda: self._outcomes(batch))
        settlement = settle(self._queue, batch, outcomes, now=self._utc_now())
        await session.finish(settlement.done)
        if settlement.failed:
            await self._until_available(session, batch, lambda: self._publish_failed(settlement))
            await session.finish(settlement.failed)
        self._count(settlement)

    async def _outcomes(self, batch: Sequence[InFlightEvent]) -> list[Outcome]:
        readable = [one.event for one in batch if one.event is not None]
        handled = iter(await apply_error_policy(self._call, readable) if readable else [])
        return [Park(one.problem) if one.event is None else next(handled) for one in batch]

    async def _call(self, events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        limit = asyncio.timeout(self._call_limit_seconds)
        try:
            with self._metrics.handler_seconds.labels(self._queue.name).time():
                async with limit:
                    return await self._handler(events)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise DependencyUnavailable(f"the handler took more than {self._call_limit_seconds:g} s") from error
        except asyncio.CancelledError as error:
            if not cancelled_by_library():
                raise
            raise DependencyUnavailable("the handler lost a connection") from error

    async def _publish_failed(self, settlement: Settlement) -> None:
        for message in settlement.messages:
            await self._publisher.send(message)
        await self._publisher.publish(settlement.items)

    async def _until_available(
        self, session: _Session, batch: Sequence[InFlightEvent], attempt: Callable[[], Awaitable[T]]
    ) -> T:
        """Return what `attempt` returns, retrying while a dependency is unavailable. This does not count as an attempt.

        Raises:
            _ReturnedToQueue: the events were held for too long, or the session ended.
        """
        failures = 0
        try:
            while True:
                try:
                    return await attempt()
                except DependencyUnavailable as error:
                    failures += 1
                    self._report_hold(failures, batch, error)
                await self._pause(session, failures, oldest=min(one.delivery.arrived_at for one in batch))
        finally:
            if failures:
                self._metrics.holding.labels(self._queue.name).dec()

    async def _pause(self, session: _Session, failures: int, *, oldest: float) -> None:
        if asyncio.get_running_loop().time() - oldest > self._hold_limit_seconds:
            log.warning("hold limit reached, deliveries return to the queue", queue=self._queue.name)
            raise _ReturnedToQueue
        try:
            async with asyncio.timeout(HOLD_BACKOFF.delay_seconds(failures, jitter=self._jitter())):
                await session.ended.wait()
        except TimeoutError:
            return
        raise _ReturnedToQueue

    def _report_hold(self, failures: int, batch: Sequence[InFlightEvent], error: DependencyUnavailable) -> None:
        if failures == 1:
            self._metrics.holding.labels(self._queue.name).inc()
            log.warning("holding events", queue=self._queue.name, events=len(batch), reason=str(error))

    def _count(self, settlement: Settlement) -> None:
        for outcome, events in (
            ("done", settlement.done),
            ("retried", settlement.retried),
            ("parked", settlement.parked),
            ("dead", settlement.dead),
        ):
            if events:
                self._metrics.events.labels(self._queue.name, outcome).inc(len(events))
        for item in settlement.items:
            log.warning("event parked", queue=self._queue.name, event_type=item.event_type, reason=item.reason)
        for one in settlement.dead:
            log.error("event moved to the dead letter queue", queue=self._queue.name, bytes=len(one.part))
