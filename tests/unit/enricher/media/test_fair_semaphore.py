"""Slots are limited, one user has at most half of them, and the queue is bounded."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from enricher.media.fair_semaphore import WAITING_PER_SLOT, FairSemaphore, NoSlot


async def hold_slot(semaphore: FairSemaphore, user_id: str, release: asyncio.Event) -> None:
    async with semaphore.slot(user_id):
        await release.wait()


async def settled() -> None:
    """Return when every task waits for something."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_user_has_at_most_half_of_the_slots() -> None:
    semaphore = FairSemaphore(4, wait_seconds=0.01)
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(semaphore.slot("user-1"))
        with pytest.raises(NoSlot):
            await held.enter_async_context(semaphore.slot("user-1"))
        for user_id in ("user-2", "user-3"):
            await held.enter_async_context(semaphore.slot(user_id))
        with pytest.raises(NoSlot):
            await held.enter_async_context(semaphore.slot("user-4"))

    async with semaphore.slot("user-1"), semaphore.slot("user-1"):
        pass


async def test_a_user_with_a_full_queue_is_rejected_at_once_and_others_are_not() -> None:
    semaphore, release = FairSemaphore(2, wait_seconds=60), asyncio.Event()
    holders = [asyncio.create_task(hold_slot(semaphore, "user-1", release)) for _ in range(1 + WAITING_PER_SLOT)]
    await settled()

    async with asyncio.timeout(1):
        with pytest.raises(NoSlot):
            async with semaphore.slot("user-1"):
                raise AssertionError("the queue was not full")
        async with semaphore.slot("user-2"):
            pass

    release.set()
    await asyncio.gather(*holders)
    async with semaphore.slot("user-1"):
        pass


async def test_the_queue_of_all_users_together_is_bounded() -> None:
    semaphore, release = FairSemaphore(2, wait_seconds=60), asyncio.Event()
    total = 2 * (1 + WAITING_PER_SLOT)
    holders = [asyncio.create_task(hold_slot(semaphore, f"user-{number}", release)) for number in range(total)]
    await settled()

    async with asyncio.timeout(1):
        with pytest.raises(NoSlot):
            async with semaphore.slot("another-user"):
                raise AssertionError("the queue was not full")

    release.set()
    await asyncio.gather(*holders)


async def test_cancelled_waiters_free_their_places() -> None:
    semaphore, release = FairSemaphore(2, wait_seconds=60), asyncio.Event()
    for _ in range(2):
        holders = [asyncio.create_task(hold_slot(semaphore, "user-1", release)) for _ in range(1 + WAITING_PER_SLOT)]
        await settled()
        for holder in holders:
            holder.cancel()
        await asyncio.gather(*holders, return_exceptions=True)

    async with asyncio.timeout(1), semaphore.slot("user-1"):
        pass
