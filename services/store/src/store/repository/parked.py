"""What was given up: kept whole, looked at, sent through the pipeline once more; and what the ledger is told of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from shared.contracts import (
    AnyEvent,
    InboxEnrichedV1,
    ItemParkedV1,
    WebhookReceivedV1,
    WebhookReleasedV1,
    WebhookUnclaimedV1,
    decode,
)
from shared.errors import MalformedEvent
from store.core.cursors import ParkedPosition
from store.core.facts import ItemKey
from store.core.ledger import REPLAYED, ItemEntry
from store.repository import ledger
from store.repository.database import Database
from store.repository.statements import Connection, Statement

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
    """An event that was given up, without itself."""

    id: str
    handler: str
    reason: str
    attempts: int
    event_type: str
    parked_at: datetime
    replayed_at: datetime | None


class ParkedItem(ParkedEntry, frozen=True, kw_only=True):
    """An event that was given up, whole."""

    content_type: str
    original: bytes

    @property
    def event(self) -> AnyEvent | None:
        """The event; None if it was never readable."""
        return _original(self.content_type, self.original)


class _Place(msgspec.Struct, frozen=True):
    """What the ledger knows a parked event by."""

    webhook_id: str | None = None
    """None: it is nothing that came in, such as a look-up that failed."""
    item_index: int | None = None
    """None: the whole webhook."""
    platform: str | None = None
    page_id: str | None = None
    is_renamed: bool = False
    """Whether it would come back as an item of another webhook: it was cut out of one."""

    @property
    def entry(self) -> ItemEntry | None:
        """The item, parked; None where it is none."""
        if self.webhook_id is None or self.item_index is None:
            return None
        return ItemEntry(self.webhook_id, self.item_index, self.platform or "", self.page_id or "", "parked")


async def park(transaction: Connection, events: Sequence[ItemParkedV1], *, now: datetime) -> None:
    """Keep events that were given up, and note in the ledger that their items are parked.

    Those that are kept already stay as they are, unless they were replayed: then they have failed once more. The same
    item of another webhook is a duplicate of what is kept.
    """
    placed = [(event, _place_of(event)) for event in sorted(events, key=lambda event: event.id)]
    once = {event.id: (event, place) for event, place in reversed(placed)}
    await _insert(transaction, list(once.values()), now=now)
    whole = {
        (place.webhook_id, place.platform or "", event.received_at)
        for event, place in placed
        if place.webhook_id is not None and place.item_index is None
    }
    if whole:
        await ledger.park_webhooks(transaction, whole)
    if any(place.entry is not None for _, place in placed):
        rows = await transaction.execute(_KEPT, {"ids": [event.id for event, _ in placed]})
        kept = {row["id"]: ItemKey(row["webhook_id"], row["item_index"]) for row in rows}
        entries = [(event.id, place.entry) for event, place in placed if place.entry is not None]
        await ledger.write_outcomes(
            transaction,
            [entry if kept[row_id] == entry.item else entry._replace(outcome="duplicate") for row_id, entry in entries],
            now=now,
        )


async def _insert(transaction: Connection, placed: Sequence[tuple[ItemParkedV1, _Place]], *, now: datetime) -> None:
    events = [event for event, _ in placed]
    places = [place for _, place in placed]
    await transaction.execute(
        _PARK,
        {
            "ids": [event.id for event in events],
            "handlers": [event.handler for event in events],
            # A reason quotes what was wrong, which may be the very thing that Postgres cannot hold (a NUL).
            "reasons": [event.reason.replace("\0", "\N{REPLACEMENT CHARACTER}") for event in events],
            "attempts": [event.attempts for event in events],
            "event_types": [event.event_type for event in events],
            "content_types": [event.content_type for event in events],
            "originals": [event.original for event in events],
            "occurred_ats": [event.occurred_at for event in events],
            "received_ats": [event.received_at for event in events],
            "webhook_ids": [place.webhook_id for place in places],
            "item_indexes": [place.item_index for place in places],
            "platforms": [place.platform for place in places],
            "page_ids": [place.page_id for place in places],
            "now": now,
        },
    )


async def parked(
    database: Database, *, unreplayed_only: bool = False, after: ParkedPosition | None = None, limit: int
) -> list[ParkedEntry]:
    """Return what was given up, the latest first, `after` where a page ended."""
    arguments = {
        "unreplayed_only": unreplayed_only,
        "after_at": None if after is None else after.parked_at,
        "after_id": "" if after is None else after.id,
        "limit": limit,
    }
    async with database.reading() as connection:
        return [ParkedEntry(**row) for row in await connection.execute(_PARKED, arguments)]


async def parked_whole(database: Database, ids: Sequence[str]) -> list[ParkedItem]:
    """Return those of `ids` that are parked, with their events."""
    async with database.reading() as connection:
        return [ParkedItem(**row) for row in await connection.execute(_WHOLE, {"ids": list(ids)})]


async def mark_replayed(database: Database, ids: Sequence[str], *, now: datetime) -> None:
    """Note that parked items are published again: before they are, since they may be parked again at once.

    The ledger knows them no more until they arrive: should they be lost on their way, they are missing.
    """
    async with database.transaction() as transaction:
        for row in await transaction.execute(_REPLAYED, {"ids": sorted(ids), "now": now}):
            place = _place_of_row(row)
            if place.entry is not None and place.is_renamed:
                await ledger.replace(transaction, place.entry.item, old=("parked", ""), new=("ignored", REPLAYED))
            elif place.entry is not None:
                await ledger.send_on(transaction, [place.entry.item], now=now)
            elif place.webhook_id is not None:
                await ledger.unpark_webhook(transaction, place.webhook_id, now=now)


async def unmark_replayed(database: Database, item_id: str, *, marked_at: datetime) -> None:
    """Note that a parked item could not be published after all."""
    async with database.transaction() as transaction:
        for row in await transaction.execute(_NOT_REPLAYED, {"id": item_id, "marked_at": marked_at}):
            place = _place_of_row(row)
            if place.entry is not None and place.is_renamed:
                await ledger.replace(transaction, place.entry.item, old=("ignored", REPLAYED), new=("parked", ""))
            elif place.entry is not None:
                await ledger.write_outcomes(transaction, [place.entry], now=marked_at)
            elif place.webhook_id is not None:
                whole = (place.webhook_id, place.platform or "", row["received_at"])
                await ledger.park_webhooks(transaction, [whole])


def _place_of(event: ItemParkedV1) -> _Place:
    original = _original(event.content_type, event.original)
    if event.webhook_id is not None:
        platform = original.platform if isinstance(original, WebhookReceivedV1) else ""
        return _Place(event.webhook_id, event.item_index, platform, "")
    match original:
        case WebhookReceivedV1():
            return _Place(original.id, None, original.platform, "")
        case InboxEnrichedV1() | WebhookUnclaimedV1() | WebhookReleasedV1():
            return _Place(original.webhook_id, original.item_index, original.platform, original.page_id)
    return _Place()


def _place_of_row(row: Any) -> _Place:
    original = _original(row["content_type"], row["original"])
    is_renamed = isinstance(original, WebhookReceivedV1) and original.id != row["webhook_id"]
    return _Place(row["webhook_id"], row["item_index"], row["platform"], row["page_id"], is_renamed)


def _original(content_type: str, original: bytes) -> AnyEvent | None:
    """Return the event that was given up; None where it cannot be read."""
    try:
        return decode(content_type, original)
    except MalformedEvent:
        return None
