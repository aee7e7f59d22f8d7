"""Fewer calls as a limit comes near, none while it is reached, and never none for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.graph.quota import (
    MAX_CALL_COST,
    MAX_HOLD_SECONDS,
    STOP_PERCENT,
    USAGE_VALID_SECONDS,
    Quota,
)
from enricher.graph.usage import MAX_REGAIN_SECONDS


@pytest.mark.parametrize(("percent", "cost"), [(0, 1), (80, 1), (87.5, 2), (90, 3), (94, 15), (94.9, MAX_CALL_COST)])
def test_calls_cost_more_the_less_is_left(percent: float, cost: float) -> None:
    allowance = Quota()

    assert not allowance.record_usage(percent, regain_seconds=0, now=0)

    assert allowance.call_cost(0) == pytest.approx(cost)
    assert allowance.hold_seconds(0) == 0


def test_what_was_used_an_hour_ago_says_nothing() -> None:
    allowance = Quota()
    allowance.record_usage(90, regain_seconds=0, now=0)

    assert allowance.call_cost(USAGE_VALID_SECONDS) == 1


def test_a_limit_that_is_reached_holds_until_the_platform_says_it_ends() -> None:
    allowance = Quota()

    assert allowance.record_usage(STOP_PERCENT, regain_seconds=420, now=0)

    assert allowance.hold_seconds(400) == 20
    assert allowance.hold_seconds(420) == 0


def test_without_a_time_holds_in_a_row_grow_and_a_good_answer_ends_the_row() -> None:
    allowance, now, holds = Quota(), 0.0, []
    for _ in range(7):
        assert allowance.stop(now=now)
        holds.append(allowance.hold_seconds(now))
        now += holds[-1]

    assert holds == [60, 120, 240, 480, MAX_HOLD_SECONDS, MAX_HOLD_SECONDS, MAX_HOLD_SECONDS]
    allowance.record_usage(10, regain_seconds=0, now=now)
    allowance.stop(now=now)
    assert allowance.hold_seconds(now) == 60


def test_calls_that_were_under_way_stop_nothing_once_more() -> None:
    allowance = Quota()
    assert allowance.stop(now=0)

    assert [allowance.stop(now=1) for _ in range(20)] == [False] * 20
    assert not allowance.record_usage(100, regain_seconds=30, now=1)
    assert allowance.hold_seconds(0) == 60
    assert not allowance.stop(regain_seconds=300, now=2), "an answer that knows more makes it longer"
    assert allowance.hold_seconds(2) == 300


A_ROUNDING_ERROR = 1e-6

_steps = st.lists(
    st.tuples(
        st.sampled_from(["learn", "stop", "wait"]),
        st.floats(0, 1000),
        st.floats(0, 1e9) | st.just(0.0),
    ),
    max_size=30,
)


@given(_steps)
def test_whatever_is_learnt_calls_are_made_again_within_the_hour(steps: list[tuple[str, float, float]]) -> None:
    allowance, now = Quota(), 0.0
    for step, percent, seconds in steps:
        match step:
            case "learn":
                allowance.record_usage(percent, regain_seconds=seconds, now=now)
            case "stop":
                allowance.stop(regain_seconds=seconds, now=now)
            case _:
                now += min(seconds, 1e6)
        assert 0 <= allowance.hold_seconds(now) <= MAX_REGAIN_SECONDS + A_ROUNDING_ERROR
        assert 1 <= allowance.call_cost(now) <= MAX_CALL_COST
