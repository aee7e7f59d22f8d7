"""Timestamps of the platforms are converted to UTC."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.parsing.timestamps import EPOCH, first_timestamp, parse_timestamp

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
FALLBACK = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        pytest.param(1767355200000, NOON, id="milliseconds"),
        pytest.param(1767355200, NOON, id="seconds"),
        pytest.param("1767355200000", NOON, id="milliseconds as text"),
        pytest.param("1767355200", NOON, id="seconds as text"),
        pytest.param(1767355200.0, NOON, id="a float"),
        pytest.param(1767355200123, NOON.replace(microsecond=123_000), id="milliseconds are kept"),
        pytest.param(1, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), id="the first second"),
        pytest.param(253402300799000, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), id="the last second"),
    ],
)
def test_a_timestamp_is_parsed(value: Any, time: datetime) -> None:
    assert parse_timestamp(value) == time


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1,
        "",
        "0",
        "-5",
        "soon",
        "²",
        "1e9",
        10**30,
        253402300800000,
        "9" * 5000,
        float("inf"),
        float("nan"),
        [],
        {},
    ],
)
def test_what_is_not_a_timestamp_is_none(value: Any) -> None:
    assert parse_timestamp(value) is None
    assert first_timestamp(value, None, fallback=FALLBACK) == FALLBACK
    assert first_timestamp(value, 1767355200, fallback=FALLBACK) == NOON


@given(st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none()))
def test_any_value_is_a_time_between_1970_and_9999_or_none(value: Any) -> None:
    found = parse_timestamp(value)

    assert found is None or EPOCH < found <= datetime.max.replace(tzinfo=UTC)
