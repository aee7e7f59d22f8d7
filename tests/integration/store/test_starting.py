import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from shared.errors import DependencyUnavailable, StartupRefused
from shared.messaging.local import LocalBroker
from shared.settings import load
from store.app import lifespan
from store.migrations import expected_revision, migrate
from store.repository.postgres.database import Database
from store.settings import Settings
from switchboard.provision.freeze import freeze
from switchboard.provision.postgres import EmbeddedPostgres
from tests.integration.store.parts import SECRETS, Parts, Service, message
from tests.recorder import WAIT_SECONDS


@asynccontextmanager
async def running_store(database_url: str, **settings: object) -> AsyncIterator[Service]:
    chosen = {"database_url": database_url, "store_port": 0, "store_internal_port": 0, **SECRETS, **settings}
    async with (
        LocalBroker() as broker,
        lifespan(load(Settings, **chosen), broker, registry=CollectorRegistry()) as ports,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['store']}", timeout=10) as public,
    ):
        yield Service(broker, public, public, {})


async def wait_for_readiness(service: Service, *, status: int = 200) -> list[str]:
    """Wait until readiness returns `status`; return its problems."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            answer = await service.public.get("/readyz")
            if answer.status_code == status:
                return list(answer.json().get("problems", []))
            await asyncio.sleep(0.02)


@asynccontextmanager
async def open_database(url: str, *, pool_size: int, command_timeout_seconds: float) -> AsyncIterator[Database]:
    database = Database(url, pool_size=pool_size, command_timeout_seconds=command_timeout_seconds)
    try:
        yield database
    finally:
        await database.close()


@contextmanager
def frozen(server: EmbeddedPostgres) -> Iterator[None]:
    """Suspend the server and all its processes, as a swapping or suspended machine does."""
    assert server.pid is not None
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    pids = [server.pid, *map(int, children)]
    for pid in pids:
        freeze(pid)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def retry_until_available(work: Callable[[], Awaitable[object]]) -> None:
    """Retry `work` while Postgres is unavailable, as the broker does."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                await work()
            except DependencyUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def test_an_unmigrated_database_is_refused_with_the_command_to_run(
    empty_database_url: str,
) -> None:
    with pytest.raises(StartupRefused, match=r"older.*switchboard migrate"):
        async with running_store(empty_database_url):
            pass


async def test_a_newer_schema_is_refused(database_url: str) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=5)
    await Parts(database).execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    await database.close()
    with pytest.raises(StartupRefused, match="does not know"):
        async with running_store(database_url):
            pass
    with pytest.raises(StartupRefused, match="does not know"):
        await migrate(database_url)


async def test_concurrent_migrations_run_once(empty_database_url: str) -> None:
    heard: list[str] = []
    revisions = await asyncio.gather(*(migrate(empty_database_url, progress=heard.append) for _ in range(3)))
    assert revisions == [expected_revision()] * 3
    assert sum(sentence.startswith("Migrating from") for sentence in heard) == 1


async def test_the_store_starts_without_postgres_and_works_once_it_is_available(
    own_postgres: EmbeddedPostgres,
) -> None:
    own_postgres.stop("immediate")
    async with running_store(own_postgres.url) as service:
        assert await wait_for_readiness(service, status=503) == ["Postgres does not respond."]
        assert (await service.public.get("/healthz")).status_code == 200
        with pytest.raises(DependencyUnavailable):
            await service.broker.publish([message("m-1")])

        await asyncio.to_thread(own_postgres.start)
        await wait_for_readiness(service)
        await service.broker.publish([message("m-1")])
        assert len((await service.get("/api/conversations")).json()) == 1


async def test_a_postgres_restart_loses_no_acknowledged_event(
    own_postgres: EmbeddedPostgres,
) -> None:
    async with running_store(own_postgres.url) as service:
        await service.broker.publish([message("m-1")])
        epoch = (await service.get("/api/events")).headers["Inbox-Epoch"]
        await asyncio.to_thread(own_postgres.restart, "immediate")
        await retry_until_available(lambda: service.broker.publish([message("m-2")]))
        answer = await service.get("/api/events")
        assert [frame["seq"] for frame in answer.json()] == [1, 2]
        assert answer.headers["Inbox-Epoch"] == epoch


@pytest.mark.parametrize("pool_size", [1, 3])
async def test_a_frozen_postgres_fails_in_bounded_time_and_loses_nothing(
    own_postgres: EmbeddedPostgres, pool_size: int
) -> None:
    async with open_database(own_postgres.url, pool_size=pool_size, command_timeout_seconds=0.4) as database:
        parts = Parts(database)
        await parts.inbox([message("m-1")])
        with frozen(own_postgres):
            async with asyncio.timeout(WAIT_SECONDS):
                with pytest.raises(DependencyUnavailable):
                    await parts.inbox([message("m-2")])
        await retry_until_available(lambda: parts.inbox([message("m-2")]))
        assert set(parts.publisher.seqs()) == {1, 2}
        assert await parts.rows("SELECT message_id FROM messages ORDER BY id") == [("m-1",), ("m-2",)]


async def test_killed_backends_lose_and_repeat_nothing(own_postgres: EmbeddedPostgres) -> None:
    async with (
        open_database(own_postgres.url, pool_size=2, command_timeout_seconds=5) as database,
        open_database(own_postgres.url, pool_size=1, command_timeout_seconds=5) as operator,
    ):
        parts, killer = Parts(database), Parts(operator)
        kills = random.Random(1)

        async def kill() -> None:
            # Far enough apart for a new connection in between, at any moment of a batch.
            for _ in range(10):
                await asyncio.sleep(kills.uniform(0.15, 0.25))
                await killer.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )

        killing = asyncio.create_task(kill())
        sent = 0
        while not killing.done():
            sent += 1
            await retry_until_available(partial(parts.inbox, [message(f"m-{sent}")]))
        await killing

        assert await parts.rows("SELECT count(*), max(id) FROM messages") == [(sent, sent)]
        assert set(parts.publisher.seqs()) == set(range(1, sent + 1))
