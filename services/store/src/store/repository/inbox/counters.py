"""The users' counter rows, which every writer locks first, and the changes that an event made."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

_LOCK = Statement(
    "SELECT user_id, last_seq, erased_until FROM inboxes WHERE user_id = ANY(CAST(:user_ids AS text[])) "
    "ORDER BY user_id FOR UPDATE"
)
_CREATE = Statement(
    "INSERT INTO inboxes (user_id) SELECT u FROM unnest(CAST(:user_ids AS text[])) u ORDER BY u ON CONFLICT DO NOTHING"
)
_CHANGES_OF_CAUSES = Statement("""
    SELECT l.user_id, l.seq
    FROM unnest(CAST(:user_ids AS text[]), CAST(:cause_ids AS text[])) AS k(user_id, cause_id)
    JOIN inbox_log l USING (user_id, cause_id)
""")


async def create_inboxes(database: Database, user_ids: Iterable[str]) -> None:
    """Create missing counter rows, in a transaction of its own, so that waiting for it holds no locks."""
    async with database.transaction() as transaction:
        await transaction.execute(_CREATE, {"user_ids": sorted(user_ids)})


async def create_and_lock_inboxes(transaction: Connection, user_ids: Iterable[str]) -> dict[str, int]:
    """Lock the users' counter rows, creating missing ones, and return the users' last seq.

    The transaction must not hold a counter row yet.
    """
    ordered = sorted(user_ids)
    await transaction.execute(_CREATE, {"user_ids": ordered})
    return await lock_inboxes(transaction, ordered)


async def lock_inboxes(transaction: Connection, user_ids: Iterable[str]) -> dict[str, int]:
    """Lock the users' counter rows, in the same order as every writer, and return the users' last seq.

    Users without a row are left out. Later statements have a later snapshot, so they see what earlier writers have
    committed.
    """
    rows = await transaction.execute(_LOCK, {"user_ids": sorted(user_ids)})
    return {row["user_id"]: row["last_seq"] for row in rows}


async def lock_for_updates(
    transaction: Connection, user_ids: Iterable[str], *, now: datetime
) -> tuple[dict[str, int], set[str]]:
    """Lock the users' counter rows like `lock_inboxes`.

    Returns:
        The users' last seq, and those users whose updates may be about erased people.
    """
    rows = await transaction.execute(_LOCK, {"user_ids": sorted(user_ids)})
    erasing = {row["user_id"] for row in rows if row["erased_until"] is not None and row["erased_until"] > now}
    return {row["user_id"]: row["last_seq"] for row in rows}, erasing


async def changes_of_causes(connection: Connection, causes: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
    """Return (user_id, seq) of all changes that the given (user_id, event ID) made."""
    rows = await connection.execute(
        _CHANGES_OF_CAUSES, {"user_ids": [user for user, _ in causes], "cause_ids": [cause for _, cause in causes]}
    )
    return [(user_id, seq) for user_id, seq in rows]
