"""Calls cost more close to a limit and stop while it is reached, but never for longer than an hour."""

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
def test_calls_cost_more_as_less_is_left(percent: float, cost: float) -> None:
    quota = Quota()

    assert not quota.record_usage(percent, regain_seconds=0, now=0)

    assert quota.call_cost(0) == pytest.approx(cost)
    assert quota.hold_seconds(0) == 0


def test_a_usage_reported_an_hour_ago_is_ignored() -> None:
    quota = Quota()
    quota.record_usage(90, regain_seconds=0, now=0)

    assert quota.call_cost(USAGE_VALID_SECONDS) == 1


def test_a_reached_limit_holds_until_the_platforms_regain_time() -> None:
    quota = Quota()

    assert quota.record_usage(STOP_PERCENT, regain_seconds=420, now=0)

    assert quota.hold_seconds(400) == 20
    assert quota.hold_seconds(420) == 0


def test_repeated_holds_double_until_a_low_usage_is_reported() -> None:
    quota, now, holds = Quota(), 0.0, []
    for _ in range(7):
        assert quota.stop(now=now)
        holds.append(quota.hold_seconds(now))
        now += holds[-1]

    assert holds == [60, 120, 240, 480, MAX_HOLD_SECONDS, MAX_HOLD_SECONDS, MAX_HOLD_SECONDS]
    quota.record_usage(10, regain_seconds=0, now=now)
    quota.stop(now=now)
    assert quota.hold_seconds(now) == 60


def test_responses_to_calls_in_flight_do_not_stop_calls_again() -> None:
    quota = Quota()
    assert quota.stop(now=0)

    assert [quota.stop(now=1) for _ in range(20)] == [False] * 20
    assert not quota.record_usage(100, regain_seconds=30, now=1)
    assert quota.hold_seconds(0) == 60
    assert not quota.stop(regain_seconds=300, now=2), "a longer regain time extends the hold"
    assert quota.hold_seconds(2) == 300


ROUNDING_ERROR = 1e-6

_steps = st.lists(
    st.tuples(
        st.sampled_from(["usage", "stop", "wait"]),
        st.floats(0, 1000),
        st.floats(0, 1e9) | st.just(0.0),
    ),
    max_size=30,
)


@given(_steps)
def test_calls_resume_within_an_hour_whatever_is_reported(steps: list[tuple[str, float, float]]) -> None:
    quota, now = Quota(), 0.0
    for step, percent, seconds in steps:
        match step:
            case "usage":
                quota.record_usage(percent, regain_seconds=seconds, now=now)
            case "stop":
                quota.stop(regain_seconds=seconds, now=now)
            case _:
                now += min(seconds, 1e6)
        assert 0 <= quota.hold_seconds(now) <= MAX_REGAIN_SECONDS + ROUNDING_ERROR
        assert 1 <= quota.call_cost(now) <= MAX_CALL_COST
