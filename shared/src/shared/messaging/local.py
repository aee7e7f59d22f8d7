"""The broker inside one process: `publish` returns when every handler of the event has returned.

There is no queue, so nothing can be lost with the process: a webhook is answered 200 when its items are stored, and 503
otherwise, so that the platform sends it again. There is one attempt and one deadline. What must outlive the process
(parked items, waiting webhooks, later lookups) is kept by the store, as with RabbitMQ.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from shared.contracts import AnyEvent, Event, ItemParkedV1, encode, parked_item, shard_of
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.batching import Batcher
from shared.messaging.error_policy import apply_error_policy
from shared.messaging.outcomes import Outcome, Park, Retry
from shared.messaging.ports import EventListener, Handler
from shared.messaging.topology import SubscriptionQueue, WorkQueue, has_work_queue

log = structlog.get_logger(__name__)

_WAITING_LIMIT_EVENTS = 10_000
_DRAIN_SECONDS = 5.0


class _Delivery:
    """One event on its way through one handler."""

    __slots__ = ("event", "outcome")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.outcome: Outcome | None = None


class _LocalSubscription:
    """Passes on the events of the bound shards; see `ports.Subscription`."""

    def __init__(self, queue: SubscriptionQueue, listener: EventListener) -> None:
        self._queue = queue
        self._listener = listener
        self._shards: set[int] = set()

    async def bind(self, shard: int) -> None:
        self._shards.add(shard)

    async def unbind(self, shard: int) -> None:
        self._shards.discard(shard)

    def offer(self, events: Sequence[Event]) -> None:
        """Pass on those of `events` that are of a bound shard."""
        bound = [event for event in events if isinstance(event, self._queue.event) and _shard(event) in self._shards]
        if bound:
            self._listener(bound)  # type: ignore[arg-type]  # a SubscriptionQueue names one of AnyEvent


def _shard(event: Event) -> int:
    key = event.shard_key
    return 0 if key is None else shard_of(key)


class LocalBroker:
    """Implements the port within one process; an async context manager.

    Args:
        deadline_seconds: how long `publish` waits for all handlers. After it the handlers go on, and the publisher is
            told that the events are not known to be safe.
    """

    def __init__(self, *, deadline_seconds: float = 4.0) -> None:
        self._deadline_seconds = deadline_seconds
        self._queues: dict[str, tuple[WorkQueue, Batcher[_Delivery]]] = {}
        self._subscriptions: list[_LocalSubscription] = []
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_open = False

    @property
    def is_ready(self) -> bool:
        """Whether it is open; nothing else can be unavailable."""
        return self._is_open

    async def publish(self, events: Sequence[Event]) -> None:
        """Pass every event to its handlers and listeners; see `ports.Publisher`."""
        try:
            async with asyncio.timeout(self._deadline_seconds):
                deliveries = await self._handle_all(events)
        except TimeoutError as error:
            raise DependencyUnavailable(f"not handled within {self._deadline_seconds:g} s") from error
        failures = [delivery.outcome for delivery in deliveries if isinstance(delivery.outcome, Retry)]
        if failures:
            raise TransientError(f"{len(failures)} of {len(deliveries)} events failed: {failures[0].reason}")
        for subscription in self._subscriptions:
            subscription.offer(events)

    async def _handle_all(self, events: Sequence[Event]) -> list[_Delivery]:
        for event in events:
            if has_work_queue(type(event)) and not any(type(event) in q.events for q, _ in self._queues.values()):
                raise DependencyUnavailable(f"no handler for {event.type_name()} yet")
        by_queue: dict[str, list[_Delivery]] = {
            queue.name: [_Delivery(event) for event in events if type(event) in queue.events]
            for queue, _ in self._queues.values()
        }
        await asyncio.gather(
            *(
                self._queues[name][1].submit([(name, delivery, 1) for delivery in deliveries])
                for name, deliveries in by_queue.items()
                if deliveries
            )
        )
        return [delivery for deliveries in by_queue.values() for delivery in deliveries]

    @asynccontextmanager
    async def consume(self, queue: WorkQueue, handler: Handler) -> AsyncIterator[None]:
        """Handle the events of `queue` while the context lasts; see `ports.Broker`."""
        batcher = Batcher[_Delivery](
            partial(self._handle, queue, handler),
            max_items=queue.max_events_per_call,
            target_bytes=queue.max_events_per_call,
            in_flight_limit=queue.concurrent_calls,
            waiting_limit_bytes=_WAITING_LIMIT_EVENTS,  # every event counts as 1
        )
        self._queues[queue.name] = (queue, batcher)
        try:
            yield
        finally:
            del self._queues[queue.name]
            try:
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await batcher.drain()
            except TimeoutError:
                log.warning("handlers still running at shutdown", queue=queue.name)

    @asynccontextmanager
    async def subscribe(
        self, queue: SubscriptionQueue, listener: EventListener, *, on_gap: Callable[[], None]
    ) -> AsyncIterator[_LocalSubscription]:
        """Pass on the events of `queue` while the context lasts. None can be missed, so `on_gap` is never called."""
        del on_gap
        subscription = _LocalSubscription(queue, listener)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)

    async def _handle(self, queue: WorkQueue, handler: Handler, _: str, deliveries: Sequence[_Delivery]) -> None:
        events: list[AnyEvent] = [delivery.event for delivery in deliveries]  # type: ignore[misc]  # the queue's own
        outcomes = await apply_error_policy(handler, events)
        for delivery, outcome in zip(deliveries, outcomes, strict=True):
            delivery.outcome = outcome
            if isinstance(outcome, Park):
                delivery.outcome = await self._park(queue, delivery.event, outcome)

    async def _park(self, queue: WorkQueue, event: Event, outcome: Park) -> Outcome:
        if isinstance(event, ItemParkedV1):
            return Retry(f"cannot be parked: {outcome.reason}")
        parked = parked_item(
            encode(event),
            event,
            content_type=event.wire,
            handler=queue.name,
            reason=outcome.reason,
            attempts=1,
            received_at=event.received_at,
        )
        await self.publish([parked])
        return outcome
