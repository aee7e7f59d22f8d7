"""Forgetting: rows that are kept for a time only, deleted oldest first, a bounded number a transaction."""

from collections.abc import Mapping
from datetime import datetime

from store.core.ledger import EXPIRED
from store.repository import ledger
from store.repository.database import Database
from store.repository.statements import Statement


# The age is asked for twice: a row that somebody renews at this moment is found by the inner query as it was; only the
# outer condition is looked at once more, when the lock on the row is had.
def _old(table: str, key: str, at: str, *, more: str = "") -> Statement:
    return Statement(
        f"DELETE FROM {table} WHERE ({key}) IN "  # noqa: S608 - constants of this module
        f"(SELECT {key} FROM {table} WHERE {at} < :before {more} ORDER BY {at} LIMIT CAST(:limit AS bigint)) "
        f"AND {at} < :before {more}"
    )


STATEMENTS: Mapping[str, Statement] = {
    "webhooks": _old("webhooks", "webhook_id, platform, page_id", "received_at"),
    "item_outcomes": _old("item_outcomes", "webhook_id, item_index", "at"),
    "raw_items": _old("raw_items", "user_id, event_id", "received_at"),
    "records": _old("records", "user_id, platform, page_id, kind, record_id", "received_at"),
    "parked_items": _old("parked_items", "id", "parked_at"),
    "replayed_items": _old("parked_items", "id", "parked_at", more="AND replayed_at IS NOT NULL"),
    "token_mints": _old("token_mints", "id", "minted_at"),
}
"""By what is to be forgotten: a table, or `replayed_items`, the parked ones that were replayed."""
_EXPIRE_FACTS = Statement("""
    DELETE FROM waiting_annotations WHERE (user_id, platform, page_id, message_id) IN (
        SELECT user_id, platform, page_id, message_id FROM waiting_annotations
        WHERE updated_at < :before ORDER BY updated_at LIMIT CAST(:limit AS bigint)
    ) AND updated_at < :before
    RETURNING items
""")
_COUNT_FACTS = Statement(
    "SELECT count(*) FROM (SELECT 1 FROM waiting_annotations LIMIT CAST(:limit AS bigint)) AS counted"
)


async def prune(what: str, database: Database, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` rows of `what`, a key of `STATEMENTS`, that are older than `before`; return how many."""
    async with database.transaction() as transaction:
        return await transaction.count(STATEMENTS[what], {"before": before, "limit": limit})


async def expire_waiting_facts(database: Database, *, before: datetime, limit: int) -> int:
    """Drop at most `limit` messages' waiting facts, the last of which came before then; return of how many messages.

    Their items have waited in vain, and the ledger says so.
    """
    async with database.transaction() as transaction:
        rows = await transaction.execute(_EXPIRE_FACTS, {"before": before, "limit": limit})
        await ledger.stop_waiting(transaction, {_position(item) for row in rows for item in row["items"]}, kind=EXPIRED)
        return len(rows)


async def count_waiting_facts(database: Database, *, limit: int) -> int:
    """Return for how many messages facts wait, counting no further than `limit`."""
    async with database.reading() as connection:
        return int(await connection.scalar(_COUNT_FACTS, {"limit": limit}) or 0)


def _position(item: str) -> tuple[str, int]:
    webhook_id, _, item_index = item.rpartition(":")
    return webhook_id, int(item_index)
