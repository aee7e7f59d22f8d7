"""Hashes what is stored about all users, in bounded memory and without a long transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TypeVar

from shared.errors import DependencyUnavailable
from store.core.state_hashes import TotalHasher, TotalState, UserState
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from store.repository.verification.facts import state_hash

T = TypeVar("T")
_TABLES = (
    "inboxes",
    "waiting_profiles",
    "participant_links",
    "waiting_annotations",
    "receipts",
    "records",
    "raw_items",
)
"""Tables that may hold facts of users without messages."""
_FIRST_OF_EACH = ", ".join(
    f"(SELECT user_id FROM {table} WHERE user_id > :after ORDER BY user_id LIMIT 1)"  # noqa: S608 - a constant of ours
    for table in _TABLES
)
_NEXT_USER = Statement(f"SELECT least({_FIRST_OF_EACH})")
_ONE_SNAPSHOT = Statement("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_COUNTS = Statement("""
    SELECT (SELECT count(*) FROM conversations WHERE user_id = :user_id),
           (SELECT count(*) FROM messages WHERE user_id = :user_id)
""")
_NO_USER = ""
_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0


async def all_states(database: Database, *, user_id: str | None = None) -> AsyncIterator[UserState | TotalState]:
    """Yield the state of every user with any facts, sorted by ID, and then the total; or of `user_id` only.

    Each user is read in a snapshot of its own, so writers never wait. If the database is unavailable, the read is
    retried.

    Raises:
        DependencyUnavailable: the database is still unavailable after 5 attempts.
    """
    total = TotalHasher()
    empty_hash = (await _with_retries(partial(_state, database, _NO_USER))).hash
    current = user_id or await _with_retries(partial(_next_user, database, _NO_USER))
    while current is not None:
        state = await _with_retries(partial(_state, database, current))
        if state.hash != empty_hash:
            total.add(state)
            yield state
        current = None if user_id is not None else await _with_retries(partial(_next_user, database, current))
    yield total.state


async def _with_retries(read: Callable[[], Awaitable[T]]) -> T:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await read()
        except DependencyUnavailable:
            await asyncio.sleep(_PAUSE_SECONDS)
    return await read()


async def _state(database: Database, user_id: str) -> UserState:
    async with database.transaction() as transaction:
        await transaction.execute(_ONE_SNAPSHOT)
        [(conversations, messages)] = await transaction.execute(_COUNTS, {"user_id": user_id})
        return UserState(
            user_id=user_id,
            conversations=conversations,
            messages=messages,
            hash=await state_hash(transaction, user_id),
        )


async def _next_user(database: Database, after: str) -> str | None:
    async with database.reading() as connection:
        found: str | None = await connection.scalar(_NEXT_USER, {"after": after})
    return found
