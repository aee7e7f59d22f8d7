"""The wall clock, read in one place. Everything else takes the time, or a callable like this one, as an argument."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time now (UTC)."""
    return datetime.now(UTC)
