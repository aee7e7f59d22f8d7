"""How a deferred lookup ends: with a profile, with another attempt, or for good."""

from datetime import timedelta

import pytest

from enricher.profiles.lookups import (
    BACKOFF,
    MAX_ATTEMPTS,
    Deferred,
    Found,
    LookupResult,
    NotFound,
    profile_resolved,
)
from shared.contracts import Profile
from shared.contracts.internal import Lookup
from tests.builders import NOON

ADA = Profile(name="Ada", fetched_at=NOON)


def lookup(attempts: int = 0) -> Lookup:
    return Lookup(user_id="u", platform="facebook", page_id="p", participant_id="c", attempts=attempts)


def test_retry_delays_double_from_five_seconds_to_an_hour() -> None:
    delays = [BACKOFF.delay_seconds(attempts, jitter=1.0) for attempts in range(1, 100)]

    assert delays[:3] == [5.0, 10.0, 20.0]
    assert delays[-1] == 3_600.0


def test_a_profile_ends_a_lookup() -> None:
    event = profile_resolved(lookup(), Found(ADA), now=NOON, jitter=0)

    assert (event.profile, event.retry_at) == (ADA, None)
    assert (event.user_id, event.platform, event.page_id, event.participant_id) == ("u", "facebook", "p", "c")


@pytest.mark.parametrize(
    ("attempts", "result", "seconds"),
    [
        pytest.param(0, Deferred("x"), 5.0, id="first failure"),
        pytest.param(2, Deferred("x"), 20.0, id="third failure"),
        pytest.param(0, Deferred("x", 900), 905.0, id="page on hold"),
        pytest.param(10 * MAX_ATTEMPTS, Deferred("x", 900), 905.0, id="page on hold, after many attempts"),
        pytest.param(MAX_ATTEMPTS - 1, Deferred("x"), None, id="last attempt failed"),
        pytest.param(0, NotFound("x"), None, id="no consent"),
    ],
)
def test_a_lookup_without_a_profile_is_retried_later_or_never(
    attempts: int, result: LookupResult, seconds: float | None
) -> None:
    event = profile_resolved(lookup(attempts), result, now=NOON, jitter=1.0)

    assert event.profile is None
    assert event.retry_at == (None if seconds is None else NOON + timedelta(seconds=seconds))


def test_every_attempt_has_an_event_with_its_own_id() -> None:
    ids = {profile_resolved(lookup(attempts), Deferred("x"), now=NOON, jitter=0).id for attempts in range(5)}

    assert len(ids) == 5
