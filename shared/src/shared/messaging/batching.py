"""Timer-less group commit: send at once while few sends are in flight, otherwise gather what has come."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from shared.errors import DependencyUnavailable

T = TypeVar("T")


class _Call:
    """One caller waiting for all of its items."""

    __slots__ = ("_left", "done")

    def __init__(self, items: int) -> None:
        self._left = items
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, error: BaseException | None) -> None:
        """Count one item off: sent, or lost with `error`."""
        self._left -= 1
        if self.done.done():
            return
        if error is not None:
            self.done.set_exception(error)
        elif self._left == 0:
            self.done.set_result(None)


class Batcher(Generic[T]):
    """Gathers items per key into batches and sends at most `in_flight_limit` batches at once.

    A key's batches start in order. Lanes take turns, so a busy key cannot starve the others. Items whose caller has
    stopped waiting before their turn are dropped: when sending is slow, only what somebody still waits for is sent.

    Args:
        send: sends one batch of one key; raises when it is not known to be safe. Must end within a bounded time.
        max_items: most items in one batch.
        target_bytes: a batch is closed before it passes this; one item may be larger.
        in_flight_limit: batches being sent at once; what comes meanwhile gathers.
        waiting_limit_bytes: beyond this much waiting, `submit` refuses at once.
    """

    def __init__(
        self,
        send: Callable[[str, Sequence[T]], Coroutine[Any, Any, None]],
        *,
        max_items: int,
        target_bytes: int,
        in_flight_limit: int,
        waiting_limit_bytes: int,
    ) -> None:
        self._send = send
        self._max_items = max_items
        self._target_bytes = target_bytes
        self._in_flight_limit = in_flight_limit
        self._waiting_limit_bytes = waiting_limit_bytes
        self._lanes: dict[str, deque[tuple[T, int, _Call]]] = {}
        self._waiting_bytes = 0
        self._in_flight: set[asyncio.Task[None]] = set()

    async def submit(self, items: Sequence[tuple[str, T, int]]) -> None:
        """Return once every one of `items`, each (key, item, bytes), has been sent.

        Raises:
            DependencyUnavailable: too much is waiting already.
            Whatever `send` raised for a batch that held one of them.
        """
        if not items:
            return
        if self._waiting_bytes >= self._waiting_limit_bytes:
            raise DependencyUnavailable(f"{self._waiting_bytes} bytes wait to be sent already")
        call = _Call(len(items))
        for key, item, size in items:
            self._lanes.setdefault(key, deque()).append((item, size, call))
            self._waiting_bytes += size
        self._pump()
        await call.done

    async def drain(self) -> None:
        """Return once nothing waits and nothing is in flight."""
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    def _pump(self) -> None:
        while self._lanes and len(self._in_flight) < self._in_flight_limit:
            key = next(iter(self._lanes))
            batch = self._take(key)
            if not batch:
                continue
            task = asyncio.get_running_loop().create_task(self._send(key, [item for item, _, _ in batch]))
            self._in_flight.add(task)
            task.add_done_callback(partial(self._ended, batch))

    def _take(self, key: str) -> list[tuple[T, int, _Call]]:
        """Cut the next batch off a lane; a lane with more left goes to the end of the line."""
        lane = self._lanes.pop(key)
        batch: list[tuple[T, int, _Call]] = []
        size = 0
        while lane and len(batch) < self._max_items:
            _, item_size, call = lane[0]
            is_wanted = not call.done.done()
            if is_wanted and batch and size + item_size > self._target_bytes:
                break
            if is_wanted:
                batch.append(lane[0])
                size += item_size
            lane.popleft()
            self._waiting_bytes -= item_size
        if lane:
            self._lanes[key] = lane
        return batch

    def _ended(self, batch: Sequence[tuple[T, int, _Call]], task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        error = DependencyUnavailable("sending was cancelled") if task.cancelled() else task.exception()
        for _, _, call in batch:
            call.settle(error)
        self._pump()
