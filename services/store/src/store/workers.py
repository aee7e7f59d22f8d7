"""The handlers and jobs of one store process: how they are connected, and how they run."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from shared.aio.background import BackgroundTasks, Works
from shared.contracts import Event
from shared.errors import SwitchboardError
from shared.messaging.ports import Broker
from shared.messaging.topology import STORE_INBOX, STORE_RECORDS
from store.core.erased import IdentityDigests
from store.core.publish_watermarks import SeqRange
from store.handlers import InboxHandler, RecordsHandler
from store.jobs.agent_audit import AgentAuditJob
from store.jobs.backlog import BacklogMonitor
from store.jobs.erasing import ErasureJob
from store.jobs.outbox import OutboxPublisher
from store.jobs.retention import RetentionJob, retention_rules
from store.jobs.search_indexer import SearchIndexer
from store.jobs.unclaimed import UnclaimedReleaser
from store.metrics import Metrics
from store.repository.postgres.database import Database
from store.settings import Settings

log = structlog.get_logger(__name__)

_LAST_FLUSH_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Everything that runs beside the HTTP ports."""

    inbox: InboxHandler
    records: RecordsHandler
    outbox: OutboxPublisher
    releaser: UnclaimedReleaser
    retention: RetentionJob
    erasing: ErasureJob
    digests: IdentityDigests
    backlog: BacklogMonitor
    indexer: SearchIndexer
    agent_audit: AgentAuditJob
    notify_changed: Callable[[Sequence[str]], None]
    """Publishes and indexes the committed changes of these users soon."""

    async def run(
        self, broker: Broker, background: BackgroundTasks, *, started: Callable[[], None], stopping: asyncio.Event
    ) -> None:
        """Run the jobs and consume both queues until `stopping` is set, then write the last publish watermarks.

        Args:
            broker: where the queues are.
            background: runs the jobs, and starts one again that ends because of a bug.
            started: called once both queues are being consumed.
            stopping: ends the work in order: handlers first, then jobs.
        """
        jobs: Works = {
            "publishing changes": self.outbox.run,
            "writing publish watermarks": self.outbox.run_watermarks,
            "releasing unclaimed items": self.releaser.run,
            "retention": self.retention.run,
            "erasing": self.erasing.run,
            "measuring the backlog": self.backlog.run,
            "search indexing": self.indexer.run,
            "recording what agents read": self.agent_audit.run,
        }
        async with (
            background.run(jobs),
            broker.consume(STORE_INBOX, self.inbox),
            broker.consume(STORE_RECORDS, self.records),
        ):
            started()
            await stopping.wait()
        try:
            async with asyncio.timeout(_LAST_FLUSH_SECONDS):
                await self.outbox.flush_watermarks()
        except (SwitchboardError, TimeoutError) as error:
            log.info("last publish watermarks not written; changes will be published again", reason=str(error))


def build_workers(
    settings: Settings,
    database: Database,
    broker: Broker,
    metrics: Metrics,
    *,
    indexing_database: Database,
    utc_now: Callable[[], datetime],
) -> Workers:
    """Connect the handlers and jobs; nothing runs yet.

    The search indexer has a database pool of its own, so that indexing long texts delays no handler.
    """
    outbox = OutboxPublisher(
        database,
        broker,
        utc_now=utc_now,
        metrics=metrics,
        scan_interval_seconds=settings.scan_interval_seconds,
        mark_interval_seconds=settings.mark_interval_seconds,
    )
    indexer = SearchIndexer(indexing_database, metrics=metrics)
    releaser = UnclaimedReleaser(database, broker, utc_now=utc_now, metrics=metrics)

    digests = IdentityDigests(settings.encryption_keys)

    async def publish_changes(ranges: Sequence[SeqRange], causes: Mapping[str, Event]) -> None:
        indexer.wake({changed.user_id for changed in ranges})
        await outbox.publish(ranges, causes)

    def notify_changed(user_ids: Sequence[str]) -> None:
        indexer.wake(user_ids)
        outbox.wake(user_ids)

    return Workers(
        inbox=InboxHandler(
            database=database, publish_changes=publish_changes, digests=digests, utc_now=utc_now, metrics=metrics
        ),
        records=RecordsHandler(
            database=database,
            wake_releaser=releaser.wake,
            notify_changed=notify_changed,
            digests=digests,
            utc_now=utc_now,
            metrics=metrics,
            waiting_per_page=settings.waiting_per_page,
        ),
        outbox=outbox,
        releaser=releaser,
        retention=RetentionJob(database, retention_rules(settings, metrics), utc_now=utc_now),
        erasing=ErasureJob(database, digests, metrics=metrics, utc_now=utc_now),
        digests=digests,
        backlog=BacklogMonitor(database, utc_now=utc_now, metrics=metrics),
        indexer=indexer,
        agent_audit=AgentAuditJob(database, utc_now=utc_now),
        notify_changed=notify_changed,
    )
