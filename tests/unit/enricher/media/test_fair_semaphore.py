"""Turns are shared out: a few at once, half of them to one user, and no queue grows without end."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from enricher.errors import CallsOnHold
from enricher.media.fair_semaphore import WAITING_PER_TURN, FairSemaphore


async def waits(turns: FairSemaphore, user_id: str, let_go: asyncio.Event) -> None:
    async with turns.taken(user_id):
        await let_go.wait()


async def settled() -> None:
    """Return when every task has got as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_user_has_half_of_the_turns_and_others_the_rest() -> None:
    turns = FairSemaphore(4, wait_seconds=0.01)
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(turns.taken("user-1"))
        with pytest.raises(CallsOnHold):
            await held.enter_async_context(turns.taken("user-1"))
        for user_id in ("user-2", "user-3"):
            await held.enter_async_context(turns.taken(user_id))
        with pytest.raises(CallsOnHold):
            await held.enter_async_context(turns.taken("user-4"))

    async with turns.taken("user-1"), turns.taken("user-1"):
        pass


async def test_too_many_who_wait_are_told_at_once() -> None:
    turns, let_go = FairSemaphore(2, wait_seconds=60), asyncio.Event()
    waiting = [asyncio.create_task(waits(turns, "user-1", let_go)) for _ in range(1 + WAITING_PER_TURN)]
    await settled()

    async with asyncio.timeout(1):
        with pytest.raises(CallsOnHold):
            async with turns.taken("user-1"):
                raise AssertionError("there was no turn")
        async with turns.taken("user-2"):
            pass

    let_go.set()
    await asyncio.gather(*waiting)
    async with turns.taken("user-1"):
        pass


async def test_many_users_have_one_bound_together() -> None:
    turns, let_go = FairSemaphore(2, wait_seconds=60), asyncio.Event()
    waiting = [asyncio.create_task(waits(turns, f"user-{n}", let_go)) for n in range(2 * (1 + WAITING_PER_TURN))]
    await settled()

    async with asyncio.timeout(1):
        with pytest.raises(CallsOnHold):
            async with turns.taken("somebody-else"):
                raise AssertionError("there was no turn")

    let_go.set()
    await asyncio.gather(*waiting)


async def test_who_leaves_while_waiting_leaves_no_trace() -> None:
    turns, let_go = FairSemaphore(2, wait_seconds=60), asyncio.Event()
    for _ in range(2):
        crowd = [asyncio.create_task(waits(turns, "user-1", let_go)) for _ in range(1 + WAITING_PER_TURN)]
        await settled()
        for one in crowd:
            one.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)

    async with asyncio.timeout(1), turns.taken("user-1"):
        pass
