"""Items of unclaimed webhooks: stored within limits, and released when their page is connected."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from shared.contracts import WebhookReleasedV1, WebhookUnclaimedV1, derive_id
from store.core.accounts import OwnershipInterval
from store.core.facts import ItemKey
from store.core.ledger import EXPIRED, OVER_LIMIT, WAITING_FOR_PAGE, ItemEntry
from store.repository.accounts import PageKey
from store.repository.ledger import item_outcomes
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

_STORE = Statement("""
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
_DELETE_OVER_LIMIT = Statement("""
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
_STORED = Statement("SELECT id, webhook_id, item_index FROM waiting_webhooks WHERE id = ANY(CAST(:ids AS text[]))")
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


async def store(
    transaction: Connection,
    events: Sequence[WebhookUnclaimedV1],
    owners: Mapping[str, OwnershipInterval],
    versions: Mapping[PageKey, int],
    *,
    now: datetime,
) -> None:
    """Store items until their page is connected; those in `owners`, by ID, have an owner and are released at once.

    A released item that is found unclaimed again waits again: it loses its lease, so that whoever is publishing it
    cannot delete it. The same item of another webhook is a duplicate. The pages must be locked.
    """
    once = list({event.id: event for event in reversed(events)}.values())
    await transaction.execute(_STORE, _columns(once, owners, versions) | {"now": now})
    rows = await transaction.execute(_STORED, {"ids": [event.id for event in once]})
    kept = {row["id"]: ItemKey(row["webhook_id"], row["item_index"]) for row in rows}
    entries = [(event.id, _entry(event)) for event in events]
    await item_outcomes.write_outcomes(
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


async def enforce_limit(transaction: Connection, page: PageKey, *, limit: int) -> int:
    """Delete the page's oldest items beyond `limit`; return how many."""
    platform, page_id = page
    rows = await transaction.execute(_DELETE_OVER_LIMIT, {"platform": platform, "page_id": page_id, "limit": limit})
    await item_outcomes.ignore_waiting(transaction, [ItemKey(**row) for row in rows], kind=OVER_LIMIT)
    return len(rows)


async def release(transaction: Connection, page: PageKey, *, owned_from: datetime, version: int) -> int:
    """Release the page's items received since `owned_from`; return how many. The page must be locked."""
    platform, page_id = page
    return await transaction.count(
        _RELEASE, {"platform": platform, "page_id": page_id, "owned_from": owned_from, "version": version}
    )


async def claim_released(
    database: Database, *, now: datetime, leased_until: datetime, limit: int
) -> list[tuple[str, WebhookReleasedV1]]:
    """Lease up to `limit` released items until `leased_until`; return the row ID and the event of each."""
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


async def delete_published(database: Database, row_ids: Sequence[str], *, leased_until: datetime, now: datetime) -> int:
    """Delete items that were published under this lease; return how many. An item that was stored again stays."""
    async with database.transaction() as transaction:
        rows = await transaction.execute(_DELETE, {"ids": list(row_ids), "leased_until": leased_until})
        await item_outcomes.reopen(transaction, [ItemKey(**row) for row in rows], now=now)
        return len(rows)


async def expire(database: Database, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` items that arrived before then; return how many."""
    async with database.transaction() as transaction:
        rows = await transaction.execute(_EXPIRE, {"before": before, "limit": limit})
        await item_outcomes.ignore_waiting(transaction, [ItemKey(**row) for row in rows], kind=EXPIRED)
        return len(rows)


async def count(database: Database, *, limit: int) -> int:
    """Return how many items are stored, counting up to `limit`."""
    async with database.reading() as connection:
        return int(await connection.scalar(_COUNT, {"limit": limit}) or 0)
