"""Follows the inboxes so that what is new in them is found: behind the handlers, a little at a time."""

import asyncio
from collections.abc import Iterable
from time import perf_counter

import structlog

from shared.errors import SwitchboardError
from store.metrics import Metrics
from store.repository import search_indexing
from store.repository.database import Database

log = structlog.get_logger(__name__)

_GATHER_SECONDS = 0.2
_SWEEP_SECONDS = 60.0
_RETRY_SECONDS = 2.0
_CHANGES_PER_ROUND = 400
"""At most; fewer where texts are so long that a round takes long, or longer than Postgres is waited for."""
_LONG_ROUND_SECONDS = 0.5
_USERS_PER_ROUND = 50
_USERS_PER_LOOK = 2_000
_NUDGED_LIMIT = 10_000


class SearchIndexer:
    """Keeps the search at what the inboxes hold. Where it stands is a row a user: a crash loses nothing.

    Several may work on one database: a user is with one of them at a time.
    """

    def __init__(self, database: Database, *, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._nudged: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._changes_per_round = _CHANGES_PER_ROUND

    def nudge(self, user_ids: Iterable[str]) -> None:
        """Look soon at what has changed for these users; past a bound they wait for the next sweep."""
        if len(self._nudged) < _NUDGED_LIMIT:
            self._nudged.update(dict.fromkeys(user_ids))
        self._woken.set()

    async def keep_indexing(self) -> None:
        """Index what is nudged, and once a minute whatever is behind, until cancelled. It rests as long as it works."""
        sweep_at = 0.0
        while True:
            started = perf_counter()
            try:
                if started >= sweep_at:
                    await self.sweep()
                    sweep_at = perf_counter() + _SWEEP_SECONDS
                await self.index_some()
            except SwitchboardError as error:
                log.info("the search falls behind for now", reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            if self._nudged:
                await asyncio.sleep(perf_counter() - started)
            else:
                await asyncio.sleep(_GATHER_SECONDS)
            if not self._nudged:
                self._woken.clear()
                try:
                    async with asyncio.timeout(max(0.0, sweep_at - perf_counter())):
                        await self._woken.wait()
                except TimeoutError:
                    pass

    async def sweep(self) -> None:
        """Nudge every user who is behind, whoever wrote the changes."""
        after: str | None = ""
        while after is not None and len(self._nudged) < _NUDGED_LIMIT:
            found, after = await search_indexing.behind(self._database, after=after, limit=_USERS_PER_LOOK)
            self._nudged.update(dict.fromkeys(found))

    async def index_some(self) -> int:
        """Index a bounded number of changes of those who were nudged first; return how many messages were written.

        Raises:
            DependencyUnavailable: Postgres is away; those users stay nudged.
        """
        some = list(self._nudged)[: min(_USERS_PER_ROUND, self._changes_per_round)]
        if not some:
            return 0
        for user_id in some:
            del self._nudged[user_id]
        started = perf_counter()
        try:
            done = await search_indexing.index(
                self._database, some, per_user=self._changes_per_round // len(some), user_limit=_USERS_PER_ROUND
            )
        except SwitchboardError:
            self._nudged = dict.fromkeys([*some, *self._nudged])
            self._changes_per_round = max(1, self._changes_per_round // 4)
            raise
        self._adapt(perf_counter() - started)
        self._nudged.update(dict.fromkeys(done.behind))
        self._metrics.search_indexed.inc(done.messages)
        return done.messages

    def _adapt(self, round_seconds: float) -> None:
        if round_seconds > _LONG_ROUND_SECONDS:
            self._changes_per_round = max(1, self._changes_per_round // 2)
        elif round_seconds < _LONG_ROUND_SECONDS / 4:
            self._changes_per_round = min(_CHANGES_PER_ROUND, self._changes_per_round * 2)

    async def catch_up(self) -> None:
        """Index everything that is behind."""
        await self.sweep()
        while self._nudged:
            await self.index_some()
