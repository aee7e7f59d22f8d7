"""Items of pages that nobody has connected: kept within bounds, and released when somebody does."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from shared.contracts import WebhookReleasedV1, WebhookUnclaimedV1, derive_id
from store.core.accounts import OwnershipInterval
from store.core.facts import ItemKey
from store.core.ledger import EXPIRED, OVER_LIMIT, WAITING_FOR_PAGE, ItemEntry
from store.repository import ledger
from store.repository.accounts import PageKey
from store.repository.database import Database
from store.repository.statements import Connection, Statement

_KEEP = Statement("""
    INSERT INTO waiting_webhooks AS w (id, platform, page_id, webhook_id, item_index, channel, entry, occurred_at,
                                       received_at, traceparent, release_version, arrived_at)
    SELECT k.*, CAST(:now AS timestamptz)
    FROM unnest(CAST(:ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
                CAST(:webhook_ids AS text[]), CAST(:item_indexes AS integer[]), CAST(:channels AS text[]),
                CAST(:entries AS bytea[]), CAST(:occurred_ats AS timestamptz[]), CAST(:received_ats AS timestamptz[]),
                CAST(:traceparents AS text[]), CAST(:release_versions AS bigint[])) AS k
    ON CONFLICT (id) DO UPDATE SET
        release_version = CASE WHEN w.leased_until IS NULL
                               THEN coalesce(EXCLUDED.release_version, w.release_version)
                               ELSE EXCLUDED.release_version END,
        leased_until = NULL
""")
_CAP = Statement("""
    DELETE FROM waiting_webhooks WHERE id IN (
        SELECT id FROM waiting_webhooks
        WHERE platform = :platform AND page_id = :page_id AND release_version IS NULL
        ORDER BY received_at DESC, id OFFSET CAST(:limit AS bigint)
    )
    RETURNING webhook_id, item_index
""")
_RELEASE = Statement("""
    UPDATE waiting_webhooks SET release_version = :version
    WHERE platform = :platform AND page_id = :page_id AND received_at >= :owned_from AND release_version IS NULL
""")
_CLAIM = Statement("""
    WITH claimed AS (
        UPDATE waiting_webhooks SET leased_until = :leased_until
        WHERE id IN (
            SELECT id FROM waiting_webhooks
            WHERE release_version IS NOT NULL AND (leased_until IS NULL OR leased_until < :now)
            ORDER BY leased_until NULLS FIRST, received_at LIMIT CAST(:limit AS bigint) FOR UPDATE SKIP LOCKED
        )
        RETURNING id, platform, page_id, webhook_id, item_index, channel, entry, occurred_at, received_at, traceparent,
                  release_version
    )
    SELECT * FROM claimed ORDER BY received_at, id
""")
_KEPT = Statement("SELECT id, webhook_id, item_index FROM waiting_webhooks WHERE id = ANY(CAST(:ids AS text[]))")
_DELETE = Statement("""
    DELETE FROM waiting_webhooks WHERE id = ANY(CAST(:ids AS text[])) AND leased_until = :leased_until
    RETURNING webhook_id, item_index
""")
_EXPIRE = Statement("""
    DELETE FROM waiting_webhooks WHERE id IN (
        SELECT id FROM waiting_webhooks WHERE arrived_at < :before AND release_version IS NULL
        ORDER BY arrived_at LIMIT CAST(:limit AS bigint)
    ) AND release_version IS NULL
    RETURNING webhook_id, item_index
""")
_COUNT = Statement("SELECT count(*) FROM (SELECT 1 FROM waiting_webhooks LIMIT CAST(:limit AS bigint)) AS counted")


async def keep(
    transaction: Connection,
    events: Sequence[WebhookUnclaimedV1],
    owners: Mapping[str, OwnershipInterval],
    versions: Mapping[PageKey, int],
    *,
    now: datetime,
) -> None:
    """Keep items until their page is connected; those in `owners`, by id, belong to somebody already and leave at once.

    An item that was released and comes back, found unclaimed once more, waits again: it loses its lease, and with it
    whoever is publishing it the right to delete it. The same item of another webhook is a duplicate of what is kept.
    Their pages must be locked.
    """
    once = list({event.id: event for event in reversed(events)}.values())
    await transaction.execute(_KEEP, _columns(once, owners, versions) | {"now": now})
    rows = await transaction.execute(_KEPT, {"ids": [event.id for event in once]})
    kept = {row["id"]: ItemKey(row["webhook_id"], row["item_index"]) for row in rows}
    entries = [(event.id, _entry(event)) for event in events]
    await ledger.write_outcomes(
        transaction,
        [
            entry if kept[row_id] == entry.item else entry._replace(outcome="duplicate", kind="")
            for row_id, entry in entries
        ],
        now=now,
    )


def _entry(event: WebhookUnclaimedV1) -> ItemEntry:
    return ItemEntry(event.webhook_id, event.item_index, event.platform, event.page_id, "waiting", WAITING_FOR_PAGE)


def _columns(
    events: Sequence[WebhookUnclaimedV1], owners: Mapping[str, OwnershipInterval], versions: Mapping[PageKey, int]
) -> dict[str, object]:
    return {
        "ids": [event.id for event in events],
        "platforms": [event.platform for event in events],
        "page_ids": [event.page_id for event in events],
        "webhook_ids": [event.webhook_id for event in events],
        "item_indexes": [event.item_index for event in events],
        "channels": [event.channel for event in events],
        "entries": [event.entry for event in events],
        "occurred_ats": [event.occurred_at for event in events],
        "received_ats": [event.received_at for event in events],
        "traceparents": [event.traceparent for event in events],
        "release_versions": [
            versions[event.platform, event.page_id] if event.id in owners else None for event in events
        ],
    }


async def cap(transaction: Connection, page: PageKey, *, limit: int) -> int:
    """Drop the page's oldest items beyond `limit`; return how many."""
    platform, page_id = page
    rows = await transaction.execute(_CAP, {"platform": platform, "page_id": page_id, "limit": limit})
    await ledger.stop_waiting(transaction, [ItemKey(**row) for row in rows], kind=OVER_LIMIT)
    return len(rows)


async def release(transaction: Connection, page: PageKey, *, owned_from: datetime, version: int) -> int:
    """Mark what came for the page since `owned_from` to be published; return how many. The page must be locked."""
    platform, page_id = page
    return await transaction.count(
        _RELEASE, {"platform": platform, "page_id": page_id, "owned_from": owned_from, "version": version}
    )


async def claim_released(
    database: Database, *, now: datetime, leased_until: datetime, limit: int
) -> list[tuple[str, WebhookReleasedV1]]:
    """Take released items, (id of the row, event) each, to publish them; they are nobody else's until then."""
    async with database.transaction() as transaction:
        rows = await transaction.execute(_CLAIM, {"now": now, "leased_until": leased_until, "limit": limit})
        return [(row["id"], _released(row)) for row in rows]


def _released(row: asyncpg.Record) -> WebhookReleasedV1:
    return WebhookReleasedV1(
        id=derive_id("released", row["id"], str(row["release_version"])),
        occurred_at=row["occurred_at"],
        received_at=row["received_at"],
        traceparent=row["traceparent"],
        webhook_id=row["webhook_id"],
        item_index=row["item_index"],
        platform=row["platform"],
        page_id=row["page_id"],
        channel=row["channel"],
        entry=row["entry"],
        account_version=row["release_version"],
    )


async def delete(database: Database, row_ids: Sequence[str], *, leased_until: datetime, now: datetime) -> int:
    """Forget items that have been published under this lease; return how many. One that came back meanwhile stays."""
    async with database.transaction() as transaction:
        rows = await transaction.execute(_DELETE, {"ids": list(row_ids), "leased_until": leased_until})
        await ledger.send_on(transaction, [ItemKey(**row) for row in rows], now=now)
        return len(rows)


async def expire(database: Database, *, before: datetime, limit: int) -> int:
    """Drop at most `limit` items that came before then; return how many."""
    async with database.transaction() as transaction:
        rows = await transaction.execute(_EXPIRE, {"before": before, "limit": limit})
        await ledger.stop_waiting(transaction, [ItemKey(**row) for row in rows], kind=EXPIRED)
        return len(rows)


async def count(database: Database, *, limit: int) -> int:
    """Return how many items wait, counting no further than `limit`."""
    async with database.reading() as connection:
        return int(await connection.scalar(_COUNT, {"limit": limit}) or 0)
