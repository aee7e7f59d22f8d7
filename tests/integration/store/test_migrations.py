from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from store.migrations import expected_revision, migrate
from store.repository.database import open_engine
from store.tables import metadata


def _differences(connection: Connection) -> object:
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_server_default": True}), metadata)


async def test_migrating_an_empty_database_makes_exactly_the_tables_of_the_code(empty_database_url: str) -> None:
    steps: list[str] = []
    assert await migrate(empty_database_url, progress=steps.append) == expected_revision()
    assert steps
    engine = open_engine(empty_database_url, pool_size=1, command_timeout_seconds=10)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await engine.dispose()
