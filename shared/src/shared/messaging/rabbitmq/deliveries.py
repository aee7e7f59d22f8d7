"""Deliveries of one channel: unpacked into events, and acknowledged once all their events are finished."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from aiormq.abc import DeliveredMessage

from shared.contracts import AnyEvent, decode, split
from shared.errors import MalformedEvent
from shared.messaging.rabbitmq.ack_window import AckWindow
from shared.messaging.topology import WorkQueue

ATTEMPTS_HEADER = "x-switchboard-attempts"
"""How often the events of a message have failed; absent means never. Not `x-death`: 4.x ignores it from clients."""


@dataclass(slots=True)
class Delivery:
    """One AMQP message that has not been acknowledged yet."""

    tag: int
    arrived_at: float
    """Loop time."""
    failures: int
    content_type: str
    unfinished: int = 0
    """How many of its events are not finished."""


@dataclass(slots=True, frozen=True)
class InFlightEvent:
    """One event of a delivery that is not finished yet."""

    delivery: Delivery
    part: bytes
    """The event as it arrived, so that it can be published again or parked unchanged."""
    event: AnyEvent | None
    """None if it could not be decoded."""
    problem: str = ""
    """Why it could not be decoded."""


def unpack(message: DeliveredMessage, *, arrived_at: float) -> list[InFlightEvent]:
    """Return the events of a message. An unreadable event keeps its problem and does not affect its neighbours.

    Args:
        message: as delivered. If the message itself is unreadable, all of it counts as one unreadable event.
        arrived_at: loop time.
    """
    properties = message.header.properties
    content_type = properties.content_type or ""
    failures = (properties.headers or {}).get(ATTEMPTS_HEADER, 0)
    delivery = Delivery(
        tag=message.delivery_tag or 0,
        arrived_at=arrived_at,
        failures=failures if isinstance(failures, int) else 0,
        content_type=content_type,
    )
    try:
        events = [_in_flight(delivery, part) for part in split(content_type, message.body)]
    except MalformedEvent as error:
        events = [InFlightEvent(delivery, message.body, None, str(error))]
    if not events:
        events = [InFlightEvent(delivery, message.body, None, "an array without events")]
    delivery.unfinished = len(events)
    return events


def _in_flight(delivery: Delivery, part: bytes) -> InFlightEvent:
    try:
        return InFlightEvent(delivery, part, decode(delivery.content_type, part))
    except MalformedEvent as error:
        return InFlightEvent(delivery, part, None, str(error))


class DeliveryBuffer:
    """Deliveries that have arrived and are not being handled yet. Several workers take events from it.

    Args:
        limit: the channel's prefetch, which is the maximum number of deliveries.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._arrived: deque[tuple[float, DeliveredMessage]] = deque()
        self._unpacked: deque[InFlightEvent] = deque()
        self._is_filled = asyncio.Event()
        self._is_closed = False

    def put(self, message: DeliveredMessage) -> None:
        """Add a delivery; the channel calls this in the order of delivery tags."""
        if len(self._arrived) >= self._limit:
            raise OverflowError(f"the broker sent more deliveries than the prefetch of {self._limit}")
        self._arrived.append((asyncio.get_running_loop().time(), message))
        self._is_filled.set()

    def close(self) -> None:
        """Hand out no more events. What is left returns to the queue when the channel closes."""
        self._is_closed = True
        self._is_filled.set()

    async def take(self, queue: WorkQueue) -> list[InFlightEvent]:
        """Wait for events and return them, within the limits of `queue` for one call. Return none once closed."""
        while not self._is_closed:
            if batch := self._cut(queue.max_events_per_call, queue.max_bytes_per_call):
                return batch
            self._is_filled.clear()
            await self._is_filled.wait()
        return []

    def _cut(self, max_events: int, max_bytes: int) -> list[InFlightEvent]:
        batch: list[InFlightEvent] = []
        size = 0
        while len(batch) < max_events and (one := self._peek()) is not None:
            size += len(one.part)
            if batch and size > max_bytes:
                break
            batch.append(self._unpacked.popleft())
        return batch

    def _peek(self) -> InFlightEvent | None:
        """Return the oldest event. Messages are unpacked when needed; until then, each is one block of memory."""
        while self._arrived and not self._unpacked:
            arrived_at, message = self._arrived.popleft()
            self._unpacked.extend(unpack(message, arrived_at=arrived_at))
        return self._unpacked[0] if self._unpacked else None


class Acknowledgements:
    """Tracks which deliveries are finished, and up to which tag they can be acknowledged."""

    def __init__(self) -> None:
        self._window = AckWindow()

    def finish(self, finished: Iterable[InFlightEvent]) -> int | None:
        """Record finished events. Return the tag to acknowledge up to, or None."""
        for one in finished:
            one.delivery.unfinished -= 1
            if one.delivery.unfinished == 0:
                self._window.finish(one.delivery.tag)
        return self._window.advance()
