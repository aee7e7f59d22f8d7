"""Single flight: concurrent callers that want the same thing share one call."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """At most one call per key at a time.

    A call outlives the caller that started it: one caller that gives up costs the others nothing.
    """

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[V]] = {}

    def __len__(self) -> int:
        """Return how many calls are in flight."""
        return len(self._tasks)

    def __contains__(self, key: K) -> bool:
        """Return whether a call for `key` is in flight."""
        return key in self._tasks

    async def join(self, key: K, start: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """Return the result of the call for `key`, or raise what it raises.

        Args:
            key: what is wanted.
            start: makes the call if none is in flight.
        """
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(start())
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._on_done(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel the calls in flight and wait until they have ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_done(self, key: K, task: asyncio.Task[V]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # callers have it; once nobody waits any more, asyncio need not warn about it
