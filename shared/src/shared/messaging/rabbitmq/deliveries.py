"""Deliveries of one channel: taken apart into events, and acknowledged when all of their events are finished."""

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
"""How often the events of a message have failed; absent means never. `x-death` is not used: 4.x keeps it to itself."""


@dataclass(slots=True)
class Delivery:
    """One AMQP message that the broker waits for us to acknowledge."""

    tag: int
    arrived_at: float
    """Loop time."""
    failures: int
    content_type: str
    left: int = 0
    """Events of it that are not finished."""


@dataclass(slots=True, frozen=True)
class InFlightEvent:
    """One event of a delivery."""

    delivery: Delivery
    part: bytes
    """As it came, so that it can be re-published or parked unchanged."""
    event: AnyEvent | None
    """None when it could not be read."""
    problem: str = ""
    """Why it could not be read."""


def unpack(message: DeliveredMessage, *, arrived_at: float) -> list[InFlightEvent]:
    """Take a message apart. An unreadable event keeps its problem and, where possible, never costs its neighbours."""
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
        held = [_held(delivery, part) for part in split(content_type, message.body)]
    except MalformedEvent as error:
        held = [InFlightEvent(delivery, message.body, None, str(error))]
    if not held:
        held = [InFlightEvent(delivery, message.body, None, "an array without events")]
    delivery.left = len(held)
    return held


def _held(delivery: Delivery, part: bytes) -> InFlightEvent:
    try:
        return InFlightEvent(delivery, part, decode(delivery.content_type, part))
    except MalformedEvent as error:
        return InFlightEvent(delivery, part, None, str(error))


class DeliveryBuffer:
    """What has arrived and is not being handled yet; several workers take from it.

    Args:
        limit: the channel's prefetch; the broker never has more deliveries than this out at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._arrived: deque[tuple[float, DeliveredMessage]] = deque()
        self._opened: deque[InFlightEvent] = deque()
        self._something = asyncio.Event()
        self._is_closed = False

    def put(self, message: DeliveredMessage) -> None:
        """Keep a delivery; called by the channel, in the order of delivery tags."""
        if len(self._arrived) >= self._limit:
            raise OverflowError(f"the broker sent more than the {self._limit} deliveries that it may")
        self._arrived.append((asyncio.get_running_loop().time(), message))
        self._something.set()

    def close(self) -> None:
        """Hand out nothing more; what is left returns to the queue with the channel."""
        self._is_closed = True
        self._something.set()

    async def take(self, queue: WorkQueue) -> list[InFlightEvent]:
        """Return what has arrived, within what `queue` allows a call, as soon as there is any; nothing once closed."""
        while not self._is_closed:
            if batch := self._cut(queue.max_events_per_call, queue.max_bytes_per_call):
                return batch
            self._something.clear()
            await self._something.wait()
        return []

    def _cut(self, max_events: int, max_bytes: int) -> list[InFlightEvent]:
        batch: list[InFlightEvent] = []
        size = 0
        while len(batch) < max_events and (one := self._next()) is not None:
            size += len(one.part)
            if batch and size > max_bytes:
                break
            batch.append(self._opened.popleft())
        return batch

    def _next(self) -> InFlightEvent | None:
        """Return the oldest event. Messages are taken apart only as they are needed: until then each is one block."""
        while self._arrived and not self._opened:
            arrived_at, message = self._arrived.popleft()
            self._opened.extend(unpack(message, arrived_at=arrived_at))
        return self._opened[0] if self._opened else None


class Acknowledgements:
    """Which deliveries are finished, and how far they may be acknowledged."""

    def __init__(self) -> None:
        self._window = AckWindow()

    def finish(self, finished: Iterable[InFlightEvent]) -> int | None:
        """Note events that need nothing more; return the tag to acknowledge up to, or None for none."""
        for held in finished:
            held.delivery.left -= 1
            if held.delivery.left == 0:
                self._window.finish(held.delivery.tag)
        return self._window.advance()
