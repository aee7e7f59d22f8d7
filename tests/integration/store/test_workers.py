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


async def test_readiness_reports_a_job_that_ended_because_of_a_bug(database: Database, database_url: str) -> None:
    settings, metrics = load(Settings, database_url=database_url, **SECRETS), Metrics(CollectorRegistry())
    ended, started, stopping = asyncio.Event(), asyncio.Event(), asyncio.Event()
    background = BackgroundTasks(on_ended=lambda _: ended.set())
    async with LocalBroker() as broker, asyncio.timeout(WAIT_SECONDS):
        workers = build_workers(settings, database, broker, metrics, indexing_database=database, utc_now=now)
        workers = replace(workers, backlog=BrokenMonitor(database, utc_now=now, metrics=metrics))
        readiness = StoreReadiness(database, broker, background)
        running = asyncio.create_task(workers.run(broker, background, started=started.set, stopping=stopping))
        await started.wait()
        await readiness.wait_for_schema()
        await ended.wait()
        problems = await readiness.problems()
        stopping.set()
        await running
    assert problems == ["A background task has stopped because of a bug, restart this process: measuring the backlog."]
