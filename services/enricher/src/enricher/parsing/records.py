"""Items that are not part of a conversation. The store keeps them as records beside it."""

import msgspec

from enricher.parsing.context import ParseContext
from enricher.parsing.values import MAX_ID_BYTES
from shared.contracts import RecordItem, RecordKind


def record_item(
    context: ParseContext,
    kind: RecordKind,
    *,
    natural_id: str | None = None,
    actor_id: str | None = None,
    text: str | None = None,
) -> RecordItem:
    """Return the record of the item.

    Args:
        context: the item.
        kind: what is recorded.
        natural_id: what the platform tells the record from others by. Without one, or if it is longer than
            `MAX_ID_BYTES`, the item's own ID is used.
        actor_id: who did it.
        text: what it says, for people.
    """
    is_usable = natural_id is not None and len(natural_id.encode()) <= MAX_ID_BYTES
    return RecordItem(
        record=kind,
        record_id=natural_id if natural_id is not None and is_usable else context.id,
        actor_id=actor_id,
        text=text,
        body=msgspec.Raw(context.body),
    )
