"""Sends items on their way that have waited for their page, and keeps what goes on waiting within its bounds."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from shared.contracts import WebhookReleasedV1
from shared.errors import SwitchboardError, TransientError
from shared.messaging.ports import Publisher
from store.metrics import Metrics
from store.repository import log as inbox_log
from store.repository import records, waiting
from store.repository.database import Database

log = structlog.get_logger(__name__)

_ITEMS_PER_PUBLISH = 64
_LEASE = timedelta(seconds=30)
_SWEEP_SECONDS = 5.0
_UPKEEP_SECONDS = 60.0
_ROWS_PER_UPKEEP = 5_000
_PRUNING_ROUNDS = 100
_COUNT_LIMIT = 1_000_000


class WaitingReleaser:
    """Publishes released items; a row is deleted only once its event is known to be safe."""

    def __init__(
        self, database: Database, publisher: Publisher, *, clock: Callable[[], datetime], metrics: Metrics
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._metrics = metrics
        self._woken = asyncio.Event()

    def nudge(self) -> None:
        """Look at once for what may leave; returns before it has left."""
        self._woken.set()

    async def keep_releasing(self) -> None:
        """Publish what may leave, when nudged and every few seconds, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_SWEEP_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.release()
            except SwitchboardError as error:
                log.info("released items wait a little longer", reason=str(error))

    async def release(self) -> int:
        """Publish everything that may leave; return how many items left."""
        left = 0
        while True:
            now = self._clock()
            leased_until = now + _LEASE
            claimed = await waiting.claim_released(
                self._database, now=now, leased_until=leased_until, limit=_ITEMS_PER_PUBLISH
            )
            if not claimed:
                return left
            published = await self._publish(claimed)
            deleted = await waiting.delete(self._database, published, leased_until=leased_until, now=now)
            self._metrics.released.inc(deleted)
            left += deleted
            if published and not deleted:
                # All of them came back while they were being published: they get their next turn later.
                return left

    async def _publish(self, claimed: Sequence[tuple[str, WebhookReleasedV1]]) -> list[str]:
        """Return the rows whose event is safe. Where a handler fails on one of them, the others go one by one."""
        try:
            await self._publisher.publish([event for _, event in claimed])
        except TransientError:
            if len(claimed) == 1:
                return []
            middle = len(claimed) // 2
            return await self._publish(claimed[:middle]) + await self._publish(claimed[middle:])
        return [row_id for row_id, _ in claimed]


class Upkeep:
    """Forgets what has outlived its use.

    Args:
        waiting_for: how long items of a page that nobody has connected are kept.
        log_reaches_back: how long the event log is kept.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        metrics: Metrics,
        waiting_for: timedelta,
        log_reaches_back: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._waiting_for = waiting_for
        self._log_reaches_back = log_reaches_back

    async def keep_tidy(self) -> None:
        """Forget once a minute, until cancelled."""
        while True:
            try:
                await self.tidy()
            except SwitchboardError as error:
                log.info("upkeep comes later", reason=str(error))
            await asyncio.sleep(_UPKEEP_SECONDS)

    async def tidy(self) -> None:
        """Drop waiting items and log rows that are too old, a bounded number at a time."""
        now = self._clock()
        dropped = await waiting.expire(self._database, before=now - self._waiting_for, limit=_ROWS_PER_UPKEEP)
        self._metrics.waiting_dropped.labels("age").inc(dropped)
        self._metrics.waiting.set(await waiting.count(self._database, limit=_COUNT_LIMIT))
        counted = await records.count_lookups(self._database, now=now, limit=_COUNT_LIMIT)
        for state, number in zip(("due", "later", "needs_token"), counted, strict=True):
            self._metrics.lookups.labels(state).set(number)
        before = now - self._log_reaches_back
        if not await inbox_log.prune(self._database, before=before, max_rounds=_PRUNING_ROUNDS):
            log.info("more of the log is to be pruned than fits into one go")
