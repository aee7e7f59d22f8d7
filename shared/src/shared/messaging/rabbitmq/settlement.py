"""Decides what happens to each event after its handler has returned. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.contracts import LONGEST_REASON, ItemParkedV1, parked_item
from shared.messaging.outcomes import DONE, Outcome, Park, Retry
from shared.messaging.rabbitmq.deliveries import ATTEMPTS_HEADER, InFlightEvent
from shared.messaging.rabbitmq.outgoing import LARGEST_EVENT_BYTES, OutgoingMessage, chunks
from shared.messaging.topology import DEAD_LETTER_EXCHANGE, WorkQueue

LARGEST_PARKED_BYTES = LARGEST_EVENT_BYTES - 64 * 1024
"""A larger event does not fit into a parked item together with its reason and metadata."""


@dataclass
class Settlement:
    """The events of one call, sorted by what has to happen before they can be acknowledged."""

    done: list[InFlightEvent] = field(default_factory=list)
    retried: list[InFlightEvent] = field(default_factory=list)
    parked: list[InFlightEvent] = field(default_factory=list)
    dead: list[InFlightEvent] = field(default_factory=list)
    """What cannot be parked: events that are too large, and parked items, which would otherwise be parked forever."""
    messages: list[OutgoingMessage] = field(default_factory=list)
    """Retries and dead letters to send."""
    items: list[ItemParkedV1] = field(default_factory=list)
    """Parked items to publish."""

    @property
    def failed(self) -> list[InFlightEvent]:
        """Events that are finished once `messages` and `items` are confirmed."""
        return [*self.retried, *self.parked, *self.dead]


def settle(
    queue: WorkQueue, events: Sequence[InFlightEvent], outcomes: Sequence[Outcome], *, now: datetime
) -> Settlement:
    """Sort `events` by their `outcomes`.

    A retry beyond the queue's `max_attempts` is parked.

    Args:
        queue: where the events came from.
        events: the events of one call.
        outcomes: one per event.
        now: the time (UTC) of events that could not be decoded, because they have none of their own.
    """
    settlement = Settlement()
    retries: dict[tuple[int, str], list[bytes]] = {}
    for one, outcome in zip(events, outcomes, strict=True):
        attempts = one.delivery.failures + 1
        if outcome == DONE:
            settlement.done.append(one)
        elif isinstance(outcome, Retry) and attempts < queue.max_attempts:
            settlement.retried.append(one)
            retries.setdefault((attempts, one.delivery.content_type), []).append(one.part)
        elif isinstance(one.event, ItemParkedV1) or len(one.part) > LARGEST_PARKED_BYTES:
            settlement.dead.append(one)
            settlement.messages.append(_dead_letter(queue, one, _reason(outcome)[:LONGEST_REASON]))
        else:
            settlement.parked.append(one)
            settlement.items.append(
                parked_item(
                    one.part,
                    one.event,
                    content_type=one.delivery.content_type,
                    handler=queue.name,
                    reason=_reason(outcome),
                    attempts=attempts,
                    received_at=now,
                )
            )
    for (attempts, content_type), parts in retries.items():
        settlement.messages.extend(_retries(queue, attempts, content_type, parts))
    return settlement


def _reason(outcome: Outcome) -> str:
    return outcome.reason if isinstance(outcome, Park | Retry) else ""


def _retries(queue: WorkQueue, attempts: int, content_type: str, parts: Sequence[bytes]) -> list[OutgoingMessage]:
    retry_queue, _ = queue.retry_queue(attempts)
    return [
        OutgoingMessage(
            exchange=queue.retry_exchange,
            routing_key=retry_queue,
            content_type=content_type,
            parts=batch,
            mandatory=True,
            headers={ATTEMPTS_HEADER: attempts},
        )
        for batch in chunks(parts)
    ]


def _dead_letter(queue: WorkQueue, event: InFlightEvent, reason: str) -> OutgoingMessage:
    return OutgoingMessage(
        exchange=DEAD_LETTER_EXCHANGE,
        routing_key=queue.name,
        content_type=event.delivery.content_type,
        parts=[event.part],
        mandatory=True,
        headers={ATTEMPTS_HEADER: event.delivery.failures + 1, "x-switchboard-reason": reason},
    )
