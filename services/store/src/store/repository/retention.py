"""Deletes old rows: oldest first, a bounded number per transaction."""

from collections.abc import Mapping
from datetime import datetime

from store.core.ledger import EXPIRED
from store.repository.ledger import item_outcomes
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement


# The age is checked twice. The inner query finds a row that is being renewed at this moment as it was before; Postgres
# rechecks only the outer condition once it has locked the row (EvalPlanQual).
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
    "erased_identities": _old("erased_identities", "user_id, digest", "erased_at"),
    "token_mints": _old("token_mints", "id", "minted_at"),
    "revoked_tokens": _old("revoked_tokens", "user_id, token_id", "expires_at"),
}
"""By what they delete: the rows of a table, or `replayed_items`, those parked items that were replayed."""
_EXPIRE_ANNOTATIONS = Statement("""
    DELETE FROM waiting_annotations WHERE (user_id, platform, page_id, message_id) IN (
        SELECT user_id, platform, page_id, message_id FROM waiting_annotations
        WHERE updated_at < :before ORDER BY updated_at LIMIT CAST(:limit AS bigint)
    ) AND updated_at < :before
    RETURNING items
""")
_COUNT_ANNOTATIONS = Statement(
    "SELECT count(*) FROM (SELECT 1 FROM waiting_annotations LIMIT CAST(:limit AS bigint)) AS counted"
)


async def prune(what: str, database: Database, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` rows of `what`, a key of `STATEMENTS`, that are older than `before`; return how many."""
    async with database.transaction() as transaction:
        return await transaction.count(STATEMENTS[what], {"before": before, "limit": limit})


async def expire_pending_annotations(database: Database, *, before: datetime, limit: int) -> int:
    """Delete pending annotations of up to `limit` messages that were last updated before then; return how many.

    The outcome of their items becomes ignored.
    """
    async with database.transaction() as transaction:
        rows = await transaction.execute(_EXPIRE_ANNOTATIONS, {"before": before, "limit": limit})
        await item_outcomes.ignore_waiting(
            transaction, {_position(item) for row in rows for item in row["items"]}, kind=EXPIRED
        )
        return len(rows)


async def count_pending_annotations(database: Database, *, limit: int) -> int:
    """Return how many messages have pending annotations, counting up to `limit`."""
    async with database.reading() as connection:
        return int(await connection.scalar(_COUNT_ANNOTATIONS, {"limit": limit}) or 0)


def _position(item: str) -> tuple[str, int]:
    webhook_id, _, item_index = item.rpartition(":")
    return webhook_id, int(item_index)
