"""A store on a real database: its parts alone, and the whole service."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry

from shared.messaging.local import LocalBroker
from shared.settings import load
from store.app import lifespan
from store.jobs.search_indexer import SearchIndexer
from store.repository.postgres.database import Database
from store.settings import Settings
from tests.integration.store.parts import ADMIN, SECRETS, SERVICE, Parts, Service
from tests.integration.store.searched import Searched

pytestmark = pytest.mark.postgres


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, pool_size=10, command_timeout_seconds=10)
    yield opened
    await opened.close()


@pytest.fixture
def parts(database: Database) -> Parts:
    return Parts(database)


@pytest.fixture
def start(database_url: str) -> Callable[..., AbstractAsyncContextManager[Service]]:
    """Return a context manager that runs the whole service on the test's database with given settings."""

    @asynccontextmanager
    async def started(**settings: object) -> AsyncIterator[Service]:
        chosen = {"database_url": database_url, "store_port": 0, "store_internal_port": 0, **SECRETS, **settings}
        async with (
            LocalBroker() as broker,
            lifespan(load(Settings, **chosen), broker, registry=CollectorRegistry()) as ports,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['store']}", timeout=10) as public,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{ports['store_internal']}",
                timeout=10,
                headers={"Authorization": f"Bearer {SERVICE}"},
            ) as internal,
        ):
            yield Service(broker, public, internal, {"Authorization": f"Bearer {ADMIN}"})

    return started


@pytest.fixture
async def service(start: Callable[..., AbstractAsyncContextManager[Service]]) -> AsyncIterator[Service]:
    async with start() as running_service:
        yield running_service


@pytest.fixture
def indexer(parts: Parts) -> SearchIndexer:
    return SearchIndexer(parts.database, metrics=parts.metrics)


@pytest.fixture
async def searched(
    start: Callable[..., AbstractAsyncContextManager[Service]], parts: Parts, indexer: SearchIndexer
) -> AsyncIterator[Searched]:
    async with start() as service:
        yield Searched(service, parts, indexer)
