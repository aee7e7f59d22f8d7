import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shared.aio.background import BackgroundTasks, bugs_caught, supervise
from shared.aio.backoff import Backoff
from shared.errors import DependencyUnavailable
from tests.recorder import WAIT_SECONDS

AT_ONCE = Backoff(first_seconds=0, longest_seconds=0)


async def for_ever() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise LookupError("a bug")


async def returning() -> None:
    """End as if there were nothing left to do."""


async def cancelled() -> None:
    raise asyncio.CancelledError


async def unavailable() -> None:
    raise DependencyUnavailable("down")


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_task_that_ends_by_itself_is_counted_and_reported() -> None:
    counted: list[str] = []
    background = BackgroundTasks(on_ended=counted.append)
    async with background.run({"one": broken, "two": returning, "three": cancelled, "four": for_ever}):
        await settled()

        sentences = sorted(background.problems)

    assert sorted(counted) == ["one", "three", "two"]
    assert len(sentences) == 3
    assert sentences[0] == "A background task keeps ending because of a bug, see the log: one."


async def test_a_task_that_ends_by_itself_is_started_again() -> None:
    runs, goes_on = 0, asyncio.Event()

    async def broken_once() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise LookupError("a bug")
        goes_on.set()
        await for_ever()

    background = BackgroundTasks(backoff=AT_ONCE)
    async with background.run({"one": broken_once}), asyncio.timeout(WAIT_SECONDS):
        await goes_on.wait()

    assert runs == 2


def test_a_bug_at_one_item_is_caught_and_an_expected_error_is_not() -> None:
    with bugs_caught("work", item=1) as caught:
        raise UnicodeEncodeError("ascii", "…", 0, 1, "ordinal not in range(128)")
    assert isinstance(caught.error, UnicodeEncodeError)
    with bugs_caught("work", item=2) as caught:
        pass
    assert caught.error is None
    for expected in (DependencyUnavailable("down"), TimeoutError()):
        with pytest.raises(type(expected)), bugs_caught("work"):
            raise expected


async def test_a_task_that_is_told_to_stop_is_not_reported() -> None:
    background = BackgroundTasks()
    async with background.run({"one": for_ever}), background.run({"two": for_ever}):
        await asyncio.sleep(0)

    await asyncio.sleep(0)
    assert background.problems == []


@pytest.mark.parametrize("session", [broken, returning, cancelled, unavailable])
async def test_a_session_is_restarted_however_it_ends(session: Callable[[], Awaitable[None]]) -> None:
    runs = 0
    enough = asyncio.Event()

    async def counted() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            enough.set()
        await session()

    task = asyncio.create_task(supervise(counted, name="it", backoff=AT_ONCE, jitter=lambda: 0.0))
    async with asyncio.timeout(5):
        await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
