"""When a call is made, when it is made again, and when no more."""

from datetime import timedelta

import pytest

from enricher.graph.breaker import Breaker
from enricher.profiles.lookups import (
    LONGEST_DELAY_SECONDS,
    MAX_ATTEMPTS,
    Deferred,
    Found,
    LookupResult,
    NotFound,
    resolved,
    retry_delay_seconds,
)
from shared.contracts import Profile
from shared.contracts.internal import Lookup
from tests.builders import NOON

ADA = Profile(name="Ada", fetched_at=NOON)


def lookup(attempts: int = 0) -> Lookup:
    return Lookup(user_id="u", platform="facebook", page_id="p", participant_id="c", attempts=attempts)


def test_a_breaker_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(failures_to_open=3, open_seconds=10)
    for _ in range(5):
        breaker.failed(0)
        breaker.failed(0)
        breaker.succeeded()
    assert breaker.admits(0)

    for _ in range(3):
        breaker.failed(1)

    assert breaker.is_open(10.9)
    assert not breaker.admits(10.9)


def test_a_recovering_breaker_admits_one_trial_at_a_time_until_one_succeeds() -> None:
    breaker = Breaker(failures_to_open=1, open_seconds=10)
    breaker.failed(0)

    assert breaker.admits(10)
    assert not breaker.admits(10)
    breaker.failed(11)
    assert not breaker.admits(20)
    assert breaker.admits(21)
    breaker.succeeded()
    assert breaker.admits(21)
    assert breaker.admits(21)


def test_a_trial_that_never_ends_does_not_keep_the_breaker_open_for_ever() -> None:
    breaker = Breaker(failures_to_open=1, open_seconds=10)
    breaker.failed(0)
    assert breaker.admits(10)

    assert breaker.admits(20)


def test_delays_grow_and_are_spread_and_bounded() -> None:
    longest = [retry_delay_seconds(attempts, jitter=1.0) for attempts in range(1, 100)]
    shortest = [retry_delay_seconds(attempts, jitter=0.0) for attempts in range(1, 100)]

    assert longest == sorted(longest)
    assert longest[:3] == [5.0, 10.0, 20.0]
    assert longest[-1] == LONGEST_DELAY_SECONDS
    assert shortest == [delay / 2 for delay in longest]


def test_a_profile_ends_a_look_up() -> None:
    event = resolved(lookup(), Found(ADA), now=NOON, jitter=0)

    assert (event.profile, event.retry_at) == (ADA, None)
    assert (event.user_id, event.platform, event.page_id, event.participant_id) == ("u", "facebook", "p", "c")


@pytest.mark.parametrize(
    ("attempts", "answer", "seconds"),
    [
        pytest.param(0, Deferred("x"), 5.0, id="the first failure"),
        pytest.param(2, Deferred("x"), 20.0, id="the third"),
        pytest.param(0, Deferred("x", 900), 905.0, id="a page on hold"),
        pytest.param(10 * MAX_ATTEMPTS, Deferred("x", 900), 905.0, id="a hold, however often"),
        pytest.param(MAX_ATTEMPTS - 1, Deferred("x"), None, id="enough is enough"),
        pytest.param(0, NotFound("x"), None, id="no consent"),
    ],
)
def test_a_look_up_without_result_is_made_again_or_never(
    attempts: int, answer: LookupResult, seconds: float | None
) -> None:
    event = resolved(lookup(attempts), answer, now=NOON, jitter=1.0)

    assert event.profile is None
    assert event.retry_at == (None if seconds is None else NOON + timedelta(seconds=seconds))


def test_every_attempt_is_an_event_of_its_own() -> None:
    ids = {resolved(lookup(attempts), Deferred("x"), now=NOON, jitter=0).id for attempts in range(5)}

    assert len(ids) == 5
