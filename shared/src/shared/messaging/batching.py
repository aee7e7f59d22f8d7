"""Batching without a timer (group commit): send at once while few batches are in flight, otherwise collect."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from shared.errors import DependencyUnavailable

T = TypeVar("T")


class _Call:
    """One caller that waits until all of its items are sent."""

    __slots__ = ("_left", "done")

    def __init__(self, items: int) -> None:
        self._left = items
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, error: BaseException | None) -> None:
        """Count one item as sent, or as failed with `error`."""
        self._left -= 1
        if self.done.done():
            return
        if error is not None:
            self.done.set_exception(error)
        elif self._left == 0:
            self.done.set_result(None)


class Batcher(Generic[T]):
    """Collects items per key into batches and sends at most `in_flight_limit` batches at once.

    The batches of one key start in order. Keys take turns, so a busy key cannot starve the others. Items whose caller
    has given up before their turn are dropped: when sending is slow, only items that somebody still waits for are sent.

    Args:
        send: sends one batch of one key; raises if the batch is not known to be safe. Must end within a bounded time.
        max_items: the maximum number of items in a batch.
        target_bytes: a batch is closed before it exceeds this; a single item may be larger.
        in_flight_limit: the maximum number of batches sent at once. Items that arrive meanwhile are collected.
        waiting_limit_bytes: while more than this is waiting, `submit` fails at once.
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
        """Return once all `items` have been sent.

        Args:
            items: tuples of key, item and size in bytes.

        Raises:
            DependencyUnavailable: too much is waiting already.
            Exception: whatever `send` raised for a batch that contained one of `items`.
        """
        if not items:
            return
        if self._waiting_bytes >= self._waiting_limit_bytes:
            raise DependencyUnavailable(f"{self._waiting_bytes} bytes are already waiting to be sent")
        call = _Call(len(items))
        for key, item, size in items:
            self._lanes.setdefault(key, deque()).append((item, size, call))
            self._waiting_bytes += size
        self._pump()
        await call.done

    async def drain(self) -> None:
        """Return once nothing is waiting or in flight."""
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
            task.add_done_callback(partial(self._on_sent, batch))

    def _take(self, key: str) -> list[tuple[T, int, _Call]]:
        """Cut the next batch off a lane. A lane with items left goes to the end of the queue of lanes."""
        lane = self._lanes.pop(key)
        batch: list[tuple[T, int, _Call]] = []
        size = 0
        while lane and len(batch) < self._max_items:
            _, item_size, call = lane[0]
            is_pending = not call.done.done()
            if is_pending and batch and size + item_size > self._target_bytes:
                break
            if is_pending:
                batch.append(lane[0])
                size += item_size
            lane.popleft()
            self._waiting_bytes -= item_size
        if lane:
            self._lanes[key] = lane
        return batch

    def _on_sent(self, batch: Sequence[tuple[T, int, _Call]], task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        error = DependencyUnavailable("sending was cancelled") if task.cancelled() else task.exception()
        for _, _, call in batch:
            call.settle(error)
        self._pump()
