"""Migrates a database to the schema of this version, and checks whether it has that schema. Shipped in the wheel.

A migration either only adds, so that the previous version keeps working, or removes what no running version uses.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.errors import DependencyUnavailable, StartupRefused
from store.errors import UnknownRevision, sqlstate_of, translate_errors
from store.migrations.grants import grant
from store.repository.postgres.url import connect_arguments

_MIGRATOR_LOCK = 0x5357_4954_4348  # "SWITCH": any number that nobody else uses
_LOCK_TIMEOUT_SECONDS = 5
"""A schema change that waits for a long query blocks all later queries; it is better to give up and retry."""
_LOCK_NOT_AVAILABLE = "55P03"
_ATTEMPTS = 6
_LOCK_WAIT_SECONDS = 120.0
_STATEMENT_SECONDS = 3600.0


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def expected_revision() -> str:
    """Return the schema revision that this version of the code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the wheel holds no migrations"
    return head


def refusal(found: str | None) -> StartupRefused | None:
    """Return why the service must not start on a database at revision `found`; None if it may.

    It is an `UnknownRevision` if this version cannot migrate the database either.
    """
    expected = expected_revision()
    if found == expected:
        return None
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is None or found in known:
        return StartupRefused(
            f"The database schema is at {found or 'no revision'}, older than this version needs ({expected}). "
            "Run `switchboard migrate`, then start again."
        )
    return UnknownRevision(
        f"The database schema is at {found}, which this version does not know (it needs {expected}). "
        "Start the version that migrated it, or a newer one."
    )


async def migrate(
    database_url: str, *, store_role: str | None = None, progress: Callable[[str], None] = lambda _: None
) -> str:
    """Migrate the database to this version's schema and return its revision.

    It is safe at any time, and several may run at once: they wait for each other.

    Args:
        database_url: in any form that the service accepts; its role owns the tables.
        store_role: the store's own role, which is given the rights that it needs; None: the store uses the same role.
        progress: receives a sentence per step.

    Raises:
        DependencyUnavailable: the database is unavailable, or too busy for all attempts.
        StartupRefused: nothing can be granted to `store_role`.
        UnknownRevision: the database is at a revision that this version does not know.
    """
    with translate_errors(), _driver_errors():
        engine = open_engine(database_url, command_timeout_seconds=_STATEMENT_SECONDS)
        try:
            async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as guard:
                await _acquire_lock(guard, progress)
                try:
                    await _upgrade_with_retries(engine, progress)
                    if store_role is not None:
                        async with engine.connect() as connection:
                            await connection.run_sync(grant, store_role)
                        progress(f"The role {store_role!r} has the rights of the store.")
                finally:
                    await guard.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _MIGRATOR_LOCK})
        finally:
            await engine.dispose()
    return expected_revision()


def open_engine(database_url: str, *, command_timeout_seconds: float) -> AsyncEngine:
    """Return an SQLAlchemy engine, for Alembic only; the service's own statements use asyncpg directly.

    It connects on each use, as the services connect.

    Raises:
        InvalidDatabaseUrl: the address cannot be used.
    """
    arguments = connect_arguments(database_url, command_timeout_seconds=command_timeout_seconds)
    connect = partial(asyncpg.connect, **arguments)
    return create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool, hide_parameters=True)


@contextmanager
def _driver_errors() -> Iterator[None]:
    """Raise the driver's error that SQLAlchemy's is about."""
    try:
        yield
    except DBAPIError as error:
        cause = None if error.orig is None else error.orig.__cause__
        if cause is None:
            raise
        raise cause from error


async def _acquire_lock(guard: AsyncConnection, progress: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while not await guard.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _MIGRATOR_LOCK}):
        if time.monotonic() > deadline:
            raise DependencyUnavailable(f"another migration has been running for {_LOCK_WAIT_SECONDS:g} s")
        progress("Another migration is running; waiting for it to end.")
        await asyncio.sleep(0.5)


async def _upgrade_with_retries(engine: AsyncEngine, progress: Callable[[str], None]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with engine.connect() as connection:
                await connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT_SECONDS}s'"))
                await connection.commit()
                await connection.run_sync(_upgrade, progress)
        except DBAPIError as error:
            if sqlstate_of(error) != _LOCK_NOT_AVAILABLE or attempt == _ATTEMPTS:
                raise
            progress(f"A table was in use for {_LOCK_TIMEOUT_SECONDS} s; retrying ({attempt} of {_ATTEMPTS}).")
            await asyncio.sleep(attempt)
        else:
            return


def _upgrade(connection: Connection, progress: Callable[[str], None]) -> None:
    found = current_revision(connection)
    expected = expected_revision()
    if found == expected:
        progress(f"The schema is already at {expected}.")
        return
    refused = refusal(found)
    if isinstance(refused, UnknownRevision):
        raise refused
    progress(f"Migrating from {found or 'an empty database'} to {expected}.")
    connection.commit()  # each migration is a transaction of its own, so it must not run inside another one
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    progress(f"The schema is at {expected}.")


def current_revision(connection: Connection) -> str | None:
    """Return the revision of the database; None if it was never migrated."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
