import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry

from shared.errors import DependencyUnavailable, StartupRefused
from shared.messaging.local import LocalBroker
from shared.settings import load
from store.app import running
from store.migrations import expected_revision, migrate
from store.repository.database import Database
from store.settings import Settings
from switchboard.provision.postgres import EmbeddedPostgres
from tests.integration.store.parts import SECRETS, Parts, Service, message
from tests.recorder import WAIT_SECONDS


@asynccontextmanager
async def store_on(database_url: str, **settings: object) -> AsyncIterator[Service]:
    chosen = {"database_url": database_url, "store_port": 0, "store_internal_port": 0, **SECRETS, **settings}
    async with (
        LocalBroker() as broker,
        running(load(Settings, **chosen), broker, registry=CollectorRegistry()) as ports,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['store']}", timeout=10) as public,
    ):
        yield Service(broker, public, public, {})


async def ready(service: Service, *, status: int = 200) -> list[str]:
    """Return what readiness says once it says `status`."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            answer = await service.public.get("/readyz")
            if answer.status_code == status:
                return list(answer.json().get("problems", []))
            await asyncio.sleep(0.02)


async def test_a_database_that_was_never_migrated_is_refused_with_the_command_that_helps(
    empty_database_url: str,
) -> None:
    with pytest.raises(StartupRefused, match=r"older.*switchboard migrate"):
        async with store_on(empty_database_url):
            pass


async def test_a_schema_of_a_newer_version_is_refused(database_url: str) -> None:
    database = Database(database_url, pool_size=1, command_timeout_seconds=5)
    await Parts(database).execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    await database.close()
    with pytest.raises(StartupRefused, match="does not know"):
        async with store_on(database_url):
            pass
    with pytest.raises(StartupRefused, match="does not know"):
        await migrate(database_url)


async def test_migrators_take_turns(empty_database_url: str) -> None:
    heard: list[str] = []
    revisions = await asyncio.gather(*(migrate(empty_database_url, progress=heard.append) for _ in range(3)))
    assert revisions == [expected_revision()] * 3
    assert sum(sentence.startswith("Migrating from") for sentence in heard) == 1


async def test_without_postgres_the_store_starts_says_so_and_begins_when_it_comes(
    own_postgres: EmbeddedPostgres,
) -> None:
    own_postgres.stop("immediate")
    async with store_on(own_postgres.url) as service:
        assert await ready(service, status=503) == ["Postgres does not answer."]
        assert (await service.public.get("/healthz")).status_code == 200
        with pytest.raises(DependencyUnavailable):
            await service.broker.publish([message("m-1")])

        await asyncio.to_thread(own_postgres.start)
        await ready(service)
        await service.broker.publish([message("m-1")])
        assert len((await service.get("/api/conversations")).json()) == 1


async def test_a_restart_of_postgres_is_survived_without_losing_what_was_acknowledged(
    own_postgres: EmbeddedPostgres,
) -> None:
    async with store_on(own_postgres.url) as service:
        await service.broker.publish([message("m-1")])
        epoch = (await service.get("/api/events")).headers["Inbox-Epoch"]
        await asyncio.to_thread(own_postgres.restart, "immediate")
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                try:
                    await service.broker.publish([message("m-2")])
                    break
                except DependencyUnavailable:
                    await asyncio.sleep(0.05)
        answer = await service.get("/api/events")
        assert [frame["seq"] for frame in answer.json()] == [1, 2]
        assert answer.headers["Inbox-Epoch"] == epoch


async def test_a_frozen_postgres_is_given_up_in_bounded_time_and_used_again_when_it_thaws(
    own_postgres: EmbeddedPostgres,
) -> None:
    database = Database(own_postgres.url, pool_size=1, command_timeout_seconds=0.5)
    parts = Parts(database)
    await parts.inbox([message("m-1")])
    [(backend,)] = await parts.rows("SELECT pg_backend_pid()")
    assert own_postgres.pid is not None
    frozen = (backend, own_postgres.pid)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            with pytest.raises(DependencyUnavailable):
                await parts.inbox([message("m-2")])
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                await parts.inbox([message("m-2")])
                break
            except DependencyUnavailable:
                await asyncio.sleep(0.05)
    assert set(parts.publisher.seqs()) == {1, 2}
    await database.close()
