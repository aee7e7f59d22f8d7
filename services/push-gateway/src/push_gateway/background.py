"""The tasks that work for as long as the process does: begun, watched and ended here."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from push_gateway.metrics import Metrics

log = structlog.get_logger(__name__)


class Background:
    """Watches every such task. One that ends before it is told to does so by a bug: it is logged, counted and named."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: dict[str, None] = {}

    @property
    def ended(self) -> Sequence[str]:
        """What is not done any more, by its name."""
        return tuple(self._ended)

    @asynccontextmanager
    async def working(self, works: dict[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
        """Do all of `works` while the context lasts; each is named by what stops when it does."""
        tasks = {asyncio.create_task(work, name=name) for name, work in works.items()}
        self._tasks |= tasks
        for task in tasks:
            task.add_done_callback(self._has_ended)
        try:
            yield
        finally:
            self._tasks -= tasks
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if task not in self._tasks:  # it was told to
            return
        name = task.get_name()
        self._ended[name] = None
        self._metrics.background_ended.labels(name).inc()
        log.error("a task of the background has ended: this is a bug", task=name, exc_info=error)
