"""Publishes the items of unclaimed webhooks once their page is connected."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from shared.aio.background import bugs_caught
from shared.contracts import WebhookReleasedV1
from shared.errors import SwitchboardError, TransientError
from shared.messaging.ports import Publisher
from store.metrics import Metrics
from store.repository import unclaimed
from store.repository.postgres.database import Database

log = structlog.get_logger(__name__)

_ITEMS_PER_PUBLISH = 64
_LEASE = timedelta(seconds=30)
_SWEEP_SECONDS = 5.0


class UnclaimedReleaser:
    """Publishes released items. A row is deleted only after the broker has confirmed its event."""

    def __init__(
        self, database: Database, publisher: Publisher, *, utc_now: Callable[[], datetime], metrics: Metrics
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._utc_now = utc_now
        self._metrics = metrics
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for released items now, in `run`; returns at once."""
        self._wake.set()

    async def run(self) -> None:
        """Publish released items when woken and every 5 seconds, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_SWEEP_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.run_once()
            except SwitchboardError as error:
                log.info("releasing unclaimed items failed; will retry", reason=str(error))

    async def run_once(self) -> int:
        """Publish every released item and return how many rows were deleted.

        Raises:
            DependencyUnavailable: Postgres or the broker is unavailable.
        """
        total = 0
        while True:
            now = self._utc_now()
            leased_until = now + _LEASE
            claimed = await unclaimed.claim_released(
                self._database, now=now, leased_until=leased_until, limit=_ITEMS_PER_PUBLISH
            )
            if not claimed:
                return total
            published = await self._publish(claimed)
            deleted = await unclaimed.delete_published(self._database, published, leased_until=leased_until, now=now)
            self._metrics.released.inc(deleted)
            total += deleted
            if published and not deleted:
                # All of them were found unclaimed again while they were being published; the next sweep takes them.
                return total

    async def _publish(self, claimed: Sequence[tuple[str, WebhookReleasedV1]]) -> list[str]:
        """Return the rows whose events were confirmed; if a batch fails, its halves are tried separately."""
        try:
            with bugs_caught("releasing unclaimed items", rows=len(claimed)) as caught:
                await self._publisher.publish([event for _, event in claimed])
        except TransientError:
            return await self._publish_halves(claimed)
        return [row_id for row_id, _ in claimed] if caught.error is None else await self._publish_halves(claimed)

    async def _publish_halves(self, claimed: Sequence[tuple[str, WebhookReleasedV1]]) -> list[str]:
        """Return the rows that could be published; one that fails alone waits for its lease to end."""
        if len(claimed) == 1:
            return []
        middle = len(claimed) // 2
        return await self._publish(claimed[:middle]) + await self._publish(claimed[middle:])
