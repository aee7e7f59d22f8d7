import asyncpg
import pytest

from shared.errors import StartupRefused
from switchboard.provision.postgres import EmbeddedPostgres, StopMode, embedded_postgres
from tests.fixtures.postgres import postgres_folder


async def fetch_value(server: EmbeddedPostgres, question: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate", "kill"])
async def test_committed_data_survives_every_stop_mode(mode: StopMode) -> None:
    with postgres_folder() as folder, embedded_postgres(folder) as server:
        await fetch_value(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        before = server.pid
        server.restart(mode)
        assert server.pid != before
        assert await fetch_value(server, "SELECT answer FROM kept") == 42


async def test_a_folder_is_reusable_by_one_server_at_a_time() -> None:
    with postgres_folder() as folder:
        with embedded_postgres(folder) as server:
            await fetch_value(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            assert await fetch_value(server, "SHOW fsync") == "on"
            with pytest.raises(StartupRefused, match="Another process"), embedded_postgres(folder):
                pass
        with embedded_postgres(folder) as server:
            assert await fetch_value(server, "SELECT answer FROM kept") == 42


async def test_an_orphaned_server_is_replaced() -> None:
    with postgres_folder() as folder:
        orphan = EmbeddedPostgres(folder)
        orphan.start()
        await fetch_value(orphan, "CREATE TABLE kept AS SELECT 42 AS answer")
        try:
            with embedded_postgres(folder) as server:
                assert await fetch_value(server, "SELECT answer FROM kept") == 42
        finally:
            orphan.stop("kill")


async def test_a_long_path_works() -> None:
    with postgres_folder() as folder, embedded_postgres(folder / ("long" * 30)) as server:
        assert await fetch_value(server, "SELECT lower('ÄÖ')") == "äö"
