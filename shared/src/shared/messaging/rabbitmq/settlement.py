"""What becomes of each event after its handler has spoken. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts import ItemParkedV1, derive_id
from shared.messaging.outcomes import DONE, Outcome, Park, Retry
from shared.messaging.rabbitmq.deliveries import ATTEMPTS_HEADER, Held
from shared.messaging.rabbitmq.parcels import DEFAULT_EXCHANGE, LARGEST_EVENT_BYTES, Parcel, chunks
from shared.messaging.topology import DEAD_LETTER_EXCHANGE, WorkQueue

LARGEST_PARKED_BYTES = LARGEST_EVENT_BYTES - 64 * 1024
"""What is larger does not fit into a parked item beside what is said about it."""
LONGEST_REASON = 2000
"""Characters; a reason may quote what it is about."""


@dataclass
class Settlement:
    """One call's events, sorted by what has to happen before they may be acknowledged."""

    done: list[Held] = field(default_factory=list)
    retried: list[Held] = field(default_factory=list)
    parked: list[Held] = field(default_factory=list)
    dead: list[Held] = field(default_factory=list)
    """What cannot be parked: parked items that failed themselves, which would go round in circles, and giants."""
    parcels: list[Parcel] = field(default_factory=list)
    """Retries and dead letters, ready to be sent."""
    items: list[ItemParkedV1] = field(default_factory=list)
    """To be published."""

    @property
    def failed(self) -> list[Held]:
        """Events that are finished once `parcels` and `items` are confirmed."""
        return [*self.retried, *self.parked, *self.dead]


def settle(queue: WorkQueue, held: Sequence[Held], outcomes: Sequence[Outcome], *, now: datetime) -> Settlement:
    """Sort `held`, event by event, by `outcomes`.

    A retry beyond the queue's `max_attempts` is parked. `now` dates what could not be read: it has no time of its own.
    """
    settlement = Settlement()
    retries: dict[tuple[int, str], list[bytes]] = {}
    for one, outcome in zip(held, outcomes, strict=True):
        attempts = one.delivery.failures + 1
        if outcome == DONE:
            settlement.done.append(one)
        elif isinstance(outcome, Retry) and attempts < queue.max_attempts:
            settlement.retried.append(one)
            retries.setdefault((attempts, one.delivery.content_type), []).append(one.part)
        elif isinstance(one.event, ItemParkedV1) or len(one.part) > LARGEST_PARKED_BYTES:
            settlement.dead.append(one)
            settlement.parcels.append(_dead_letter(queue, one, _reason(outcome)))
        else:
            settlement.parked.append(one)
            settlement.items.append(_parked(queue, one, _reason(outcome), now))
    for (attempts, content_type), parts in retries.items():
        settlement.parcels.extend(_retries(queue, attempts, content_type, parts))
    return settlement


def _reason(outcome: Outcome) -> str:
    return outcome.reason[:LONGEST_REASON] if isinstance(outcome, Park | Retry) else ""


def _retries(queue: WorkQueue, attempts: int, content_type: str, parts: Sequence[bytes]) -> list[Parcel]:
    retry_queue, _ = queue.retry_queue(attempts)
    return [
        Parcel(
            exchange=DEFAULT_EXCHANGE,
            routing_key=retry_queue,
            content_type=content_type,
            parts=batch,
            mandatory=True,
            headers={ATTEMPTS_HEADER: attempts},
        )
        for batch in chunks(parts)
    ]


def _dead_letter(queue: WorkQueue, held: Held, reason: str) -> Parcel:
    return Parcel(
        exchange=DEAD_LETTER_EXCHANGE,
        routing_key=queue.name,
        content_type=held.delivery.content_type,
        parts=[held.part],
        mandatory=True,
        headers={ATTEMPTS_HEADER: held.delivery.failures + 1, "x-switchboard-reason": reason},
    )


def _parked(queue: WorkQueue, held: Held, reason: str, now: datetime) -> ItemParkedV1:
    event = held.event
    return ItemParkedV1(
        id=derive_id("parked", queue.name, held.part if event is None else event.id),
        occurred_at=now if event is None else event.occurred_at,
        received_at=now if event is None else event.received_at,
        traceparent="" if event is None else event.traceparent,
        hops=() if event is None else event.hops,
        handler=queue.name,
        reason=reason,
        attempts=held.delivery.failures + 1,
        event_type="" if event is None else event.type_name(),
        content_type=held.delivery.content_type,
        original=held.part,
    )
