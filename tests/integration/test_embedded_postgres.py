import asyncpg
import pytest

from shared.errors import StartupRefused
from switchboard.provision.postgres import EmbeddedPostgres, StopMode, embedded_postgres
from tests.fixtures.postgres import postgres_folder


async def ask(server: EmbeddedPostgres, question: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate", "kill"])
async def test_what_was_committed_is_there_after_every_way_of_stopping(mode: StopMode) -> None:
    with postgres_folder() as folder, embedded_postgres(folder) as server:
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        before = server.pid
        server.restart(mode)
        assert server.pid != before
        assert await ask(server, "SELECT answer FROM kept") == 42


async def test_a_folder_is_used_again_by_the_next_server_and_by_one_at_a_time() -> None:
    with postgres_folder() as folder:
        with embedded_postgres(folder) as server:
            await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            assert await ask(server, "SHOW fsync") == "on"
            with pytest.raises(StartupRefused, match="Another process"), embedded_postgres(folder):
                pass
        with embedded_postgres(folder) as server:
            assert await ask(server, "SELECT answer FROM kept") == 42


async def test_a_server_that_an_earlier_process_left_behind_is_replaced() -> None:
    with postgres_folder() as folder:
        orphan = EmbeddedPostgres(folder)
        orphan.start()
        await ask(orphan, "CREATE TABLE kept AS SELECT 42 AS answer")
        try:
            with embedded_postgres(folder) as server:
                assert await ask(server, "SELECT answer FROM kept") == 42
        finally:
            orphan.stop("kill")


async def test_a_long_path_is_no_obstacle() -> None:
    with postgres_folder() as folder, embedded_postgres(folder / ("long" * 30)) as server:
        assert await ask(server, "SELECT lower('ÄÖ')") == "äö"
