"""Fetches the log for all sessions that need it, in few queries, until the store answers."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import structlog

from push_gateway.core import LogPage
from push_gateway.core.frames import sequenced_frame
from push_gateway.delivery.log_reader import LogReader
from push_gateway.delivery.store_retry import StoreRetry
from shared.contracts.internal import UserLog
from shared.errors import DependencyUnavailable

log = structlog.get_logger(__name__)

_MERGE_DISTANCE = 100
"""Positions that are no further apart share a request: one page usually reaches from the one to the other."""
_REQUESTS_PER_USER = 2
"""A tab that is far behind reads for a long time. A tab near the top must not wait until it has caught up."""

_Batch = dict[str, int | None]
"""What one query asks for: the position of each user; None asks only for the top."""


class LogFetcher:
    """Batches the requests of all users into queries. A user is in one query at a time.

    A query is sent at once if none was sent within the last `batch_window_seconds`. Otherwise it is sent at the end of
    that window, or as soon as it is full. In a reconnect storm, time therefore limits the number of queries, however
    fast the store answers.

    A request stands until it is answered or cancelled. While the store is unavailable or refuses us, one query at a
    time is retried, and all users wait together. A user has at most two requests, far apart, which are served in turn;
    so the number of users with sessions bounds the memory.

    Args:
        log_reader: Reads the log.
        on_page: Called with every user's page.
        retry: How long to wait after a failure.
        users_per_query: Limit of one query.
        max_queries: How many queries may be in flight.
        batch_window_seconds: Time between two queries, unless the second is full. A user may wait this much longer.
    """

    def __init__(
        self,
        log_reader: LogReader,
        on_page: Callable[[str, LogPage], None],
        retry: StoreRetry,
        *,
        users_per_query: int = 64,
        max_queries: int = 2,
        batch_window_seconds: float = 0.05,
    ) -> None:
        self._log_reader = log_reader
        self._on_page = on_page
        self._retry = retry
        self._users_per_query = users_per_query
        self._max_queries = max_queries
        self._batch_window_seconds = batch_window_seconds
        self._pending: dict[str, list[int | None]] = {}
        self._in_flight: dict[str, _Batch] = {}
        self._queries: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._scheduled: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._window_ends_at = 0.0
        self._backoff_ends_at = 0.0
        self._failures = 0
        self._is_closed = False

    @property
    def is_backing_off(self) -> bool:
        """Whether the last query failed."""
        return self._failures > 0

    def request(self, user_id: str, after: int | None) -> None:
        """Request what follows `after`; None requests only the top. It is read after this call, never before."""
        _add_request(self._pending.setdefault(user_id, []), after)
        self._schedule()

    def cancel(self, user_id: str) -> None:
        """Drop all requests of a user."""
        self._pending.pop(user_id, None)
        if (batch := self._in_flight.get(user_id)) is not None:
            batch.pop(user_id, None)

    async def close(self) -> None:
        """Send no more queries and cancel those in flight."""
        self._is_closed = True
        for handle in (self._scheduled, self._timer):
            if handle is not None:
                handle.cancel()
        for query in self._queries:
            query.cancel()
        await asyncio.gather(*self._queries, return_exceptions=True)

    def _schedule(self) -> None:
        """Send queries at the end of this iteration of the event loop, so that requests made in it share one."""
        if self._scheduled is None and not self._is_closed:
            self._scheduled = self._loop.call_soon(self._send_queries)

    def _schedule_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._schedule)

    def _send_queries(self) -> None:
        self._scheduled = None
        limit = 1 if self.is_backing_off else self._max_queries
        while len(self._queries) < limit:
            users = list(islice((user for user in self._pending if user not in self._in_flight), self._users_per_query))
            if not users:
                return
            is_full = len(users) == self._users_per_query
            not_before = self._backoff_ends_at if is_full else max(self._backoff_ends_at, self._window_ends_at)
            if not_before > self._loop.time():
                self._schedule_at(not_before)
                return
            self._window_ends_at = self._loop.time() + self._batch_window_seconds
            batch = {user: self._pop_request(user) for user in users}
            self._in_flight.update(dict.fromkeys(users, batch))
            query = self._loop.create_task(self._query(batch))
            self._queries.add(query)
            query.add_done_callback(partial(self._on_query_done, users, batch))

    def _pop_request(self, user_id: str) -> int | None:
        """Return the user's oldest request. If there is another one, it moves behind those of all other users."""
        requests = self._pending.pop(user_id)
        request = requests.pop(0)
        if requests:
            self._pending[user_id] = requests
        return request

    def _on_query_done(self, users: Sequence[str], batch: _Batch, query: asyncio.Task[None]) -> None:
        """Request again what is left in `batch`."""
        self._queries.discard(query)
        if not query.cancelled() and (error := query.exception()) is not None:
            self._back_off(self._retry.backoff.longest_seconds)
            log.error("log query failed: this is a bug", exc_info=error)
        for user_id in users:
            del self._in_flight[user_id]
        for user_id, after in batch.items():
            self.request(user_id, after)
        self._schedule()

    async def _query(self, batch: _Batch) -> None:
        """Fetch what `batch` asks for, and remove every user whose page was passed on."""
        try:
            pages = await self._read(dict(batch))
        except DependencyUnavailable as error:
            delay_seconds = self._retry.delay_seconds(error, self._failures + 1)
            self._back_off(delay_seconds)
            log.warning(
                "log unavailable", reason=str(error), users=len(batch), retry_in_seconds=round(delay_seconds, 2)
            )
            return
        self._failures, self._backoff_ends_at = 0, 0.0
        for user_id, page in pages.items():
            batch.pop(user_id, None)
            self._on_page(user_id, page)

    def _back_off(self, seconds: float) -> None:
        self._failures += 1
        self._backoff_ends_at = self._loop.time() + seconds

    async def _read(self, batch: _Batch) -> dict[str, LogPage]:
        positions = {user_id: after for user_id, after in batch.items() if after is not None}
        only_top = [user_id for user_id, after in batch.items() if after is None]
        pages: dict[str, LogPage] = {}
        if positions:
            response = await self._log_reader.log(positions)
            pages = {user.user_id: _page(positions[user.user_id], response.epoch, user) for user in response.users}
        if only_top:
            tops = await self._log_reader.tops(only_top)
            for user_id in only_top:
                top_seq = tops.tops[user_id]
                pages[user_id] = LogPage(after=top_seq, epoch=tops.epoch, top_seq=top_seq, floor_seq=0, frames=())
        return pages


def _add_request(requests: list[int | None], after: int | None) -> None:
    """Add `after` to the requests of one user, or make one of them cover it."""
    if after is None:
        if not requests:
            requests.append(None)  # any page contains the top
        return
    if requests == [None]:
        requests[0] = after
        return
    positions = [position for position in requests if position is not None]
    near = [index for index, position in enumerate(positions) if abs(position - after) <= _MERGE_DISTANCE]
    if not near and len(requests) < _REQUESTS_PER_USER:
        requests.append(after)
        return
    # There is no room for a third one: the earliest position covers it, as the log is read on from there.
    index = near[0] if near else positions.index(min(positions))
    requests[index] = min(positions[index], after)


def _page(after: int, epoch: str, user: UserLog) -> LogPage:
    frames = [sequenced_frame(frame.kind, frame.seq, frame.data) for frame in user.frames]
    return LogPage(after=after, epoch=epoch, top_seq=user.seq, floor_seq=user.floor_seq, frames=frames)
