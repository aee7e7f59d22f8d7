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


async def test_a_job_that_ends_because_of_a_bug_ends_the_process(database: Database, database_url: str) -> None:
    """Without it changes would stay unpublished or tables grow. Compose and Kubernetes start the process again."""
    settings, metrics = load(Settings, database_url=database_url, **SECRETS), Metrics(CollectorRegistry())
    background = BackgroundTasks()
    async with LocalBroker() as broker, asyncio.timeout(WAIT_SECONDS):
        workers = build_workers(settings, database, broker, metrics, indexing_database=database, utc_now=now)
        workers = replace(workers, backlog=BrokenMonitor(database, utc_now=now, metrics=metrics))
        readiness = StoreReadiness(database, broker, background)
        await readiness.wait_for_schema()
        with pytest.raises(ExceptionGroup) as raised:
            await workers.run(broker, background, started=lambda: None, stopping=asyncio.Event())
        problems = await readiness.problems()

    [error] = raised.value.exceptions
    assert str(error) == "a background task has ended: measuring the backlog"
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert problems == ["A background task has stopped because of a bug, restart this process: measuring the backlog."]
