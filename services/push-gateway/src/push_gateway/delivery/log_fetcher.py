"""Reading the log for everyone who waits for it: together, once per user, and again until the store answers."""

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import structlog

from push_gateway.core import LogPage, frames
from push_gateway.log_reader import LogReader
from shared.aio.backoff import Backoff
from shared.contracts.internal import UserLog
from shared.errors import DependencyUnavailable
from shared.store_client.errors import REFUSED_RETRY_SECONDS, StoreRefused

log = structlog.get_logger(__name__)

_BACKOFF = Backoff()
_NEAR_FRAMES = 100
"""Positions that are no further apart are read together: a part of the log reaches from the one to the other."""
_WISHES_PER_USER = 2
"""A tab far behind reads for long: a tab near the top must not wait until it has come that far."""

_Batch = dict[str, int | None]
"""What one request asks for: users, and after which position (None: only the top)."""


class LogFetcher:
    """Gathers who waits while few requests are in flight; no user is asked for twice at once.

    A quiet gateway asks at once. After every request the next one goes `gather_seconds` after it began at the earliest,
    or when it is full: in a storm of reconnects whoever comes meanwhile goes together, however fast the store answers.

    A wish stays until it is fulfilled or forgotten: a store that is away, or refuses us, is asked again, with one
    request at a time and growing pauses, and everybody waits together. What waits is bounded by the number of users
    with sockets: a user has at most two wishes, far from one another, and they are fulfilled in turn.

    Args:
        log_reader: where the log is.
        on_page: gets every user's page as it comes.
        users_per_request: most users in one request.
        requests_in_flight: most requests at once.
        gather_seconds: least time from one request to the next, unless that is full. It is what a user may have to wait
            longer, and what bounds the number of requests by the clock.
        jitter: returns a random number from 0 to 1.
    """

    def __init__(
        self,
        log_reader: LogReader,
        on_page: Callable[[str, LogPage], None],
        *,
        users_per_request: int = 64,
        requests_in_flight: int = 2,
        gather_seconds: float = 0.05,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._log_reader = log_reader
        self._on_page = on_page
        self._users_per_request = users_per_request
        self._requests_in_flight = requests_in_flight
        self._gather_seconds = gather_seconds
        self._jitter = jitter
        self._wanted: dict[str, list[int | None]] = {}
        self._in_flight: dict[str, _Batch] = {}
        self._requests: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._pump_due: asyncio.Handle | None = None
        self._pump_later: asyncio.TimerHandle | None = None
        self._gathers_until = 0.0
        self._rests_until = 0.0
        self._failures = 0
        self._is_closed = False

    @property
    def is_away(self) -> bool:
        """Whether the store did not answer the last time."""
        return self._failures > 0

    def request(self, user_id: str, after: int | None) -> None:
        """Ask for what follows `after`; None asks for the top alone. Read after this call, never before."""
        _add_wish(self._wanted.setdefault(user_id, []), after)
        self._pump_soon()

    def cancel(self, user_id: str) -> None:
        """Nobody waits for anything of this user any more."""
        self._wanted.pop(user_id, None)
        if (batch := self._in_flight.get(user_id)) is not None:
            batch.pop(user_id, None)

    async def close(self) -> None:
        """Stop asking."""
        self._is_closed = True
        for handle in (self._pump_due, self._pump_later):
            if handle is not None:
                handle.cancel()
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)

    def _pump_soon(self) -> None:
        """Pump at the end of this turn of the loop, so that all who begin to wait in it go together."""
        if self._pump_due is None and not self._is_closed:
            self._pump_due = self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_due = None
        limit = 1 if self.is_away else self._requests_in_flight
        while len(self._requests) < limit:
            users = list(
                islice((user for user in self._wanted if user not in self._in_flight), self._users_per_request)
            )
            if not users:
                return
            is_full = len(users) == self._users_per_request
            not_before = self._rests_until if is_full else max(self._rests_until, self._gathers_until)
            if not_before > self._loop.time():
                self._pump_at(not_before)
                return
            self._gathers_until = self._loop.time() + self._gather_seconds
            batch = {user: self._take_wish(user) for user in users}
            self._in_flight.update(dict.fromkeys(users, batch))
            request = self._loop.create_task(self._request(batch))
            self._requests.add(request)
            request.add_done_callback(partial(self._ended, users, batch))

    def _pump_at(self, when: float) -> None:
        if self._pump_later is not None:
            self._pump_later.cancel()
        self._pump_later = self._loop.call_at(when, self._pump_soon)

    def _take_wish(self, user_id: str) -> int | None:
        """Return the user's oldest wish. One that is left goes behind everybody else's."""
        wishes = self._wanted.pop(user_id)
        wish = wishes.pop(0)
        if wishes:
            self._wanted[user_id] = wishes
        return wish

    def _ended(self, users: Sequence[str], batch: _Batch, request: asyncio.Task[None]) -> None:
        """Wish again for what `batch` still holds."""
        self._requests.discard(request)
        if not request.cancelled() and (error := request.exception()) is not None:
            self._rest(_BACKOFF.longest_seconds)
            log.error("reading the log failed: this is a bug", exc_info=error)
        for user_id in users:
            del self._in_flight[user_id]
        for user_id, after in batch.items():
            self.request(user_id, after)
        self._pump_soon()

    async def _request(self, batch: _Batch) -> None:
        """Read what `batch` wishes for; whoever's page has come is in it no more."""
        try:
            pages = await self._read(dict(batch))
        except StoreRefused:
            self._rest(REFUSED_RETRY_SECONDS)
            log.warning("sockets wait until the store does not refuse us", users=len(batch))
            return
        except DependencyUnavailable as error:
            delay_seconds = _BACKOFF.delay_seconds(self._failures + 1, jitter=self._jitter())
            self._rest(delay_seconds)
            log.warning("store unavailable", reason=str(error), users=len(batch), retry_in_seconds=delay_seconds)
            return
        self._failures, self._rests_until = 0, 0.0
        for user_id, page in pages.items():
            batch.pop(user_id, None)
            self._on_page(user_id, page)

    def _rest(self, seconds: float) -> None:
        self._failures += 1
        self._rests_until = self._loop.time() + seconds

    async def _read(self, batch: _Batch) -> dict[str, LogPage]:
        positions = {user_id: after for user_id, after in batch.items() if after is not None}
        only_tops = [user_id for user_id, after in batch.items() if after is None]
        pages: dict[str, LogPage] = {}
        if positions:
            answer = await self._log_reader.log(positions)
            pages = {user.user_id: _page(positions[user.user_id], answer.epoch, user) for user in answer.users}
        if only_tops:
            tops = await self._log_reader.tops(only_tops)
            for user_id in only_tops:
                top = tops.tops[user_id]
                pages[user_id] = LogPage(after=top, epoch=tops.epoch, top_seq=top, floor_seq=0, frames=())
        return pages


def _add_wish(wishes: list[int | None], after: int | None) -> None:
    """Add `after` to the wishes of one user, or see to it that one of them serves it too."""
    if after is None:
        if not wishes:
            wishes.append(None)  # any part of the log tells the top
        return
    if wishes == [None]:
        wishes[0] = after
        return
    positions = [wish for wish in wishes if wish is not None]
    near = [index for index, position in enumerate(positions) if abs(position - after) <= _NEAR_FRAMES]
    if not near and len(wishes) < _WISHES_PER_USER:
        wishes.append(after)
        return
    # Where there is no place for a third one, the earliest wish stands for it: the log is read on from there.
    index = near[0] if near else positions.index(min(positions))
    wishes[index] = min(positions[index], after)


def _page(after: int, epoch: str, user: UserLog) -> LogPage:
    encoded = [frames.sequenced_frame(frame.kind, frame.seq, frame.data) for frame in user.frames]
    return LogPage(after=after, epoch=epoch, top_seq=user.seq, floor_seq=user.floor_seq, frames=encoded)
