"""A semaphore with a bounded queue, of which no user may take more than half."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from shared.errors import TransientError

WAITING_PER_SLOT = 8
"""How many may wait for each slot, per user and in total."""


class NoSlot(TransientError):
    """No slot was free in time, or too many wait for one."""


class FairSemaphore:
    """Limits how many may do something at the same time.

    Args:
        slots: how many. One user has at most half of them, however long they are used.
        wait_seconds: how long to wait for a slot.
    """

    def __init__(self, slots: int, *, wait_seconds: float) -> None:
        self._all = _Slots(slots)
        self._slots_per_user = max(1, slots // 2)
        self._by_user: WeakValueDictionary[str, _Slots] = WeakValueDictionary()
        self._wait_seconds = wait_seconds

    @asynccontextmanager
    async def slot(self, user_id: str) -> AsyncIterator[None]:
        """Wait for a slot, first among the user's own, and occupy it while the context lasts.

        Raises:
            NoSlot: at once if too many wait already, else after `wait_seconds`.
        """
        own = self._by_user.setdefault(user_id, _Slots(self._slots_per_user))
        if own.is_full or self._all.is_full:
            raise NoSlot("too many requests wait for a slot")
        async with AsyncExitStack() as held:
            held.enter_context(own)
            held.enter_context(self._all)
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await held.enter_async_context(own.semaphore)
                    await held.enter_async_context(self._all.semaphore)
            except TimeoutError as error:
                raise NoSlot(f"no slot within {self._wait_seconds:g} s") from error
            yield


class _Slots:
    """Slots, and how many are inside: who has a slot and who waits for one. Entering counts."""

    def __init__(self, slots: int) -> None:
        self.semaphore = asyncio.Semaphore(slots)
        self._inside = 0
        self._max_inside = slots * (1 + WAITING_PER_SLOT)

    @property
    def is_full(self) -> bool:
        return self._inside >= self._max_inside

    def __enter__(self) -> None:
        self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
