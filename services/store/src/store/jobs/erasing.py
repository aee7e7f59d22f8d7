"""Erases people, batch by batch."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from shared.errors import SwitchboardError
from store.core.erased import IdentityDigests
from store.metrics import Metrics
from store.repository.erasures import steps
from store.repository.postgres.database import Database

log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 5.0
"""Between two looks for erasures that another process has left."""


class ErasureJob:
    """Does the steps of open erasures. Several processes share them; one that is killed loses at most a batch.

    Args:
        utc_now: the wall clock.
    """

    def __init__(
        self, database: Database, digests: IdentityDigests, *, metrics: Metrics, utc_now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._digests = digests
        self._metrics = metrics
        self._utc_now = utc_now
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for open erasures now, in `run`; returns at once."""
        self._wake.set()

    async def run(self) -> None:
        """Erase when woken and at every interval, until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.run_once()
            except SwitchboardError as error:
                log.warning("erasing failed; will retry", reason=str(error))
            try:
                async with asyncio.timeout(_INTERVAL_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def run_once(self) -> None:
        """Do batches until no erasure is open.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
        """
        while await steps.advance(self._database, digests=self._digests, now=self._utc_now()):
            self._metrics.erasure_batches.inc()
