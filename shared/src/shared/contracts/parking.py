"""The one place that builds parked items, for every broker adapter and for the enricher."""

from datetime import datetime

from shared.contracts.event import Event
from shared.contracts.events import ItemParkedV1
from shared.contracts.platform import derive_id

LONGEST_REASON = 2000
"""Characters of a reason that are kept; a reason may quote what it is about."""


def parked_item(
    original: bytes,
    event: Event | None,
    *,
    content_type: str,
    handler: str,
    reason: str,
    attempts: int,
    received_at: datetime,
) -> ItemParkedV1:
    """Return the event that parks `original`. Parking the same original again gives the same id.

    Args:
        original: the event as it was on the wire.
        event: the same event, decoded; None if it cannot be read.
        content_type: how `original` is encoded.
        handler: the queue whose handler gave it up.
        reason: why; cut to `LONGEST_REASON`.
        attempts: how often it was handled.
        received_at: when it arrived (UTC); used only if it cannot be read, because it has no time of its own then.
    """
    return ItemParkedV1(
        id=derive_id("parked", handler, original if event is None else event.id),
        occurred_at=received_at if event is None else event.occurred_at,
        received_at=received_at if event is None else event.received_at,
        traceparent="" if event is None else event.traceparent,
        hops=() if event is None else event.hops,
        handler=handler,
        reason=reason[:LONGEST_REASON],
        attempts=attempts,
        event_type="" if event is None else event.type_name(),
        content_type=content_type,
        original=original,
    )
