import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.aio.turn_queue import AllBusy, TurnLimits, TurnQueue, UserBusy
from shared.aio.turns import Turns

USERS = ("ada", "bob", "cyd", "dan")
FOREVER_SECONDS = 3600.0

limits_of = st.builds(
    TurnLimits,
    slots=st.integers(1, 4),
    slots_per_user=st.integers(1, 3),
    waiting_per_user=st.integers(0, 5),
    waiting=st.integers(0, 12),
)
steps = st.lists(
    st.tuples(st.sampled_from((*USERS, "done", "done", "give up")), st.integers(0, 1000)), min_size=30, max_size=120
)


class Watched:
    """A queue with a slow, obvious account of what it did, and of what it promises."""

    def __init__(self, limits: TurnLimits) -> None:
        self.limits = limits
        self.queue: TurnQueue[int] = TurnQueue(limits)
        self.owner: dict[int, str] = {}
        self.running: list[int] = []
        self.waiting: list[int] = []
        self.overtaken: dict[str, Counter[str]] = {}
        """For each user who could take a slot and waits: the turns that others got meanwhile."""

    def enter(self, user: str, ticket: int) -> None:
        self.owner[ticket] = user
        own = [waiting for waiting in self.waiting if self.owner[waiting] == user]
        try:
            is_at_once = self.queue.enter(user, ticket)
        except UserBusy:
            assert len(own) == self.limits.waiting_per_user
        except AllBusy:
            assert len(self.waiting) == self.limits.waiting
        else:
            if is_at_once:
                assert not own
                self._started(ticket)
            else:
                self.waiting.append(ticket)
        self.check()

    def leave(self, ticket: int) -> None:
        (self.running if ticket in self.running else self.waiting).remove(ticket)
        following = self.queue.leave(ticket)
        if following is not None:
            assert following == next(t for t in self.waiting if self.owner[t] == self.owner[following])
            self.waiting.remove(following)
            self._started(following)
        self.check()

    def _started(self, ticket: int) -> None:
        user = self.owner[ticket]
        self.running.append(ticket)
        self.overtaken.pop(user, None)
        for others in self.overtaken.values():
            others[user] += 1

    def check(self) -> None:
        assert (self.queue.running, self.queue.waiting) == (len(self.running), len(self.waiting))
        assert len(self.running) <= self.limits.slots
        assert len(self.waiting) <= self.limits.waiting
        held = Counter(self.owner[ticket] for ticket in self.running)
        waiting = Counter(self.owner[ticket] for ticket in self.waiting)
        assert all(number <= self.limits.slots_per_user for number in held.values())
        assert all(number <= self.limits.waiting_per_user for number in waiting.values())
        eligible = {user for user in waiting if held[user] < self.limits.slots_per_user}
        assert not eligible or len(self.running) == self.limits.slots, "a slot is free and somebody waits for it"
        self.overtaken = {user: self.overtaken.get(user, Counter()) for user in eligible}
        assert all(number <= 1 for others in self.overtaken.values() for number in others.values())


@given(limits_of, steps)
def test_bounds_hold_no_slot_stays_free_and_nobody_is_overtaken_twice(
    limits: TurnLimits, steps: list[tuple[str, int]]
) -> None:
    watched = Watched(limits)
    for ticket, (what, choice) in enumerate(steps):
        inside = watched.running if what == "done" else watched.waiting
        if what in USERS:
            watched.enter(what, ticket)
        elif inside:
            watched.leave(inside[choice % len(inside)])
    while watched.running:
        watched.leave(watched.running[0])
    assert not watched.waiting, "whoever waits gets a turn in the end"


def test_a_quiet_user_waits_for_one_turn_of_a_user_with_many() -> None:
    queue: TurnQueue[str] = TurnQueue(TurnLimits(slots=1, slots_per_user=1, waiting_per_user=32, waiting=100))
    assert queue.enter("loud", "loud-0")
    for number in range(1, 32):
        assert not queue.enter("loud", f"loud-{number}")
    assert not queue.enter("quiet", "quiet")
    assert queue.leave("loud-0") == "loud-1"
    assert queue.leave("loud-1") == "quiet"


@pytest.mark.parametrize("wrong", [{"slots": 0}, {"slots_per_user": 0}, {"waiting": -1}, {"waiting_per_user": -1}])
def test_limits_that_would_stop_everything_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        TurnLimits(**{"slots": 1, "slots_per_user": 1, "waiting_per_user": 1, "waiting": 1, **wrong})


def turns_of(*, waiting_per_user: int = 10, waiting: int = 20, wait_seconds: float = FOREVER_SECONDS) -> Turns:
    limits = TurnLimits(slots=2, slots_per_user=1, waiting_per_user=waiting_per_user, waiting=waiting)
    return Turns(limits, wait_seconds=wait_seconds)


async def take_turn(turns: Turns, user: str, taken: list[str]) -> None:
    async with turns.turn(user):
        taken.append(user)


async def until_waiting(*tasks: asyncio.Task[None]) -> None:
    """Let every task run until it waits: none of them does anything else before."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


async def test_a_cancelled_wait_frees_its_place_and_the_turn_goes_on() -> None:
    turns, taken = turns_of(waiting_per_user=1), list[str]()
    async with turns.turn("ada"):
        first = asyncio.create_task(take_turn(turns, "ada", taken))
        await until_waiting(first)
        with pytest.raises(UserBusy):
            await take_turn(turns, "ada", taken)
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(take_turn(turns, "ada", taken))
        await until_waiting(second)
    await second
    assert taken == ["ada"]


async def test_a_turn_that_comes_to_a_task_that_was_just_cancelled_is_passed_on() -> None:
    turns, taken = turns_of(), list[str]()
    async with AsyncExitStack() as held:
        await held.enter_async_context(turns.turn("ada"))
        first, second = (asyncio.create_task(take_turn(turns, "ada", taken)) for _ in range(2))
        await until_waiting(first, second)
        await held.aclose()  # the turn is the first task's now, which has not run yet
        first.cancel()
        await asyncio.wait([first])
    await second
    assert first.cancelled()
    assert taken == ["ada"]


async def test_a_wait_that_ends_says_whose_requests_were_too_many() -> None:
    turns, refused = turns_of(wait_seconds=0.01), list[str]()
    async with turns.turn("ada"), turns.turn("bob"):
        with pytest.raises(UserBusy, match="within"):
            await take_turn(turns, "ada", refused)
        with pytest.raises(AllBusy, match="within"):
            await take_turn(turns, "cyd", refused)
    await take_turn(turns, "cyd", refused)
    assert refused == ["cyd"]


async def test_users_who_wait_are_bounded_in_total() -> None:
    turns, taken = turns_of(waiting=1), list[str]()
    async with turns.turn("ada"), turns.turn("bob"):
        waiting = asyncio.create_task(take_turn(turns, "cyd", taken))
        await until_waiting(waiting)
        with pytest.raises(AllBusy):
            await take_turn(turns, "dan", taken)
    await waiting


async def test_waits_and_refusals_are_reported() -> None:
    waited, refused = list[float](), list[Exception]()
    limits = TurnLimits(slots=1, slots_per_user=1, waiting_per_user=0, waiting=0)
    turns = Turns(limits, wait_seconds=1, on_turn=waited.append, on_refused=refused.append)
    async with turns.turn("ada"):
        with pytest.raises(UserBusy):
            await take_turn(turns, "ada", [])
    assert len(waited) == 1
    assert [type(error) for error in refused] == [UserBusy]
