"""Turns of users at something that is scarce: a fair queue whose waiting is bounded and may be cancelled."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from shared.aio.turn_queue import AllBusy, TurnLimits, TurnQueue, UserBusy


class Turns:
    """At most `limits.slots` turns at the same time, given to the users in turn; see `TurnQueue`.

    Args:
        wait_seconds: how long one may wait.
        on_turn: called with the seconds that were waited, for every turn.
        on_refused: called for everyone who gets no turn because there are too many, or it took too long.
    """

    def __init__(
        self,
        limits: TurnLimits,
        *,
        wait_seconds: float,
        on_turn: Callable[[float], object] = lambda _: None,
        on_refused: Callable[[UserBusy | AllBusy], object] = lambda _: None,
    ) -> None:
        self._queue: TurnQueue[asyncio.Future[None]] = TurnQueue(limits)
        self._wait_seconds = wait_seconds
        self._on_turn = on_turn
        self._on_refused = on_refused

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Wait for a turn of the user, which lasts as long as the context.

        Raises:
            UserBusy: too many of the user's requests wait, or they took so long that this one had no turn in time.
            AllBusy: the same, because of all users together.
        """
        loop = asyncio.get_running_loop()
        ticket: asyncio.Future[None] = loop.create_future()
        since = loop.time()
        try:
            is_at_once = self._queue.enter(user_id, ticket)
        except (UserBusy, AllBusy) as error:
            self._on_refused(error)
            raise
        try:
            if not is_at_once:
                await self._wait(user_id, ticket)
            self._on_turn(loop.time() - since)
            yield
        finally:
            # Also when the waiting was cancelled at the very moment at which the turn came: it is passed on.
            following = self._queue.leave(ticket)
            if following is not None and not following.done():
                following.set_result(None)

    async def _wait(self, user_id: str, ticket: asyncio.Future[None]) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await ticket
        except TimeoutError:
            kind = UserBusy if self._queue.is_at_limit(user_id) else AllBusy
            error = kind(f"no turn within {self._wait_seconds:g} s")
            self._on_refused(error)
            raise error from None
