"""Converts the platforms' timestamps to UTC."""

from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_BELOW = 10**11
"""Smaller numbers are seconds. As milliseconds they would be a time before March 1973."""
_MAX_MILLISECONDS = int((datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - EPOCH).total_seconds()) * 1000
_MAX_DIGITS = 20


def parse_timestamp(value: Any) -> datetime | None:
    """Return the UTC time of a number or a string of digits, in seconds or milliseconds.

    Returns None for anything else, for 0, for negative numbers and for times after the year 9999.
    """
    if isinstance(value, str):
        value = int(value) if len(value) <= _MAX_DIGITS and value.isascii() and value.isdigit() else 0
    elif isinstance(value, float):
        value = int(value) if 0 < value <= _MAX_MILLISECONDS else 0
    elif not isinstance(value, int) or isinstance(value, bool):
        return None
    milliseconds = value * 1000 if value < _SECONDS_BELOW else value
    return EPOCH + timedelta(milliseconds=milliseconds) if 0 < milliseconds <= _MAX_MILLISECONDS else None


def first_timestamp(*values: Any, fallback: datetime) -> datetime:
    """Return the time of the first of `values` that is a timestamp, else `fallback`."""
    for value in values:
        found = parse_timestamp(value)
        if found is not None:
            return found
    return fallback
