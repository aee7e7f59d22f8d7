import asyncio
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from shared.aio.background import BackgroundTasks
from shared.messaging.local import LocalBroker
from shared.settings import load
from store.jobs.backlog import BacklogMonitor
from store.metrics import Metrics
from store.readiness import StoreReadiness
from store.repository.postgres.database import Database
from store.settings import Settings
from store.workers import build_workers
from tests.integration.store.parts import SECRETS, now
from tests.recorder import WAIT_SECONDS

pytestmark = pytest.mark.postgres


class BrokenMonitor(BacklogMonitor):
    async def run(self) -> None:
        raise ZeroDivisionError


async def test_a_job_with_a_bug_is_reported_and_stops_no_other(database: Database, database_url: str) -> None:
    settings, metrics = load(Settings, database_url=database_url, **SECRETS), Metrics(CollectorRegistry())
    background, stopping, started = BackgroundTasks(), asyncio.Event(), asyncio.Event()
    async with LocalBroker() as broker, asyncio.timeout(WAIT_SECONDS):
        workers = build_workers(settings, database, broker, metrics, indexing_database=database, utc_now=now)
        workers = replace(workers, backlog=BrokenMonitor(database, utc_now=now, metrics=metrics))
        readiness = StoreReadiness(database, broker, background)
        await readiness.wait_for_schema()
        running = asyncio.create_task(workers.run(broker, background, started=started.set, stopping=stopping))
        await started.wait()
        while not (problems := await readiness.problems()):
            pass
        stopping.set()
        await running

    assert problems == ["A background task keeps ending because of a bug, see the log: measuring the backlog."]
