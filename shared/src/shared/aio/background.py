"""Tasks that run for as long as their process does.

`BackgroundTasks` starts, watches and stops them. `supervise` restarts one whose work is expected to fail now and then,
such as a connection.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import structlog

from shared.aio.backoff import Backoff
from shared.aio.cancellation import cancelled_by_library
from shared.errors import DependencyUnavailable

log = structlog.get_logger(__name__)

STEADY_SECONDS = 5.0
"""A session that lasted longer than this counts as a success: the next delay is the first one again."""


class BackgroundTasks:
    """Runs named tasks and notices when one of them ends before it is told to, which only a bug can cause.

    Such a task is logged, counted and reported by `problems`; the process needs a restart. A service that must not go
    on without its tasks ends itself with `raise_when_ended`.

    Args:
        on_ended: called once with the name of a task that ended by itself; for a metric.
    """

    def __init__(self, *, on_ended: Callable[[str], None] | None = None) -> None:
        self._on_ended = on_ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: dict[str, BaseException | None] = {}
        self._has_ended = asyncio.Event()

    @property
    def ended(self) -> Sequence[str]:
        """The names of the tasks that ended by themselves."""
        return tuple(self._ended)

    @property
    def problems(self) -> Sequence[str]:
        """One sentence per task that ended by itself, for readiness."""
        return [f"A background task has stopped because of a bug, restart this process: {name}." for name in self.ended]

    @asynccontextmanager
    async def run(self, works: Mapping[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
        """Run `works` while the context lasts; leaving cancels them and waits until they have ended.

        Args:
            works: coroutines by name. The name says what no longer happens when the task has ended.
        """
        tasks = {asyncio.create_task(work, name=name) for name, work in works.items()}
        self._tasks |= tasks
        for task in tasks:
            task.add_done_callback(self._on_done)
        try:
            yield
        finally:
            self._tasks -= tasks
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def raise_when_ended(self) -> NoReturn:
        """Wait until a task ends by itself.

        Raises:
            RuntimeError: it has; the task's own error is the cause.
        """
        await self._has_ended.wait()
        name, error = next(iter(self._ended.items()))
        raise RuntimeError(f"a background task has ended: {name}") from error

    def _on_done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if task not in self._tasks:  # it was told to stop
            return
        name = task.get_name()
        self._ended[name] = error
        self._has_ended.set()
        if self._on_ended is not None:
            self._on_ended(name)
        log.error("background task ended: this is a bug", task=name, exc_info=error)


async def supervise(
    session: Callable[[], Awaitable[None]], *, name: str, backoff: Backoff, jitter: Callable[[], float]
) -> NoReturn:
    """Run `session` again whenever it ends, after a delay, until cancelled.

    A session ends by returning or by an error. This is one of the two places that catch `Exception`: a bug must not
    leave a process behind that looks alive and does nothing.

    Args:
        session: one attempt, for example one life of a connection.
        name: what the log calls it.
        backoff: the delays between sessions.
        jitter: returns a random number from 0 to 1.
    """
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        began = loop.time()
        try:
            await session()
        except DependencyUnavailable as error:
            # Only the first failure is a warning: an outage of hours must not write a line every two seconds.
            (log.debug if failures else log.warning)("session interrupted", task=name, reason=str(error))
        except asyncio.CancelledError:
            if not cancelled_by_library():
                raise
            log.warning("session interrupted", task=name, reason="the connection was lost")
        except Exception:
            log.exception("session failed: this is a bug", task=name)
        failures = 1 if loop.time() - began > STEADY_SECONDS else failures + 1
        await asyncio.sleep(backoff.delay_seconds(failures, jitter=jitter()))
