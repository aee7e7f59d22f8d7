"""Batches collected while sends are in flight: nothing is lost, out of order or reported wrongly."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import DependencyUnavailable
from shared.messaging.batching import Batcher

ITEM = st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(min_value=1, max_value=50))
CALLS = st.lists(st.lists(ITEM, max_size=6), max_size=20)
Item = tuple[int, int]
"""A number that is unique in a run, and a size in bytes."""


class Sender:
    """Records what it sends; fails for batches that contain an item of `poison`."""

    def __init__(self, poison: set[int] | None = None) -> None:
        self.batches: list[tuple[str, list[Item]]] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self._poison = poison or set()

    async def __call__(self, key: str, batch: Sequence[Item]) -> None:
        self.batches.append((key, list(batch)))
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        for _ in range(len(batch) % 3):
            await asyncio.sleep(0)
        self.in_flight -= 1
        if self._poison & {number for number, _ in batch}:
            raise DependencyUnavailable("poison")


def batcher_for(sender: Sender, *, waiting_limit_bytes: int = 1_000_000) -> Batcher[Item]:
    return Batcher(sender, max_items=4, target_bytes=100, in_flight_limit=2, waiting_limit_bytes=waiting_limit_bytes)


async def submit_all(calls: Sequence[Sequence[tuple[str, int]]], sender: Sender) -> list[BaseException | None]:
    """Submit all calls at once; return the error of each, or None."""
    batcher = batcher_for(sender)
    number = 0
    running = []
    for call in calls:
        items = []
        for key, size in call:
            items.append((key, (number, size), size))
            number += 1
        running.append(batcher.submit(items))
    ended = await asyncio.gather(*running, return_exceptions=True)
    await batcher.drain()
    return ended


@given(CALLS)
def test_everything_is_sent_once_and_in_order_within_its_key(calls: list[list[tuple[str, int]]]) -> None:
    sender = Sender()

    ended = asyncio.run(submit_all(calls, sender))

    assert ended == [None] * len(calls)
    expected: dict[str, list[int]] = defaultdict(list)
    for number, (key, _) in enumerate(item for call in calls for item in call):
        expected[key].append(number)
    sent: dict[str, list[int]] = defaultdict(list)
    for key, batch in sender.batches:
        sent[key].extend(number for number, _ in batch)
    assert sent == expected


@given(CALLS)
def test_limits_are_kept(calls: list[list[tuple[str, int]]]) -> None:
    sender = Sender()

    asyncio.run(submit_all(calls, sender))

    assert sender.max_in_flight <= 2
    for _, batch in sender.batches:
        assert 1 <= len(batch) <= 4
        assert len(batch) == 1 or sum(size for _, size in batch) <= 100


@given(CALLS, st.sets(st.integers(min_value=0, max_value=60)))
def test_a_failure_reaches_the_callers_of_its_batch_and_no_others(
    calls: list[list[tuple[str, int]]], poison: set[int]
) -> None:
    sender = Sender(poison)

    ended = asyncio.run(submit_all(calls, sender))

    sent = {number for _, batch in sender.batches for number, _ in batch}
    failed = {number for _, batch in sender.batches if poison & {n for n, _ in batch} for number, _ in batch}
    number = 0
    for call, error in zip(calls, ended, strict=True):
        mine = set(range(number, number + len(call)))
        number += len(call)
        if mine & failed:
            assert isinstance(error, DependencyUnavailable)
        else:
            assert error is None
            assert mine <= sent


async def test_an_item_larger_than_the_target_gets_its_own_batch() -> None:
    sender = Sender()

    await batcher_for(sender).submit([("a", (0, 10), 10), ("a", (1, 5000), 5000), ("a", (2, 10), 10)])

    assert [[number for number, _ in batch] for _, batch in sender.batches] == [[0], [1], [2]]


async def test_a_lone_item_is_sent_at_once() -> None:
    sender = Sender()
    submitting = asyncio.create_task(batcher_for(sender).submit([("a", (0, 1), 1)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert len(sender.batches) == 1
    await submitting


class Gate:
    """A sender that waits until it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.sent: list[int] = []

    async def __call__(self, _: str, batch: Sequence[Item]) -> None:
        await self.open.wait()
        self.sent.extend(number for number, _ in batch)


async def test_submitting_fails_at_once_while_too_much_is_waiting() -> None:
    gate = Gate()
    batcher = Batcher(gate, max_items=1, target_bytes=100, in_flight_limit=1, waiting_limit_bytes=20)
    running = [asyncio.create_task(batcher.submit([("a", (number, 10), 10)])) for number in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(DependencyUnavailable):
        await batcher.submit([("a", (9, 10), 10)])

    gate.open.set()
    await asyncio.gather(*running)
    assert gate.sent == [0, 1, 2]


async def test_items_that_nobody_waits_for_are_not_sent() -> None:
    gate = Gate()
    batcher = Batcher(gate, max_items=1, target_bytes=100, in_flight_limit=1, waiting_limit_bytes=30)
    running = [asyncio.create_task(batcher.submit([("a", (number, 10), 10)])) for number in range(3)]
    await asyncio.sleep(0)
    running[1].cancel()
    await asyncio.wait([running[1]])

    gate.open.set()
    await asyncio.gather(running[0], running[2])
    await batcher.submit([("a", (3, 10), 10)])

    assert gate.sent == [0, 2, 3]


async def test_callers_of_a_cancelled_send_get_an_error() -> None:
    async def send(_: str, __: Sequence[Item]) -> None:
        raise asyncio.CancelledError

    batcher = Batcher(send, max_items=1, target_bytes=100, in_flight_limit=1, waiting_limit_bytes=30)

    with pytest.raises(DependencyUnavailable):
        await batcher.submit([("a", (0, 1), 1)])
