"""Turns: a few at once, half of them for one user, and a queue that is no longer than it may be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from enricher.errors import CallsOnHold

WAITING_PER_TURN = 8
"""How many wait for each turn, of one user and of all."""
_RETRY_AFTER_SECONDS = 2.0


class FairSemaphore:
    """Hands out turns.

    Args:
        at_once: turns there are; one user has half of them at most, however slow what is done with them.
        wait_seconds: how long somebody waits for one.
    """

    def __init__(self, at_once: int, *, wait_seconds: float) -> None:
        self._of_all = _Queue(at_once)
        self._of_one = max(1, at_once // 2)
        self._of_users: WeakValueDictionary[str, _Queue] = WeakValueDictionary()
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def taken(self, user_id: str) -> AsyncIterator[None]:
        """Wait for a turn, first among the user's own, and have it while the context lasts.

        Raises:
            CallsOnHold: at once when too many wait already, else after `wait_seconds`.
        """
        mine = self._of_users.setdefault(user_id, _Queue(self._of_one))
        if mine.is_full or self._of_all.is_full:
            raise CallsOnHold("too many are waiting for their turn", _RETRY_AFTER_SECONDS)
        async with AsyncExitStack() as held:
            held.enter_context(mine)
            held.enter_context(self._of_all)
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await held.enter_async_context(mine.turns)
                    await held.enter_async_context(self._of_all.turns)
            except TimeoutError as error:
                raise CallsOnHold("no turn has come", _RETRY_AFTER_SECONDS) from error
            yield


class _Queue:
    """Those who have a turn and those who wait for one, who are inside its context."""

    def __init__(self, at_once: int) -> None:
        self.turns = asyncio.Semaphore(at_once)
        self._present = 0
        self._most = at_once * (1 + WAITING_PER_TURN)

    @property
    def is_full(self) -> bool:
        return self._present >= self._most

    def __enter__(self) -> None:
        self._present += 1

    def __exit__(self, *_: object) -> None:
        self._present -= 1
