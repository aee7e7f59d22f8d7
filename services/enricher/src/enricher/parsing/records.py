"""Items that are no part of a thread: kept beside it, with who did it and what it says."""

import msgspec

from enricher.parsing.context import Reading
from enricher.parsing.values import MAX_ID_BYTES
from shared.contracts import RecordItem, RecordKind


def record(
    reading: Reading,
    kind: RecordKind,
    *,
    natural_id: str | None = None,
    actor_id: str | None = None,
    text: str | None = None,
) -> RecordItem:
    """Return the record of the item; `natural_id` is what the platform tells it from others by, if it does."""
    is_id = natural_id is not None and len(natural_id.encode()) <= MAX_ID_BYTES
    return RecordItem(
        record=kind,
        record_id=natural_id if natural_id is not None and is_id else reading.id,
        actor_id=actor_id,
        text=text,
        body=msgspec.Raw(reading.body),
    )
