"""Transactions and single statements on Postgres, and the epoch, which identifies the data."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import asyncpg

from shared.errors import DependencyUnavailable
from store.errors import translate_errors
from store.repository.postgres.pool import UNCERTAIN, Pool
from store.repository.postgres.statements import Connection, Statement
from store.repository.postgres.url import connect_arguments

_CLOSE_SECONDS = 2.0
_EPOCH_SECONDS = 10.0
"""How long the epoch is trusted while no connection is opened: behind a pooler, a fail-over breaks none of ours."""
_EPOCH = Statement(
    # The name of the WAL file starts with the timeline, which changes at the moment of a promotion.
    "SELECT id::text AS database_id, (SELECT system_identifier FROM pg_control_system())::text AS system_id,"
    " left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline FROM store_identity"
)
_PING = Statement("SELECT 1")
_HAS_REVISION = Statement("SELECT to_regclass('alembic_version')")
_REVISION = Statement("SELECT version_num FROM alembic_version")


class Database:
    """A Postgres database behind a pool of connections. Nothing is connected before the first use.

    Args:
        database_url: in one of the forms that `connect_arguments` takes.
        pool_size: maximum number of connections.
        command_timeout_seconds: for one statement, and for waiting for a connection.

    Raises:
        InvalidDatabaseUrl: the address cannot be used.
    """

    def __init__(self, database_url: str, *, pool_size: int, command_timeout_seconds: float) -> None:
        self._arguments = connect_arguments(database_url, command_timeout_seconds=command_timeout_seconds)
        self._pool = Pool(self._connect, size=pool_size, wait_seconds=command_timeout_seconds, monotonic=monotonic)
        self._epoch: tuple[str, float] | None = None
        self._epoch_query: asyncio.Task[str] | None = None

    async def _connect(self) -> asyncpg.Connection:
        driver: asyncpg.Connection = await asyncpg.connect(**self._arguments)
        self._epoch = None  # the server may be another one now
        return driver

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Run one transaction, READ COMMITTED. It is committed when the context ends without an error.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
            Unstorable: Postgres will never take this data.
        """
        with translate_errors():
            async with self._pool.connection() as driver:
                await driver.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                try:
                    yield Connection(driver)
                except UNCERTAIN:
                    raise
                except BaseException:
                    if not driver.is_closed():
                        await driver.execute("ROLLBACK")
                    raise
                # Postgres answers the COMMIT of a failed transaction with the tag ROLLBACK and without an error.
                if await driver.execute("COMMIT") != "COMMIT":
                    raise DependencyUnavailable("Postgres rolled the transaction back")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """Run statements that are a transaction each; errors as in `transaction`."""
        with translate_errors():
            async with self._pool.connection() as driver:
                yield Connection(driver)

    async def epoch(self) -> str:
        """Return what identifies the data: it changes with a restore or a fail-over, when numbers may go back.

        This takes a connection, so a caller must not hold one. However many callers ask at once, one statement answers
        them all. Errors as in `transaction`.
        """
        if self._epoch is not None:
            epoch, asked_at = self._epoch
            if monotonic() - asked_at <= _EPOCH_SECONDS:
                return epoch
        if self._epoch_query is None:
            self._epoch_query = asyncio.create_task(self._query_epoch())
            self._epoch_query.add_done_callback(self._forget_epoch_query)
        return await asyncio.shield(self._epoch_query)

    async def _query_epoch(self) -> str:
        async with self.reading() as connection:
            [row] = await connection.execute(_EPOCH)
        identity = "/".join((row["database_id"], row["system_id"], row["timeline"]))
        epoch = hashlib.sha256(identity.encode()).hexdigest()[:16]
        self._epoch = (epoch, monotonic())
        return epoch

    def _forget_epoch_query(self, query: asyncio.Task[str]) -> None:
        self._epoch_query = None
        if not query.cancelled():
            query.exception()  # marks it as retrieved, even if every caller has left

    async def ping(self) -> None:
        """Return when Postgres answers; errors as in `transaction`."""
        async with self.reading() as connection:
            await connection.execute(_PING)

    async def schema_revision(self) -> str | None:
        """Return the revision of the schema, or None if the database was never migrated; errors as in `transaction`."""
        async with self.reading() as connection:
            if await connection.scalar(_HAS_REVISION) is None:
                return None
            revision: str | None = await connection.scalar(_REVISION)
            return revision

    async def close(self) -> None:
        """Close all connections, those in use when their users are done. Waits for 2 seconds at most."""
        if self._epoch_query is not None:
            self._epoch_query.cancel()
            await asyncio.wait([self._epoch_query])
        await self._pool.close(timeout_seconds=_CLOSE_SECONDS)
