"""Connections to Postgres: opening, transactions, and what identifies the data."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import asyncpg
from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.errors import DependencyUnavailable
from store.errors import InvalidDatabaseUrl, translated
from store.repository.statements import Connection, Statement

_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_PLANNING = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}
"""Every statement of ours walks an index by key, in order, and is planned once a connection. Left alone, Postgres plans
the larger ones anew each time (a quarter of a small batch's time), sorts whole conversations, keeps plans from when
tables were empty, which read whole tables, and starts processes to read one page (ten milliseconds)."""
_EPOCH_SECONDS = 10.0
"""How long the epoch is trusted without a new connection: behind a pooler a fail-over breaks none of ours."""
_EPOCH = Statement(
    # The WAL file's name starts with the timeline, and changes at the moment of a promotion.
    "SELECT id::text, (SELECT system_identifier FROM pg_control_system())::text,"
    " left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM store_identity"
)
_PING = Statement("SELECT 1")
_HAS_REVISION = Statement("SELECT to_regclass('alembic_version')")
_REVISION = Statement("SELECT version_num FROM alembic_version")


_UNCERTAIN = (TimeoutError, OSError, asyncio.CancelledError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""After these nobody knows how far the server has come with what it was asked."""


def driver_url(database_url: str) -> tuple[URL, dict[str, Any]]:
    """Return `database_url` as SQLAlchemy and asyncpg want it, with arguments for the driver.

    postgresql://, postgres:// and postgresql+asyncpg:// are taken, a unix socket as `?host=/folder`, and libpq's
    `sslmode` and `application_name`. `statement_cache_size=0` suits poolers that know no prepared statements.

    Raises:
        InvalidDatabaseUrl: none of these forms.
    """
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise InvalidDatabaseUrl("is not a database address, such as postgresql://user:password@host/name.") from None
    if url.drivername not in _SCHEMES:
        raise InvalidDatabaseUrl("must be the address of a Postgres database (postgresql://...).")
    query = dict(url.query)
    arguments: dict[str, Any] = {"server_settings": {"application_name": "switchboard-store"} | _PLANNING}
    if isinstance(size := query.pop("statement_cache_size", None), str):
        arguments["statement_cache_size"] = int(size) if size.isdecimal() else 100
    if isinstance(name := query.pop("application_name", None), str):
        arguments["server_settings"]["application_name"] = name
    if isinstance(mode := query.pop("sslmode", None), str):
        arguments["ssl"] = _ssl_of(mode)
    return url.set(drivername="postgresql+asyncpg", query=query), arguments


def _ssl_of(mode: str) -> str:
    if mode not in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"):
        raise InvalidDatabaseUrl(f"has an sslmode that libpq does not know: {mode!r}.")
    return mode


def open_engine(database_url: str, *, pool_size: int, command_timeout_seconds: float) -> AsyncEngine:
    """Return an engine; nothing is connected yet.

    Raises:
        InvalidDatabaseUrl: the address cannot be used.
    """
    url, arguments = driver_url(database_url)
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=command_timeout_seconds,
        hide_parameters=True,
        connect_args=arguments
        | {"timeout": min(command_timeout_seconds, 5.0), "command_timeout": command_timeout_seconds},
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Replace a pooled connection that the server has ended: asyncpg knows without asking."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


class Database:
    """A pool of connections.

    Args:
        database_url: in any of the forms of `driver_url`.
        pool_size: most connections at a time; who comes later waits, for at most `command_timeout_seconds`.
        command_timeout_seconds: for one statement.
    """

    def __init__(self, database_url: str, *, pool_size: int, command_timeout_seconds: float) -> None:
        self._engine = open_engine(database_url, pool_size=pool_size, command_timeout_seconds=command_timeout_seconds)
        self._epoch: tuple[str, float] | None = None
        self._asking: asyncio.Task[str] | None = None
        event.listen(self._engine.sync_engine, "connect", self._forget_epoch)

    def _forget_epoch(self, *_: Any) -> None:
        self._epoch = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Run one transaction, READ COMMITTED; committed when the context is left without an error.

        Raises:
            DependencyUnavailable: Postgres could not do it now.
            Unstorable: Postgres will never take this data.
        """
        with translated():
            async with self._driver() as driver:
                await driver.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                try:
                    yield Connection(driver)
                except _UNCERTAIN:
                    raise
                except BaseException:
                    if not driver.is_closed():
                        await driver.execute("ROLLBACK")
                    raise
                # A transaction that failed before ends with the tag ROLLBACK and without an error.
                if await driver.execute("COMMIT") != "COMMIT":
                    raise DependencyUnavailable("Postgres rolled the transaction back")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """Run statements that each stand alone; errors as in `transaction`."""
        with translated():
            async with self._driver() as driver:
                yield Connection(driver)

    @asynccontextmanager
    async def _driver(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        async with self._engine.connect() as pooled:
            driver = (await pooled.get_raw_connection()).driver_connection
            assert isinstance(driver, asyncpg.Connection)
            try:
                yield driver
            except _UNCERTAIN:
                # What we gave up on may still happen there: a BEGIN that arrives late would swallow the next user's
                # work, whose COMMIT it is not. Nobody gets this connection again.
                driver.terminate()
                raise
            finally:
                if not driver.is_closed() and driver.is_in_transaction():
                    driver.terminate()

    async def epoch(self) -> str:
        """Return what identifies the data: another value after a restore or a fail-over, when numbers may go back.

        Takes a connection, so it must not be asked by who holds one; however many ask, one statement answers them all.
        """
        if self._epoch is not None and monotonic() - self._epoch[1] <= _EPOCH_SECONDS:
            return self._epoch[0]
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_epoch())
            self._asking.add_done_callback(self._asked)
        return await asyncio.shield(self._asking)

    async def _ask_epoch(self) -> str:
        async with self.reading() as connection:
            [row] = await connection.execute(_EPOCH)
        epoch = hashlib.sha256("/".join(row).encode()).hexdigest()[:16]
        self._epoch = (epoch, monotonic())
        return epoch

    def _asked(self, asking: asyncio.Task[str]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # so that it counts as seen, even where everybody who asked has left

    async def ping(self) -> None:
        """Return when Postgres answers; errors as in `transaction`."""
        async with self.reading() as connection:
            await connection.execute(_PING)

    async def schema_revision(self) -> str | None:
        """Return the revision that the schema is at; None for a database that was never migrated."""
        async with self.reading() as connection:
            if await connection.scalar(_HAS_REVISION) is None:
                return None
            revision: str | None = await connection.scalar(_REVISION)
            return revision

    async def close(self) -> None:
        """Close all connections."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._engine.dispose()
