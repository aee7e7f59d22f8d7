"""Parked items: stored whole, inspected and replayed; and their outcomes in the ledger."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from shared.contracts import (
    AnyEvent,
    InboxEnrichedV1,
    ItemParkedV1,
    ProfileRequestedV1,
    ProfileResolvedV1,
    WebhookReceivedV1,
    WebhookReleasedV1,
    WebhookUnclaimedV1,
    decode,
)
from shared.errors import MalformedEvent
from store.core.audit import AuditEntry
from store.core.cursors import ParkedPosition
from store.core.facts import ItemKey
from store.core.ledger import REPLAYED, ItemEntry
from store.repository import audit
from store.repository.ledger import item_outcomes
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

_PARK = Statement("""
    INSERT INTO parked_items (id, handler, reason, attempts, event_type, content_type, original, occurred_at,
                              received_at, webhook_id, item_index, platform, page_id, parked_at)
    SELECT p.*, CAST(:now AS timestamptz)
    FROM unnest(CAST(:ids AS text[]), CAST(:handlers AS text[]), CAST(:reasons AS text[]),
                CAST(:attempts AS integer[]), CAST(:event_types AS text[]), CAST(:content_types AS text[]),
                CAST(:originals AS bytea[]), CAST(:occurred_ats AS timestamptz[]),
                CAST(:received_ats AS timestamptz[]), CAST(:webhook_ids AS text[]), CAST(:item_indexes AS integer[]),
                CAST(:platforms AS text[]), CAST(:page_ids AS text[])) AS p
    ON CONFLICT (id) DO UPDATE SET
        reason = EXCLUDED.reason, attempts = EXCLUDED.attempts, content_type = EXCLUDED.content_type,
        original = EXCLUDED.original, occurred_at = EXCLUDED.occurred_at, received_at = EXCLUDED.received_at,
        webhook_id = EXCLUDED.webhook_id, item_index = EXCLUDED.item_index, platform = EXCLUDED.platform,
        page_id = EXCLUDED.page_id, parked_at = EXCLUDED.parked_at, replayed_at = NULL
    WHERE parked_items.replayed_at IS NOT NULL
""")
_KEPT = Statement("SELECT id, webhook_id, item_index FROM parked_items WHERE id = ANY(CAST(:ids AS text[]))")
_PARKED = Statement("""
    SELECT id, handler, reason, attempts, event_type, parked_at, replayed_at FROM parked_items
    WHERE (NOT CAST(:unreplayed_only AS boolean) OR replayed_at IS NULL)
      AND (parked_at, id) < (coalesce(CAST(:after_at AS timestamptz), 'infinity'), CAST(:after_id AS text))
    ORDER BY parked_at DESC, id DESC LIMIT CAST(:limit AS bigint)
""")
_WHOLE = Statement("""
    SELECT id, handler, reason, attempts, event_type, content_type, original, parked_at, replayed_at FROM parked_items
    WHERE id = ANY(CAST(:ids AS text[]))
""")
_ITEM = "webhook_id, item_index, platform, page_id, received_at, event_type, content_type, original"
_REPLAYED = Statement(f"""
    UPDATE parked_items SET replayed_at = :now WHERE id = ANY(CAST(:ids AS text[])) RETURNING {_ITEM}
""")  # noqa: S608 - a constant of ours
_NOT_REPLAYED = Statement(f"""
    UPDATE parked_items SET replayed_at = NULL WHERE id = :id AND replayed_at = :marked_at RETURNING {_ITEM}
""")  # noqa: S608 - a constant of ours


class ParkedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A parked event, without its contents."""

    id: str
    handler: str
    reason: str
    attempts: int
    event_type: str
    parked_at: datetime
    replayed_at: datetime | None


class ParkedItem(ParkedEntry, frozen=True, kw_only=True):
    """A parked event."""

    content_type: str
    original: bytes

    @property
    def event(self) -> AnyEvent | None:
        """The event; None if it was never readable."""
        return _original(self.content_type, self.original)


class _Source(msgspec.Struct, frozen=True):
    """Which item or webhook a parked event is, for the ledger."""

    webhook_id: str | None = None
    """None: it is not part of a webhook, such as a failed lookup."""
    item_index: int | None = None
    """None: the whole webhook."""
    platform: str | None = None
    page_id: str | None = None
    is_renamed: bool = False
    """Whether a replay makes it a webhook of its own, because it was cut out of another one."""

    @property
    def entry(self) -> ItemEntry | None:
        """The item with the outcome `parked`; None if it is not an item."""
        if self.webhook_id is None or self.item_index is None:
            return None
        return ItemEntry(self.webhook_id, self.item_index, self.platform or "", self.page_id or "", "parked")


async def park(transaction: Connection, events: Sequence[ItemParkedV1], *, now: datetime) -> None:
    """Store parked events, and their outcomes in the ledger.

    An event that is stored already stays as it is, unless it was replayed and has failed again. The same item of
    another webhook is a duplicate.
    """
    with_source = [(event, _source_of(event)) for event in sorted(events, key=lambda event: event.id)]
    once = {event.id: (event, source) for event, source in reversed(with_source)}
    await _insert(transaction, list(once.values()), now=now)
    whole = {
        (source.webhook_id, source.platform or "", event.received_at)
        for event, source in with_source
        if source.webhook_id is not None and source.item_index is None
    }
    if whole:
        await item_outcomes.park_webhooks(transaction, whole)
    if any(source.entry is not None for _, source in with_source):
        rows = await transaction.execute(_KEPT, {"ids": [event.id for event, _ in with_source]})
        kept = {row["id"]: ItemKey(row["webhook_id"], row["item_index"]) for row in rows}
        entries = [(event.id, source.entry) for event, source in with_source if source.entry is not None]
        await item_outcomes.write_outcomes(
            transaction,
            [entry if kept[row_id] == entry.item else entry._replace(outcome="duplicate") for row_id, entry in entries],
            now=now,
        )


async def _insert(
    transaction: Connection, with_source: Sequence[tuple[ItemParkedV1, _Source]], *, now: datetime
) -> None:
    events = [event for event, _ in with_source]
    sources = [source for _, source in with_source]
    await transaction.execute(
        _PARK,
        {
            "ids": [event.id for event in events],
            "handlers": [event.handler for event in events],
            # A reason may quote the invalid data, which may be a NUL character, and Postgres cannot store one.
            "reasons": [event.reason.replace("\0", "\N{REPLACEMENT CHARACTER}") for event in events],
            "attempts": [event.attempts for event in events],
            "event_types": [event.event_type for event in events],
            "content_types": [event.content_type for event in events],
            "originals": [event.original for event in events],
            "occurred_ats": [event.occurred_at for event in events],
            "received_ats": [event.received_at for event in events],
            "webhook_ids": [source.webhook_id for source in sources],
            "item_indexes": [source.item_index for source in sources],
            "platforms": [source.platform for source in sources],
            "page_ids": [source.page_id for source in sources],
            "now": now,
        },
    )


async def list_items(
    database: Database, *, unreplayed_only: bool = False, after: ParkedPosition | None = None, limit: int
) -> list[ParkedEntry]:
    """Return parked events without their contents, the latest first, starting after `after`."""
    arguments = {
        "unreplayed_only": unreplayed_only,
        "after_at": None if after is None else after.parked_at,
        "after_id": "" if after is None else after.id,
        "limit": limit,
    }
    async with database.reading() as connection:
        return [ParkedEntry(**row) for row in await connection.execute(_PARKED, arguments)]


async def get_items(database: Database, ids: Sequence[str]) -> list[ParkedItem]:
    """Return the parked events with these IDs; unknown IDs are left out."""
    async with database.reading() as connection:
        return [ParkedItem(**row) for row in await connection.execute(_WHOLE, {"ids": list(ids)})]


async def mark_replayed(
    database: Database, ids: Sequence[str], *, now: datetime, audit_entries: Sequence[AuditEntry] = ()
) -> None:
    """Mark parked items as replayed. Call this before publishing them, because they may be parked again at once.

    Their outcomes are removed until they arrive, so that an item that gets lost is reported as missing.
    The audit log records `audit_entries` in the same transaction.
    """
    async with database.transaction() as transaction:
        for row in await transaction.execute(_REPLAYED, {"ids": sorted(ids), "now": now}):
            source = _source_of_row(row)
            if source.entry is not None and source.is_renamed:
                await item_outcomes.replace(
                    transaction, source.entry.item, old=("parked", ""), new=("ignored", REPLAYED)
                )
            elif source.entry is not None:
                await item_outcomes.reopen(transaction, [source.entry.item], now=now)
            elif source.webhook_id is not None:
                await item_outcomes.unpark_webhook(transaction, source.webhook_id, now=now)
        await audit.append(transaction, audit_entries, now=now)


async def unmark_replayed(
    database: Database, item_id: str, *, marked_at: datetime, audit_entries: Sequence[AuditEntry] = ()
) -> None:
    """Undo `mark_replayed` of an item that could not be published."""
    async with database.transaction() as transaction:
        for row in await transaction.execute(_NOT_REPLAYED, {"id": item_id, "marked_at": marked_at}):
            source = _source_of_row(row)
            if source.entry is not None and source.is_renamed:
                await item_outcomes.replace(
                    transaction, source.entry.item, old=("ignored", REPLAYED), new=("parked", "")
                )
            elif source.entry is not None:
                await item_outcomes.write_outcomes(transaction, [source.entry], now=marked_at)
            elif source.webhook_id is not None:
                whole = (source.webhook_id, source.platform or "", row["received_at"])
                await item_outcomes.park_webhooks(transaction, [whole])
        await audit.append(transaction, audit_entries, now=marked_at)


AboutPerson = InboxEnrichedV1 | ProfileRequestedV1 | ProfileResolvedV1
"""Events that say whose data they are."""


def readable_original(event: ItemParkedV1) -> AboutPerson | None:
    """Return what was parked, if it says whose data it is."""
    original = _original(event.content_type, event.original)
    return original if isinstance(original, AboutPerson) else None


def emptied(event: ItemParkedV1) -> ItemParkedV1:
    """Return the event without its contents, for the ledger alone."""
    original = readable_original(event)
    webhook_id = original.webhook_id if isinstance(original, InboxEnrichedV1) else event.webhook_id
    item_index = original.item_index if isinstance(original, InboxEnrichedV1) else event.item_index
    return replace(event, original=b"", reason="erased", webhook_id=webhook_id, item_index=item_index)


def _source_of(event: ItemParkedV1) -> _Source:
    original = _original(event.content_type, event.original)
    if event.webhook_id is not None:
        platform = original.platform if isinstance(original, WebhookReceivedV1) else ""
        return _Source(event.webhook_id, event.item_index, platform, "")
    match original:
        case WebhookReceivedV1():
            return _Source(original.id, None, original.platform, "")
        case InboxEnrichedV1() | WebhookUnclaimedV1() | WebhookReleasedV1():
            return _Source(original.webhook_id, original.item_index, original.platform, original.page_id)
    return _Source()


def _source_of_row(row: Any) -> _Source:
    original = _original(row["content_type"], row["original"])
    is_renamed = isinstance(original, WebhookReceivedV1) and original.id != row["webhook_id"]
    return _Source(row["webhook_id"], row["item_index"], row["platform"], row["page_id"], is_renamed)


def _original(content_type: str, original: bytes) -> AnyEvent | None:
    """Return the parked event; None if it cannot be read."""
    try:
        return decode(content_type, original)
    except MalformedEvent:
        return None
