"""Reads the ledger: sums, and what is missing. It reads a bounded number of rows at a time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from store.core.ledger import AccountLedger, ItemCount, account_ledgers, sum_counts
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement

_WEBHOOKS_PER_SLICE = 5_000
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)

_SLICE_ENDS = Statement("""
    SELECT received_at FROM webhooks WHERE received_at > :after
    ORDER BY received_at OFFSET CAST(:limit AS bigint) LIMIT 1
""")
# If a webhook was split into more items one time than another, all items with an outcome count.
_TALLY = Statement("""
    WITH joined AS MATERIALIZED (
        SELECT w.webhook_id, w.platform, w.page_id, w.items, w.is_parked, o.outcome, o.kind
        FROM webhooks w LEFT JOIN item_outcomes o USING (webhook_id, platform, page_id)
        WHERE w.received_at > :after AND w.received_at <= :upto
    ), per_webhook AS MATERIALIZED (
        SELECT platform, page_id, is_parked, items, count(outcome) AS found FROM joined
        GROUP BY webhook_id, platform, page_id, is_parked, items
    )
    SELECT platform, page_id, 'received', '', sum(greatest(items, found))::bigint FROM per_webhook GROUP BY 1, 2
    UNION ALL
    SELECT platform, page_id, CASE WHEN is_parked THEN 'parked' ELSE 'unaccounted' END, '',
           sum(greatest(items - found, 0))::bigint
    FROM per_webhook GROUP BY 1, 2, 3
    UNION ALL
    SELECT platform, page_id, outcome, kind, count(*) FROM joined WHERE outcome IS NOT NULL GROUP BY 1, 2, 3, 4
""")
_OPEN = """
    SELECT w.open_since, w.webhook_id, w.platform, w.page_id, w.items, w.received_at, w.is_parked
    FROM webhooks w
    WHERE w.open_since IS NOT NULL AND w.open_since <= :before
      AND (w.open_since, w.webhook_id, w.platform, w.page_id)
        > (CAST(:after_at AS timestamptz), CAST(:after_id AS text), CAST(:after_platform AS text),
           CAST(:after_page AS text))
    ORDER BY w.open_since, w.webhook_id, w.platform, w.page_id LIMIT CAST(:limit AS bigint)
"""
_LOCK_OPEN = Statement(f"{_OPEN} FOR UPDATE SKIP LOCKED")
_MISSING = Statement(f"""
    SELECT w.*, n.found FROM ({_OPEN}) w
    CROSS JOIN LATERAL (SELECT count(*) AS found FROM item_outcomes
                        WHERE (webhook_id, platform, page_id) = (w.webhook_id, w.platform, w.page_id)) n
""")  # noqa: S608 - a constant of ours
_CLOSE = Statement("""
    WITH counted AS MATERIALIZED (
        SELECT k.*, (SELECT count(*) FROM item_outcomes o
                     WHERE (o.webhook_id, o.platform, o.page_id) = (k.webhook_id, k.platform, k.page_id)) AS found
        FROM unnest(CAST(:webhook_ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
                    CAST(:items AS integer[]), CAST(:are_parked AS boolean[]))
             AS k(webhook_id, platform, page_id, items, is_parked)
    ), closed AS (
        UPDATE webhooks w SET open_since = NULL FROM counted c
        WHERE (w.webhook_id, w.platform, w.page_id) = (c.webhook_id, c.platform, c.page_id)
          AND (c.found >= c.items OR c.is_parked)
    )
    SELECT coalesce(sum(items - found), 0)::bigint FROM counted WHERE found < items AND NOT is_parked
""")


class Unaccounted(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook with items of a page that have no outcome."""

    webhook_id: str
    platform: str
    page_id: str
    received_at: datetime
    items: int
    missing: int


class _Open(NamedTuple):
    """A row of `webhooks` whose items may be missing."""

    open_since: datetime
    webhook_id: str
    platform: str
    page_id: str
    items: int
    received_at: datetime
    is_parked: bool


_FIRST = _Open(_EARLIEST, "", "", "", 0, _EARLIEST, is_parked=False)


async def ledger(database: Database, *, since: datetime | None = None) -> list[AccountLedger]:
    """Return the ledger of every account, of items received since then; None: of all.

    Each webhook is summed up in one snapshot, so that the sums always match. Two webhooks may be read in different
    snapshots.
    """
    counts: list[ItemCount] = []
    after = _EARLIEST if since is None else since - timedelta(microseconds=1)
    async with database.reading() as connection:
        while True:
            upto = await connection.scalar(_SLICE_ENDS, {"after": after, "limit": _WEBHOOKS_PER_SLICE})
            rows = await connection.execute(_TALLY, {"after": after, "upto": upto or _LATEST})
            counts = sum_counts([*counts, *(ItemCount(*row) for row in rows)])
            if upto is None:
                return account_ledgers(counts)
            after = upto


async def unaccounted(database: Database, *, before: datetime, limit: int) -> list[Unaccounted]:
    """Return webhooks that were opened before `before` and have missing items, the oldest first."""
    found: list[Unaccounted] = []
    after = _FIRST
    async with database.reading() as connection:
        while len(found) < limit:
            rows = await connection.execute(_MISSING, _open_after(after, before))
            found += [_unaccounted(row) for row in rows if row["found"] < row["items"] and not row["is_parked"]]
            if len(rows) < _WEBHOOKS_PER_SLICE:
                break
            after = _Open(**{name: rows[-1][name] for name in _Open._fields})
    return found[:limit]


async def close_accounted(database: Database, *, before: datetime, max_slices: int) -> int:
    """Close webhooks whose items all have an outcome; return how many items of those opened before `before` have none.

    It reads at most `max_slices` slices of webhooks, the oldest ones first.
    """
    missing = 0
    after = _FIRST
    for _ in range(max_slices):
        async with database.transaction() as transaction:
            # Counted in a later statement than the lock: reopening an item also happens under this lock.
            rows = [_Open(**row) for row in await transaction.execute(_LOCK_OPEN, _open_after(after, before))]
            if rows:
                missing += await transaction.scalar(_CLOSE, _manifest_columns(rows))
        if len(rows) < _WEBHOOKS_PER_SLICE:
            break
        after = rows[-1]
    return missing


def _open_after(after: _Open, before: datetime) -> dict[str, object]:
    return {
        "before": before,
        "after_at": after.open_since,
        "after_id": after.webhook_id,
        "after_platform": after.platform,
        "after_page": after.page_id,
        "limit": _WEBHOOKS_PER_SLICE,
    }


def _manifest_columns(rows: Sequence[_Open]) -> dict[str, object]:
    return {
        "webhook_ids": [row.webhook_id for row in rows],
        "platforms": [row.platform for row in rows],
        "page_ids": [row.page_id for row in rows],
        "items": [row.items for row in rows],
        "are_parked": [row.is_parked for row in rows],
    }


def _unaccounted(row: Any) -> Unaccounted:
    return Unaccounted(
        webhook_id=row["webhook_id"],
        platform=row["platform"],
        page_id=row["page_id"],
        received_at=row["received_at"],
        items=row["items"],
        missing=row["items"] - row["found"],
    )
