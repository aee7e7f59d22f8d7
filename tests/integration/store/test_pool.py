"""The pool lends a Postgres connection to one task at a time, always in a clean state."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import asyncpg
import pytest

from shared.errors import DependencyUnavailable
from store.repository.postgres.database import Database
from store.repository.postgres.pool import MAX_IDLE_SECONDS, Pool
from store.repository.postgres.statements import Statement
from store.repository.postgres.url import connect_arguments
from tests.integration.store.parts import Parts
from tests.recorder import WAIT_SECONDS

pytestmark = pytest.mark.postgres

_BACKEND = Statement("SELECT pg_backend_pid()")
_SLEEP = Statement("SELECT pg_sleep(60)")
_SLEEPERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'active' AND query = 'SELECT pg_sleep(60)'
"""
_BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE pid = :pid"


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def make_pool(database_url: str, clock: Clock) -> AsyncIterator[Callable[[int], Pool]]:
    """Return a function that makes a pool of a given size, with a wait limit of 0.2 s."""
    made: list[Pool] = []
    connect = partial(asyncpg.connect, **connect_arguments(database_url, command_timeout_seconds=WAIT_SECONDS))

    def pool(size: int) -> Pool:
        made.append(Pool(connect, size=size, wait_seconds=0.2, monotonic=clock))
        return made[-1]

    yield pool
    for opened in made:
        await opened.close(timeout_seconds=1)


async def backend_pid(pool: Pool) -> int:
    """Return the PID of the backend that serves the next query."""
    async with pool.connection() as driver:
        pid: int = await driver.fetchval("SELECT pg_backend_pid()")
        return pid


async def wait_for_count(parts: Parts, count: str, expected: int, **arguments: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if await parts.rows(count, **arguments) == [(expected,)]:
                return
            await asyncio.sleep(0.01)


async def wait_until_gone(parts: Parts, pid: int) -> None:
    await wait_for_count(parts, _BACKENDS, 0, pid=pid)


async def test_a_connection_is_reused(make_pool: Callable[[int], Pool]) -> None:
    pool = make_pool(3)
    assert len({await backend_pid(pool) for _ in range(5)}) == 1


async def test_waiters_are_served_in_order_and_time_out(make_pool: Callable[[int], Pool]) -> None:
    pool = make_pool(1)
    turns: list[int] = []

    async def user(number: int) -> None:
        async with pool.connection():
            turns.append(number)
            await asyncio.sleep(0)

    async with pool.connection():
        users = [asyncio.create_task(user(number)) for number in range(4)]
        await asyncio.sleep(0)
        users[1].cancel()
        with pytest.raises(DependencyUnavailable, match="all 1 connections"):
            async with pool.connection():
                pass
        for waiting in (users[0], users[2], users[3]):
            with pytest.raises(DependencyUnavailable):
                await waiting
        users = [asyncio.create_task(user(number)) for number in range(4)]
        await asyncio.sleep(0)
        users[1].cancel()
    await asyncio.gather(*users, return_exceptions=True)
    assert turns == [0, 2, 3]


async def test_a_waiter_cancelled_on_its_turn_leaks_no_connection(
    make_pool: Callable[[int], Pool],
) -> None:
    pool = make_pool(1)
    for turns_of_the_loop in range(6):
        async with pool.connection():
            waiting = asyncio.create_task(backend_pid(pool))
            await asyncio.sleep(0)
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await backend_pid(pool)


async def test_cancelling_a_statement_ends_it_on_the_server(database_url: str, parts: Parts) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=1)

    async def transaction() -> None:
        async with database.transaction() as connection:
            await connection.execute(_SLEEP)

    work = asyncio.create_task(transaction())
    await wait_for_count(parts, _SLEEPERS, 1)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await database.ping()
    await wait_for_count(parts, _SLEEPERS, 0)
    await database.close()


async def test_a_statement_that_times_out_ends_on_the_server_too(database_url: str, parts: Parts) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=0.3)
    for _ in range(3):
        with pytest.raises(DependencyUnavailable):
            async with database.transaction() as connection:
                await connection.execute(_SLEEP)
        await wait_for_count(parts, _SLEEPERS, 0)
    await database.ping()
    await database.close()


async def test_a_connection_closed_by_the_server_is_replaced_before_use(
    make_pool: Callable[[int], Pool], parts: Parts
) -> None:
    pool = make_pool(2)
    pid = await backend_pid(pool)
    await parts.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
    await wait_until_gone(parts, pid)
    assert await backend_pid(pool) != pid


async def test_a_connection_closed_during_use_does_not_hide_the_original_error(database_url: str, parts: Parts) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=WAIT_SECONDS)

    async def transaction() -> None:
        async with database.transaction() as connection:
            pid = await connection.scalar(_BACKEND)
            await parts.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
            await wait_until_gone(parts, pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transaction()
    await database.ping()
    await database.close()


async def test_an_open_transaction_ends_with_its_connection(make_pool: Callable[[int], Pool], parts: Parts) -> None:
    pool = make_pool(1)
    async with pool.connection() as driver:
        pid = await driver.fetchval("SELECT pg_backend_pid()")
        await driver.execute("BEGIN")
    assert await backend_pid(pool) != pid
    await wait_until_gone(parts, pid)


async def test_a_long_idle_connection_is_replaced(make_pool: Callable[[int], Pool], clock: Clock, parts: Parts) -> None:
    pool = make_pool(1)
    pid = await backend_pid(pool)
    clock.now += MAX_IDLE_SECONDS
    assert await backend_pid(pool) == pid
    clock.now += MAX_IDLE_SECONDS + 1
    assert await backend_pid(pool) != pid
    await wait_until_gone(parts, pid)


async def test_a_closed_pool_closes_connections_when_they_are_returned(
    make_pool: Callable[[int], Pool], parts: Parts
) -> None:
    pool = make_pool(2)
    async with pool.connection() as driver:
        idle = await backend_pid(pool)
        await pool.close(timeout_seconds=1)
        await wait_until_gone(parts, idle)
        pid = await driver.fetchval("SELECT pg_backend_pid()")
    await wait_until_gone(parts, pid)


async def test_statements_work_without_the_statement_cache(database_url: str) -> None:
    url = f"{database_url}{'&' if '?' in database_url else '?'}statement_cache_size=0"
    database = Database(url, pool_size=1, command_timeout_seconds=WAIT_SECONDS)
    async with database.transaction() as connection:
        for _ in range(3):
            assert await connection.scalar(Statement("SELECT CAST(:number AS int)"), {"number": 7}) == 7
    await database.close()


async def test_a_new_connection_reads_the_epoch_again(database_url: str, parts: Parts) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=WAIT_SECONDS)
    epoch = await database.epoch()
    await parts.execute("UPDATE store_identity SET id = gen_random_uuid()")
    assert await database.epoch() == epoch
    async with database.reading() as connection:
        pid = await connection.scalar(_BACKEND)
    await parts.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
    await wait_until_gone(parts, pid)
    await database.ping()
    assert await database.epoch() != epoch
    await database.close()
