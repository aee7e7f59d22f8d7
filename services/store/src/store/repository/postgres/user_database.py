"""Postgres for the requests of users, who take turns at it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from shared.aio.turns import Turns
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection


class UserDatabase:
    """A database whose connections are lent to users in turn, so that nobody's requests wait for all of another's.

    Besides the errors of `Database`, everything here raises `UserBusy` or `AllBusy`: too many requests wait.

    Args:
        database: has a connection for every turn.
        turns: who is next.
    """

    def __init__(self, database: Database, turns: Turns) -> None:
        self.database = database
        """For what is done within a turn."""
        self._turns = turns

    def turn(self, user_id: str) -> AbstractAsyncContextManager[None]:
        """Wait for the user's turn, which lasts as long as the context. Take one at a time: a second may never come."""
        return self._turns.turn(user_id)

    @asynccontextmanager
    async def reading(self, user_id: str) -> AsyncIterator[Connection]:
        """Run statements in a turn of the user; as `Database.reading`."""
        async with self._turns.turn(user_id), self.database.reading() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self, user_id: str) -> AsyncIterator[Connection]:
        """Run a transaction in a turn of the user; as `Database.transaction`."""
        async with self._turns.turn(user_id), self.database.transaction() as transaction:
            yield transaction

    async def epoch(self) -> str:
        """Return what identifies the data; as `Database.epoch`. It takes no turn, and may be asked within one."""
        return await self.database.epoch()
