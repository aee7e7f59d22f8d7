"""Tasks that run for as long as their process does.

`BackgroundTasks` starts, watches and stops them. `supervise` restarts one whose work is expected to fail now and then,
such as a connection. `bugs_caught` keeps a bug at one item from the other items. All three catch `Exception`: a bug
must not leave a process behind that looks alive and does nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog

from shared.aio.backoff import Backoff
from shared.aio.cancellation import cancelled_by_library
from shared.errors import DependencyUnavailable, SwitchboardError

log = structlog.get_logger(__name__)

STEADY_SECONDS = 5.0
"""What lasted longer than this counts as a success: the next delay is the first one again."""
RESTART_BACKOFF = Backoff(first_seconds=1.0, longest_seconds=60.0)


Works = Mapping[str, Callable[[], Coroutine[Any, Any, None]]]
"""What makes the coroutines of tasks, by the tasks' names."""


class BackgroundTasks:
    """Runs named tasks and starts one again that ends before it is told to, which only a bug can cause.

    Each end is logged and counted; `problems` reports the task until it has been running for a while again.

    Args:
        on_ended: called with the name of a task whenever it has ended by itself; for a metric.
        backoff: the delays before a task is started again.
    """

    def __init__(self, *, on_ended: Callable[[str], None] | None = None, backoff: Backoff = RESTART_BACKOFF) -> None:
        self._on_ended = on_ended
        self._backoff = backoff
        self._failures: dict[str, int] = {}
        """By name, how often in a row a task has ended by itself."""
        self._started_at: dict[str, float] = {}
        """By name, when a task was started last (the event loop's clock); without those that wait for their start."""

    @property
    def problems(self) -> Sequence[str]:
        """One sentence per task that ended by itself and has not been steady since, for readiness."""
        return [
            f"A background task keeps ending because of a bug, see the log: {name}."
            for name in self._failures
            if not self._is_steady(name)
        ]

    @asynccontextmanager
    async def run(self, works: Works) -> AsyncIterator[None]:
        """Run `works` while the context lasts; leaving cancels them and waits until they have ended.

        Args:
            works: what makes the coroutines, by name. The name says what does not happen while the task is not running.
        """
        tasks = [asyncio.create_task(self._keep_running(name, work), name=name) for name, work in works.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_running(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> NoReturn:
        while True:
            self._started_at[name] = asyncio.get_running_loop().time()
            error: BaseException | None = None
            try:
                await work()
            except asyncio.CancelledError as cancelled:
                if not cancelled_by_library():
                    raise
                error = cancelled
            except Exception as bug:  # noqa: BLE001 - a bug must not stop what the whole service needs
                error = bug
            self._failures[name] = 1 if self._is_steady(name) else self._failures.get(name, 0) + 1
            del self._started_at[name]
            if self._on_ended is not None:
                self._on_ended(name)
            log.error("background task ended: this is a bug", task=name, exc_info=error)
            await asyncio.sleep(self._backoff.delay_seconds(self._failures[name], jitter=1.0))

    def _is_steady(self, name: str) -> bool:
        started_at = self._started_at.get(name)
        return started_at is not None and asyncio.get_running_loop().time() - started_at > STEADY_SECONDS


async def supervise(
    session: Callable[[], Awaitable[None]], *, name: str, backoff: Backoff, jitter: Callable[[], float]
) -> NoReturn:
    """Run `session` again whenever it ends, after a delay, until cancelled.

    A session ends by returning or by an error.

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


@dataclass(slots=True)
class CaughtBug:
    """What `bugs_caught` has caught."""

    error: Exception | None = None


@contextmanager
def bugs_caught(task: str, **item: object) -> Iterator[CaughtBug]:
    """Log a bug at one item instead of raising it, so that the items beside it go on.

    A `SwitchboardError` or a timeout is no bug and is raised: its type decides what happens.

    Args:
        task: what the log calls the work.
        item: what the log says about the item; no secret and no content.

    Yields:
        Where the caller finds the bug afterwards, to skip or park the item.
    """
    caught = CaughtBug()
    try:
        yield caught
    except (SwitchboardError, TimeoutError):
        raise
    except Exception as bug:
        caught.error = bug
        log.exception("one item skipped: this is a bug", task=task, **item)
