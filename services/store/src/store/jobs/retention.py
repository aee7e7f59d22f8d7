"""Keeps the ledger's books, and forgets what is kept for a time only."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from shared.errors import SwitchboardError
from store.metrics import Metrics
from store.repository import ledger_reading, pruning
from store.repository.database import Database

log = structlog.get_logger(__name__)

_INTERVAL_SECONDS = 60.0
_ROWS_PER_ROUND = 2_000
_ROUNDS = 100
_SLICES = 40
_COUNT_LIMIT = 1_000_000
_MISSING_AFTER = timedelta(minutes=1)
_OUTCOMES_LINGER = timedelta(days=1)
"""The ledger's outcomes go after their webhooks: never may a webhook be left whose outcomes are gone."""


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long things are kept; None: for ever."""

    waiting_facts: timedelta
    """Facts whose message does not come."""
    ledger: timedelta
    raw_items: timedelta | None
    replayed_items: timedelta | None
    """Parked items that were replayed."""
    parked_items: timedelta | None
    """All parked items."""
    token_mints: timedelta | None
    records: timedelta | None


class Housekeeping:
    """Once a minute: which items are missing, and what has been kept for long enough."""

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], metrics: Metrics, retention: Retention
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._retention = retention

    async def keep_house(self) -> None:
        """Do all of it once a minute, until cancelled."""
        while True:
            try:
                await self.check_ledger()
                await self.prune()
            except SwitchboardError as error:
                log.info("housekeeping comes later", reason=str(error))
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def check_ledger(self) -> int:
        """Close the books of webhooks that were found whole; return how many items have been missing for a minute."""
        before = self._clock() - _MISSING_AFTER
        missing = await ledger_reading.close_accounted(self._database, before=before, max_slices=_SLICES)
        self._metrics.missing_items.set(missing)
        self._metrics.waiting_facts.set(await pruning.count_waiting_facts(self._database, limit=_COUNT_LIMIT))
        return missing

    async def prune(self) -> None:
        """Delete what has been kept for long enough, a bounded number of rows at a time."""
        keep = self._retention
        await self._expire_facts(keep.waiting_facts)
        if await self._prune("webhooks", keep.ledger):
            await self._prune("item_outcomes", keep.ledger + _OUTCOMES_LINGER)
        await self._prune("raw_items", keep.raw_items)
        await self._prune("replayed_items", keep.replayed_items)
        await self._prune("parked_items", keep.parked_items)
        await self._prune("token_mints", keep.token_mints)
        await self._prune("records", keep.records)

    async def _prune(self, what: str, keep: timedelta | None) -> bool:
        """Return whether nothing is left to be pruned."""
        if keep is None:
            return True
        before = self._clock() - keep
        for _ in range(_ROUNDS):
            pruned = await pruning.prune(self._database, what, before=before, limit=_ROWS_PER_ROUND)
            self._metrics.pruned.labels(what).inc(pruned)
            if pruned < _ROWS_PER_ROUND:
                return True
        log.info("more is to be pruned than fits into one go", what=what)
        return False

    async def _expire_facts(self, keep: timedelta) -> None:
        before = self._clock() - keep
        for _ in range(_ROUNDS):
            dropped = await pruning.expire_waiting_facts(self._database, before=before, limit=_ROWS_PER_ROUND)
            self._metrics.pruned.labels("waiting_annotations").inc(dropped)
            if dropped < _ROWS_PER_ROUND:
                return
