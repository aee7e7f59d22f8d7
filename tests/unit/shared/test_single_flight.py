import asyncio

import pytest

from shared.aio.single_flight import SingleFlight


class Calls:
    """Counts its calls; each waits until it may end."""

    def __init__(self, error: Exception | None = None) -> None:
        self.count = 0
        self.may_end = asyncio.Event()
        self.error = error

    async def __call__(self) -> int:
        self.count += 1
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return self.count


async def test_callers_of_one_key_share_a_call_and_the_next_caller_makes_a_new_one() -> None:
    flights, calls = SingleFlight[str, int](), Calls()
    waiting = [asyncio.create_task(flights.join("a", calls)) for _ in range(3)]
    await asyncio.sleep(0)
    assert (len(flights), "a" in flights, "b" in flights) == (1, True, False)
    calls.may_end.set()

    assert await asyncio.gather(*waiting) == [1, 1, 1]
    assert await flights.join("a", calls) == 2
    assert len(flights) == 0


async def test_a_caller_that_gives_up_costs_the_others_nothing() -> None:
    flights, calls = SingleFlight[str, int](), Calls()
    first, second = (asyncio.create_task(flights.join("a", calls)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    calls.may_end.set()

    assert await second == 1
    assert calls.count == 1


async def test_every_caller_gets_the_error_of_the_call() -> None:
    flights, calls = SingleFlight[str, int](), Calls(ZeroDivisionError())
    waiting = [asyncio.create_task(flights.join("a", calls)) for _ in range(2)]
    calls.may_end.set()

    for task in waiting:
        with pytest.raises(ZeroDivisionError):
            await task


async def test_closing_ends_the_calls_in_flight() -> None:
    flights, calls = SingleFlight[str, int](), Calls()
    waiting = asyncio.create_task(flights.join("a", calls))
    await asyncio.sleep(0)
    await flights.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(flights) == 0
