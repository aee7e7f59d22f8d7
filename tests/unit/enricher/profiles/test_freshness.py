"""A profile is fresh for a day, a picture until shortly before its URL expires. A refresh deletes nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.profiles.freshness import FRESH_FOR, MIN_FRESH_FOR, expires_at, fresh_until, with_known_values
from shared.contracts import Profile
from tests.builders import NOON


def picture_url(at: datetime, person: str = "1") -> str:
    return f"https://scontent.example/v/t1/{person}.jpg?_nc_cat=1&oh=00_AY&oe={int(at.timestamp()):X}&_nc_sid=cf"


def test_a_picture_url_says_when_it_expires() -> None:
    assert expires_at(picture_url(NOON)) == NOON
    assert expires_at(picture_url(NOON).lower()) == NOON


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "https://cdn.example/a.jpg",
        "https://cdn.example/a.jpg?oe=",
        "https://cdn.example/a.jpg?oe=tomorrow",
        "https://cdn.example/a.jpg?oe=-1",
        "https://cdn.example/a.jpg?oe=FFFFFFFFFF",
        "https://cdn.example/a.jpg?oe=65000000&oe=66000000",
        "https://cdn.example/oe=65000000/a.jpg",
        "https://[/?oe=65000000",
        "https://cdn.example/?" + "a=1&" * 200 + "oe=65000000",
    ],
)
def test_any_other_url_does_not(text: str | None) -> None:
    assert expires_at(text) is None


@given(st.text(max_size=40).map("https://cdn.example/?oe={}".format))
def test_no_url_causes_an_error(text: str) -> None:
    fresh_until(Profile(name="Ada", profile_pic=text, fetched_at=NOON))


@pytest.mark.parametrize("days", [2, 30])
def test_a_profile_whose_picture_stays_valid_is_fresh_for_a_day(days: int) -> None:
    profile = Profile(name="Ada", profile_pic=picture_url(NOON + timedelta(days=days)), fetched_at=NOON)

    assert fresh_until(profile) == NOON + FRESH_FOR


def test_pictures_are_refreshed_before_they_expire_at_spread_times() -> None:
    expiry = NOON + timedelta(hours=20)
    pictures = [picture_url(expiry, str(number)) for number in range(50)]
    times = {fresh_until(Profile(profile_pic=picture, fetched_at=NOON)) for picture in pictures}

    assert all(timedelta(hours=6) <= expiry - at <= timedelta(hours=12) for at in times)
    assert len(times) > 40


@pytest.mark.parametrize("expiry", [NOON - timedelta(days=9), NOON, NOON + timedelta(minutes=5)])
def test_a_nearly_expired_picture_is_still_fresh_for_an_hour(expiry: datetime) -> None:
    assert fresh_until(Profile(profile_pic=picture_url(expiry), fetched_at=NOON)) == NOON + MIN_FRESH_FOR


def test_a_refresh_deletes_no_name_and_no_valid_picture() -> None:
    later = NOON + timedelta(days=1)
    picture = picture_url(NOON + timedelta(days=3))
    known = Profile(name="Ada", username="ada", profile_pic=picture, fetched_at=NOON)

    assert with_known_values(Profile(username="ada2", fetched_at=later), known) == Profile(
        name="Ada", username="ada2", profile_pic=picture, fetched_at=later
    )
    assert with_known_values(Profile(name="Ada", fetched_at=NOON + timedelta(days=4)), known).profile_pic is None
    assert with_known_values(known, None) is known
    assert expires_at(picture) == datetime(2026, 1, 5, 12, tzinfo=UTC)
