"""Connections to Postgres are lent to one user at a time, and never in a state that the next user would suffer from."""

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
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def pool_of(database_url: str, clock: Clock) -> AsyncIterator[Callable[[int], Pool]]:
    """Return what makes a pool of a size, whose users wait for each other for 0.2 s."""
    made: list[Pool] = []
    connect = partial(asyncpg.connect, **connect_arguments(database_url, command_timeout_seconds=WAIT_SECONDS))

    def pool(size: int) -> Pool:
        made.append(Pool(connect, size=size, wait_seconds=0.2, monotonic=clock))
        return made[-1]

    yield pool
    for opened in made:
        await opened.close(timeout_seconds=1)


async def backend(pool: Pool) -> int:
    """Return which backend serves the next user."""
    async with pool.connection() as driver:
        pid: int = await driver.fetchval("SELECT pg_backend_pid()")
        return pid


async def until(parts: Parts, count: str, expected: int, **arguments: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if await parts.rows(count, **arguments) == [(expected,)]:
                return
            await asyncio.sleep(0.01)


async def until_gone(parts: Parts, pid: int) -> None:
    await until(parts, _BACKENDS, 0, pid=pid)


async def test_a_connection_is_used_again(pool_of: Callable[[int], Pool]) -> None:
    pool = pool_of(3)
    assert len({await backend(pool) for _ in range(5)}) == 1


async def test_users_wait_for_each_other_in_order_and_not_for_ever(pool_of: Callable[[int], Pool]) -> None:
    pool = pool_of(1)
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


async def test_who_is_cancelled_at_the_moment_of_its_turn_takes_no_connection_with_it(
    pool_of: Callable[[int], Pool],
) -> None:
    pool = pool_of(1)
    for turns_of_the_loop in range(6):
        async with pool.connection():
            waiting = asyncio.create_task(backend(pool))
            await asyncio.sleep(0)
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await backend(pool)


async def test_who_is_cancelled_in_the_middle_of_a_statement_leaves_nothing_to_the_next_user(
    database_url: str, parts: Parts
) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=1)

    async def transaction() -> None:
        async with database.transaction() as connection:
            await connection.execute(_SLEEP)

    work = asyncio.create_task(transaction())
    await until(parts, _SLEEPERS, 1)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await database.ping()
    await until(parts, _SLEEPERS, 0)
    await database.close()


async def test_a_statement_that_takes_too_long_is_ended_by_the_server_too(database_url: str, parts: Parts) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=0.3)
    for _ in range(3):
        with pytest.raises(DependencyUnavailable):
            async with database.transaction() as connection:
                await connection.execute(_SLEEP)
        await until(parts, _SLEEPERS, 0)
    await database.ping()
    await database.close()


async def test_a_connection_that_the_server_has_closed_is_replaced_before_it_is_lent(
    pool_of: Callable[[int], Pool], parts: Parts
) -> None:
    pool = pool_of(2)
    pid = await backend(pool)
    await parts.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
    await until_gone(parts, pid)
    assert await backend(pool) != pid


async def test_a_connection_that_the_server_closes_while_it_is_lent_does_not_hide_the_users_error(
    database_url: str, parts: Parts
) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=WAIT_SECONDS)

    async def transaction() -> None:
        async with database.transaction() as connection:
            pid = await connection.scalar(_BACKEND)
            await parts.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
            await until_gone(parts, pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transaction()
    await database.ping()
    await database.close()


async def test_a_transaction_that_is_left_open_ends_with_its_connection(
    pool_of: Callable[[int], Pool], parts: Parts
) -> None:
    pool = pool_of(1)
    async with pool.connection() as driver:
        pid = await driver.fetchval("SELECT pg_backend_pid()")
        await driver.execute("BEGIN")
    assert await backend(pool) != pid
    await until_gone(parts, pid)


async def test_a_connection_that_was_idle_for_long_is_replaced(
    pool_of: Callable[[int], Pool], clock: Clock, parts: Parts
) -> None:
    pool = pool_of(1)
    pid = await backend(pool)
    clock.now += MAX_IDLE_SECONDS
    assert await backend(pool) == pid
    clock.now += MAX_IDLE_SECONDS + 1
    assert await backend(pool) != pid
    await until_gone(parts, pid)


async def test_a_pool_that_is_closed_closes_what_is_in_use_when_it_comes_back(
    pool_of: Callable[[int], Pool], parts: Parts
) -> None:
    pool = pool_of(2)
    async with pool.connection() as driver:
        idle = await backend(pool)
        await pool.close(timeout_seconds=1)
        await until_gone(parts, idle)
        pid = await driver.fetchval("SELECT pg_backend_pid()")
    await until_gone(parts, pid)


async def test_without_prepared_statements_everything_works_as_well(database_url: str) -> None:
    url = f"{database_url}{'&' if '?' in database_url else '?'}statement_cache_size=0"
    database = Database(url, pool_size=1, command_timeout_seconds=WAIT_SECONDS)
    async with database.transaction() as connection:
        for _ in range(3):
            assert await connection.scalar(Statement("SELECT CAST(:number AS int)"), {"number": 7}) == 7
    await database.close()


async def test_a_new_connection_makes_the_epoch_be_asked_for_again(database_url: str, parts: Parts) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=WAIT_SECONDS)
    epoch = await database.epoch()
    await parts.execute("UPDATE store_identity SET id = gen_random_uuid()")
    assert await database.epoch() == epoch
    async with database.reading() as connection:
        pid = await connection.scalar(_BACKEND)
    await parts.rows("SELECT pg_terminate_backend(:pid)", pid=pid)
    await until_gone(parts, pid)
    await database.ping()
    assert await database.epoch() != epoch
    await database.close()
