"""Measures what waits and what is missing, and closes webhooks whose items are all accounted for."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from shared.aio.background import bugs_caught
from shared.errors import SwitchboardError
from store.metrics import Metrics
from store.repository import audit, profile_lookups, retention, unclaimed
from store.repository.ledger import reports
from store.repository.postgres.database import Database

log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 60.0
_SLICES_PER_RUN = 40
_COUNT_LIMIT = 1_000_000
_UNACCOUNTED_AFTER = timedelta(minutes=1)


class BacklogMonitor:
    """Sets the gauges of everything that waits, once per minute."""

    def __init__(self, database: Database, *, utc_now: Callable[[], datetime], metrics: Metrics) -> None:
        self._database = database
        self._utc_now = utc_now
        self._metrics = metrics

    async def run(self) -> None:
        """Measure once per minute, until cancelled."""
        while True:
            await self.run_once()
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def run_once(self) -> None:
        """Check the ledger and count what waits, up to a million rows of each kind; what fails is left to the next."""
        for measure in (
            self.check_ledger,
            self._count_annotations,
            self._count_unclaimed,
            self._count_lookups,
            self._read_audit_head,
        ):
            try:
                with bugs_caught("measuring the backlog", what=measure.__name__):
                    await measure()
            except SwitchboardError as error:
                log.info("measuring the backlog failed; will retry", what=measure.__name__, reason=str(error))

    async def _count_annotations(self) -> None:
        self._metrics.waiting_facts.set(await retention.count_pending_annotations(self._database, limit=_COUNT_LIMIT))

    async def _count_unclaimed(self) -> None:
        self._metrics.waiting.set(await unclaimed.count(self._database, limit=_COUNT_LIMIT))

    async def _count_lookups(self) -> None:
        lookups = await profile_lookups.count_lookups(self._database, now=self._utc_now(), limit=_COUNT_LIMIT)
        for state, number in zip(("due", "later", "needs_token"), lookups, strict=True):
            self._metrics.lookups.labels(state).set(number)

    async def _read_audit_head(self) -> None:
        self._metrics.audit_number.set((await audit.head(self._database)).number)

    async def check_ledger(self) -> int:
        """Close webhooks whose items are all accounted for; return how many items have been missing for a minute."""
        before = self._utc_now() - _UNACCOUNTED_AFTER
        missing = await reports.close_accounted(self._database, before=before, max_slices=_SLICES_PER_RUN)
        self._metrics.missing_items.set(missing)
        return missing
