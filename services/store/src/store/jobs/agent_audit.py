"""Records in the audit log what agents read: once per minute and agent, because each record locks the log's end."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from shared.aio.background import bugs_caught
from shared.errors import SwitchboardError
from store.repository import audit
from store.repository.postgres.database import Database

log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 60.0
_AGENTS_PER_BATCH = 200
_BATCHES_PER_RUN = 100


class AgentAuditJob:
    """Moves the counts of read marks into the audit log.

    Args:
        utc_now: the wall clock.
    """

    def __init__(self, database: Database, *, utc_now: Callable[[], datetime]) -> None:
        self._database = database
        self._utc_now = utc_now

    async def run(self) -> None:
        """Record once per minute, until cancelled. What is not recorded by then waits in its table."""
        while True:
            with bugs_caught("recording what agents read"):
                await self.run_once()
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def run_once(self) -> None:
        """Record what agents have read, for up to 20,000 agents; what fails is left to the next run."""
        try:
            for _ in range(_BATCHES_PER_RUN):
                recorded = await audit.record_reads(self._database, now=self._utc_now(), limit=_AGENTS_PER_BATCH)
                if recorded < _AGENTS_PER_BATCH:
                    return
        except SwitchboardError as error:
            log.info("recording what agents read failed; will retry", reason=str(error))
