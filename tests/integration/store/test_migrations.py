import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection

import store.migrations
from store.migrations import expected_revision, migrate, open_engine
from store.tables import metadata

WAIT_SECONDS = 20
_FILL = """
    INSERT INTO conversations (user_id, conversation_id, platform, participant_id, last_message_id, last_message_at,
                               unread_count, last_seq, created_at)
    SELECT 'user-' || n % 3, lpad(to_hex(n), 16, '0'), 'facebook', 'person-' || n, n, now(), n % 2, n, now()
    FROM generate_series(1, 5000) n
"""
_WRITE = "UPDATE conversations SET unread_count = unread_count + 1 WHERE participant_id = $1"
_INDEXES = """
    SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relname LIKE 'conversations\\_platform%' ORDER BY 1
"""
_IS_BUILDING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND query ILIKE '%create index%' AND wait_event_type = 'Lock'
      AND pid <> pg_backend_pid()
"""


def _differences(connection: Connection) -> object:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_server_default": True}), metadata)


def _upgrade_to(revision: str) -> Callable[[Connection], None]:
    """Return a function that upgrades a database to `revision`, which `migrate` cannot."""

    def upgrade(connection: Connection) -> None:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(store.migrations.__file__).parent))
        command.upgrade(config, revision)

    return upgrade


async def _on_engine(url: str, work: Callable[[Connection], object]) -> object:
    engine = open_engine(url, command_timeout_seconds=10)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(work)
            await connection.commit()
            return found
    finally:
        await engine.dispose()


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, timeout=WAIT_SECONDS, command_timeout=WAIT_SECONDS)
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def older_database_url(empty_database_url: str) -> str:
    """Return the URL of a database with rows but without the per-platform indexes of conversations."""
    await _on_engine(empty_database_url, _upgrade_to("0004_search"))
    async with _connected(empty_database_url) as connection:
        await connection.execute(_FILL)
    return empty_database_url


async def test_migrating_an_empty_database_creates_exactly_the_declared_tables(empty_database_url: str) -> None:
    steps: list[str] = []
    assert await migrate(empty_database_url, progress=steps.append) == expected_revision()
    assert steps
    assert await _on_engine(empty_database_url, _differences) == []


async def test_a_migration_does_not_block_writes_while_it_builds_an_index(older_database_url: str) -> None:
    async with (
        _connected(older_database_url) as earlier,
        _connected(older_database_url) as later,
        _connected(older_database_url) as observer,
    ):
        unfinished = earlier.transaction()
        await unfinished.start()
        await earlier.execute(_WRITE, "person-1")
        migration = asyncio.create_task(migrate(older_database_url))
        await _wait_until(observer, _IS_BUILDING)

        await later.execute("SET lock_timeout = '1s'")
        assert await later.execute(_WRITE, "person-2") == "UPDATE 1"

        await unfinished.commit()
        assert await asyncio.wait_for(migration, WAIT_SECONDS) == expected_revision()
        assert await observer.fetchval("SELECT unread_count FROM conversations WHERE participant_id = 'person-2'") == 1
        assert await _indexes(observer) == _ALL_VALID
    assert await _on_engine(older_database_url, _differences) == []


async def test_a_migration_rebuilds_an_index_left_invalid(older_database_url: str) -> None:
    async with _connected(older_database_url) as earlier, _connected(older_database_url) as broken:
        async with earlier.transaction():
            await earlier.execute(_WRITE, "person-1")
            await broken.execute("SET lock_timeout = '50ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await broken.execute("CREATE INDEX CONCURRENTLY conversations_platform_idx ON conversations (user_id)")
        assert await _indexes(broken) == {"conversations_platform_idx": False}

        await migrate(older_database_url)

        assert await _indexes(broken) == _ALL_VALID
    assert await _on_engine(older_database_url, _differences) == []


_ALL_VALID = {"conversations_platform_idx": True, "conversations_platform_unread_idx": True}


async def _indexes(connection: asyncpg.Connection) -> dict[str, bool]:
    return {row[0]: row[1] for row in await connection.fetch(_INDEXES)}


async def _wait_until(observer: asyncpg.Connection, query: str) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if await observer.fetchval(query):
                return
            await asyncio.sleep(0.02)
