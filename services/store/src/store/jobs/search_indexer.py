"""Keeps the search index up to date with the inboxes: asynchronously, in small batches."""

import asyncio
from collections.abc import Iterable
from time import perf_counter

import structlog

from shared.aio.background import bugs_caught
from shared.errors import SwitchboardError
from store.metrics import Metrics
from store.repository.postgres.database import Database
from store.repository.search import indexing

log = structlog.get_logger(__name__)

_COLLECT_SECONDS = 0.2
_SWEEP_SECONDS = 60.0
_RETRY_SECONDS = 2.0
_MAX_CHANGES_PER_ROUND = 400
"""Fewer while rounds are slow, because texts are long or Postgres times out."""
_SLOW_ROUND_SECONDS = 0.5
_USERS_PER_ROUND = 50
_USERS_PER_SWEEP_QUERY = 2_000
_PENDING_LIMIT = 10_000


class SearchIndexer:
    """Indexes changes of inboxes. Each user's position is a row in the database, so a crash loses nothing.

    Several indexers may share one database: they never work on the same user at the same time.
    """

    def __init__(self, database: Database, *, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._pending: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._changes_per_round = _MAX_CHANGES_PER_ROUND

    def wake(self, user_ids: Iterable[str]) -> None:
        """Index these users' changes soon; over a limit of waiting users, the others wait for the next sweep."""
        if len(self._pending) < _PENDING_LIMIT:
            self._pending.update(dict.fromkeys(user_ids))
        self._wake.set()

    async def run(self) -> None:
        """Index when woken, and once per minute whatever is behind, until cancelled. It pauses as long as it works."""
        sweep_at = 0.0
        while True:
            started = perf_counter()
            try:
                if started >= sweep_at:
                    await self.sweep()
                    sweep_at = perf_counter() + _SWEEP_SECONDS
                await self.run_once()
            except SwitchboardError as error:
                log.info("search indexing failed; will retry", reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            if self._pending:
                await asyncio.sleep(perf_counter() - started)
            else:
                await asyncio.sleep(_COLLECT_SECONDS)
            if not self._pending:
                self._wake.clear()
                try:
                    async with asyncio.timeout(max(0.0, sweep_at - perf_counter())):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    async def sweep(self) -> None:
        """Find every user whose index is behind, whoever wrote the changes."""
        after: str | None = ""
        while after is not None and len(self._pending) < _PENDING_LIMIT:
            found, after = await indexing.find_behind(self._database, after=after, limit=_USERS_PER_SWEEP_QUERY)
            self._pending.update(dict.fromkeys(found))

    async def run_once(self) -> int:
        """Index a bounded number of changes, of the users who have waited longest.

        Returns:
            How many messages were written to the index or deleted from it.

        Raises:
            DependencyUnavailable: Postgres is unavailable; these users stay pending.
        """
        batch = list(self._pending)[: min(_USERS_PER_ROUND, self._changes_per_round)]
        if not batch:
            return 0
        for user_id in batch:
            del self._pending[user_id]
        started = perf_counter()
        try:
            with bugs_caught("search indexing", users=len(batch)) as caught:
                done = await indexing.index_changes(
                    self._database, batch, per_user=self._changes_per_round // len(batch), user_limit=_USERS_PER_ROUND
                )
            if caught.error is not None:
                return await self._index_one_by_one(batch)
        except SwitchboardError:
            self._pending = dict.fromkeys([*batch, *self._pending])
            self._changes_per_round = max(1, self._changes_per_round // 4)
            raise
        self._adapt(perf_counter() - started)
        self._pending.update(dict.fromkeys(done.behind))
        self._metrics.search_indexed.inc(done.messages)
        return done.messages

    async def _index_one_by_one(self, user_ids: Iterable[str]) -> int:
        """Index each user's changes alone after a bug; a user at whom it happens again is left to the next sweep."""
        messages = 0
        for user_id in user_ids:
            with bugs_caught("search indexing", user_id=user_id):
                done = await indexing.index_changes(
                    self._database, [user_id], per_user=_MAX_CHANGES_PER_ROUND // _USERS_PER_ROUND, user_limit=1
                )
                self._pending.update(dict.fromkeys(done.behind))
                messages += done.messages
        self._metrics.search_indexed.inc(messages)
        return messages

    def _adapt(self, round_seconds: float) -> None:
        if round_seconds > _SLOW_ROUND_SECONDS:
            self._changes_per_round = max(1, self._changes_per_round // 2)
        elif round_seconds < _SLOW_ROUND_SECONDS / 4:
            self._changes_per_round = min(_MAX_CHANGES_PER_ROUND, self._changes_per_round * 2)

    async def catch_up(self) -> None:
        """Index everything that is behind."""
        await self.sweep()
        while self._pending:
            await self.run_once()
