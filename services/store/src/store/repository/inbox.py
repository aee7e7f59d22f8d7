"""The users' counter rows, which every writer locks first, and what an event once changed."""

from collections.abc import Iterable, Sequence

from store.repository.database import Database
from store.repository.statements import Connection, Statement

_LOCK = Statement(
    "SELECT user_id, last_seq FROM inboxes WHERE user_id = ANY(CAST(:user_ids AS text[])) ORDER BY user_id FOR UPDATE"
)
_CREATE = Statement(
    "INSERT INTO inboxes (user_id) SELECT u FROM unnest(CAST(:user_ids AS text[])) u ORDER BY u ON CONFLICT DO NOTHING"
)
_ROWS_OF_CAUSES = Statement("""
    SELECT l.user_id, l.seq
    FROM unnest(CAST(:user_ids AS text[]), CAST(:cause_ids AS text[])) AS k(user_id, cause_id)
    JOIN inbox_log l USING (user_id, cause_id)
""")


async def create_inboxes(database: Database, user_ids: Iterable[str]) -> None:
    """Make sure that the users have a counter row. A transaction of its own: who waits for it holds no lock."""
    async with database.transaction() as transaction:
        await transaction.execute(_CREATE, {"user_ids": sorted(user_ids)})


async def create_and_lock_inboxes(transaction: Connection, user_ids: Iterable[str]) -> dict[str, int]:
    """Lock the users' counter rows, created where they are not, and return their last numbers.

    Only for a transaction that holds no counter row yet.
    """
    wanted = sorted(user_ids)
    await transaction.execute(_CREATE, {"user_ids": wanted})
    return await lock_inboxes(transaction, wanted)


async def lock_inboxes(transaction: Connection, user_ids: Iterable[str]) -> dict[str, int]:
    """Lock the users' counter rows, in the one order that every writer keeps, and return their last numbers.

    A user without a row is left out. What is read after this is read in a later statement, hence in a later snapshot:
    it sees what the writers before us have committed.
    """
    rows = await transaction.execute(_LOCK, {"user_ids": sorted(user_ids)})
    return {user_id: last_seq for user_id, last_seq in rows}  # noqa: C416 - a Record is no tuple


async def rows_of_causes(connection: Connection, causes: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
    """Return (user_id, seq) of all changes that these (user_id, event id) once made."""
    rows = await connection.execute(
        _ROWS_OF_CAUSES, {"user_ids": [user for user, _ in causes], "cause_ids": [cause for _, cause in causes]}
    )
    return [(user_id, seq) for user_id, seq in rows]
