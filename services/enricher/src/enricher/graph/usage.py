"""How much of its limits an app and a page have used, as the headers of a response report it.

`X-App-Usage` is the app's. `X-Page-Usage` (older) and `X-Business-Use-Case-Usage` are those of the page that the token
belongs to. Any of them may be absent or unreadable, and then reports nothing.
(developers.facebook.com/docs/graph-api/overview/rate-limiting)
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

_PERCENT_FIELDS = ("call_count", "total_cputime", "total_time")
_RELEVANT_USE_CASES = ("messenger", "instagram", "pages")
"""Use cases whose limits apply to profiles. Others (advertisements, …) share the header and do not concern us."""
_MAX_HEADER_CHARACTERS = 16_384
_MAX_PERCENT = 1_000.0
MAX_REGAIN_SECONDS = 3_600.0
"""Longest time to regain access that is believed. One call per hour finds out whether it is over, and costs nothing."""


class Usage(NamedTuple):
    """What one response reports. None if it does not."""

    app_percent: float | None = None
    page_percent: float | None = None
    regain_seconds: float = 0.0
    """Until the page may call again. 0 if it may, or if that is unknown."""


def usage_of(headers: Mapping[str, str]) -> Usage:
    """Return the usage that the headers of a response report. Never fails.

    Args:
        headers: finds names in any case.
    """
    page_entries = [_object(headers.get("x-page-usage")), *_use_cases(headers.get("x-business-use-case-usage"))]
    percents = [percent for entry in page_entries if (percent := _percent(entry)) is not None]
    minutes = [_number(entry.get("estimated_time_to_regain_access")) or 0.0 for entry in page_entries]
    return Usage(
        app_percent=_percent(_object(headers.get("x-app-usage"))),
        page_percent=max(percents, default=None),
        regain_seconds=min(max(minutes) * 60.0, MAX_REGAIN_SECONDS),
    )


def _use_cases(text: str | None) -> Iterator[dict[str, Any]]:
    """Yield the entries of every business in the header. A token belongs to one business, so all concern the call."""
    for entries in _object(text).values():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("type", "pages") in _RELEVANT_USE_CASES:
                yield entry


def _object(text: str | None) -> dict[str, Any]:
    if not text or len(text) > _MAX_HEADER_CHARACTERS:
        return {}
    try:
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _percent(entry: Mapping[str, Any]) -> float | None:
    """Return the highest of the entry's percentages."""
    percents = [percent for name in _PERCENT_FIELDS if (percent := _number(entry.get(name))) is not None]
    return min(max(percents), _MAX_PERCENT) if percents else None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        return None
    return float(min(value, 1e9))
