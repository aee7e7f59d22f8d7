"""Bringing a database to the schema of this version, and knowing whether it is there. Shipped in the wheel.

A step either only adds (and the version before it goes on working), or removes what no running version uses any more.
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
from store.errors import sqlstate_of, translated
from store.repository.database_url import connect_arguments

_MIGRATOR_LOCK = 0x5357_4954_4348  # "SWITCH": any number that is nobody else's
_LOCK_TIMEOUT_SECONDS = 5
"""A change of a table that waits for a long query makes everybody behind it wait; better to give up and come again."""
_LOCK_NOT_AVAILABLE = "55P03"
_ATTEMPTS = 6
_TURN_SECONDS = 120.0
_STATEMENT_SECONDS = 3600.0


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def expected_revision() -> str:
    """Return the revision of the schema that this version of the code works on."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the wheel holds no migrations"
    return head


def refusal(found: str | None) -> StartupRefused | None:
    """Return why the service must not start on a database at revision `found`; None where it may."""
    expected = expected_revision()
    if found == expected:
        return None
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is None or found in known:
        return StartupRefused(
            f"The database's schema is at {found or 'nothing'}, older than this version needs ({expected}). "
            "Run `switchboard migrate`, then start again."
        )
    return StartupRefused(
        f"The database's schema is at {found}, which this version does not know (it needs {expected}). "
        "Start the version that brought it there; only that version's `switchboard migrate` goes further."
    )


async def migrate(database_url: str, *, progress: Callable[[str], None] = lambda _: None) -> str:
    """Bring the database to this version's schema and return its revision. Safe at any time, for several at once.

    Args:
        database_url: in any of the forms that the service takes.
        progress: gets a sentence per step.

    Raises:
        DependencyUnavailable: the database is away, or busy for longer than all attempts together.
        StartupRefused: the database is at a revision that this version does not know.
    """
    with translated(), _driver_errors():
        engine = open_engine(database_url, command_timeout_seconds=_STATEMENT_SECONDS)
        try:
            async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as guard:
                await _take_turn(guard, progress)
                try:
                    await _upgrade_with_patience(engine, progress)
                finally:
                    await guard.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _MIGRATOR_LOCK})
        finally:
            await engine.dispose()
    return expected_revision()


def open_engine(database_url: str, *, command_timeout_seconds: float) -> AsyncEngine:
    """Return an SQLAlchemy engine, which Alembic needs; the services' own statements do without one.

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


async def _take_turn(guard: AsyncConnection, progress: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _TURN_SECONDS
    while not await guard.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _MIGRATOR_LOCK}):
        if time.monotonic() > deadline:
            raise DependencyUnavailable(f"another migration has been running for {_TURN_SECONDS:g} s")
        progress("Another migration is running; waiting for it.")
        await asyncio.sleep(0.5)


async def _upgrade_with_patience(engine: AsyncEngine, progress: Callable[[str], None]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with engine.connect() as connection:
                await connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT_SECONDS}s'"))
                await connection.commit()
                await connection.run_sync(_upgrade, progress)
        except DBAPIError as error:
            if sqlstate_of(error) != _LOCK_NOT_AVAILABLE or attempt == _ATTEMPTS:
                raise
            progress(f"A table was in use for {_LOCK_TIMEOUT_SECONDS} s; trying again ({attempt} of {_ATTEMPTS}).")
            await asyncio.sleep(attempt)
        else:
            return


def _upgrade(connection: Connection, progress: Callable[[str], None]) -> None:
    found = current_revision(connection)
    expected = expected_revision()
    if found == expected:
        progress(f"The schema is at {expected} already.")
        return
    refused = refusal(found)
    if refused is not None and "does not know" in str(refused):
        raise refused
    progress(f"Migrating from {found or 'an empty database'} to {expected}.")
    connection.commit()  # each step is a transaction of its own, which it can only be outside of another
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    progress(f"The schema is at {expected}.")


def current_revision(connection: Connection) -> str | None:
    """Return the revision that the database says it is at; None where it says nothing."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
