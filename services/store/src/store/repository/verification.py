"""Goes through all users and hashes what is known of them, in bounded memory and without a long transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TypeVar

from shared.errors import DependencyUnavailable
from store.core.state_hashes import TotalHasher, TotalState, UserState
from store.repository.canonical import state_hash
from store.repository.database import Database
from store.repository.statements import Statement

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
"""Where facts of users are who may have no messages yet."""
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
_NOBODY = ""
_ATTEMPTS = 5
_PAUSE_SECONDS = 1.0


async def states(database: Database, *, user_id: str | None = None) -> AsyncIterator[UserState | TotalState]:
    """Yield the state of every user of whom anything is known, by id, and then that of all; or of `user_id` alone.

    One user at a time, each in a snapshot of its own, however many there are: who writes is never held up. A database
    that is away for a moment is asked again.

    Raises:
        DependencyUnavailable: it stays away.
    """
    total = TotalHasher()
    nothing = (await _patiently(partial(_state, database, _NOBODY))).hash
    wanted = user_id or await _patiently(partial(_next_user, database, _NOBODY))
    while wanted is not None:
        state = await _patiently(partial(_state, database, wanted))
        if state.hash != nothing:
            total.add(state)
            yield state
        wanted = None if user_id is not None else await _patiently(partial(_next_user, database, wanted))
    yield total.state


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await ask()
        except DependencyUnavailable:
            await asyncio.sleep(_PAUSE_SECONDS)
    return await ask()


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
