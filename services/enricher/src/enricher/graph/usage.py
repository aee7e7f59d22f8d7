"""How much of what an app and a page may call is used up, as the headers of an answer say it.

`X-App-Usage` is the app's; `X-Page-Usage` (older) and `X-Business-Use-Case-Usage` are those of the page that the token
belongs to. All of them may be absent, and none can be relied on to be readable: what cannot be read says nothing.
(developers.facebook.com/docs/graph-api/overview/rate-limiting)
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

_SHARES = ("call_count", "total_cputime", "total_time")
_OURS = ("messenger", "instagram", "pages")
"""Use cases whose limits hold for profiles; others (advertisements, ...) share the header and say nothing about us."""
_MAX_CHARACTERS = 16_384
_MAX_PERCENT = 1_000.0
LONGEST_REGAIN_SECONDS = 3_600.0
"""However long the platform says it takes: one call an hour finds out, and costs nothing."""


class Usage(NamedTuple):
    """What one answer says; None where it says nothing."""

    app_percent: float | None = None
    page_percent: float | None = None
    regain_seconds: float = 0.0
    """Until the page may call again; 0 when it may, or nobody says."""


def usage_of(headers: Mapping[str, str]) -> Usage:
    """Return what the headers of an answer tell; `headers` finds names whatever their case. Raises nothing."""
    of_page = [_object(headers.get("x-page-usage")), *_use_cases(headers.get("x-business-use-case-usage"))]
    shares = [share for entry in of_page if (share := _percent(entry)) is not None]
    minutes = [_number(entry.get("estimated_time_to_regain_access")) or 0.0 for entry in of_page]
    return Usage(
        app_percent=_percent(_object(headers.get("x-app-usage"))),
        page_percent=max(shares, default=None),
        regain_seconds=min(max(minutes) * 60.0, LONGEST_REGAIN_SECONDS),
    )


def _use_cases(text: str | None) -> Iterator[dict[str, Any]]:
    """Yield the entries of all businesses: a token belongs to one, and the answer is to a call with that."""
    for entries in _object(text).values():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("type", "pages") in _OURS:
                yield entry


def _object(text: str | None) -> dict[str, Any]:
    if not text or len(text) > _MAX_CHARACTERS:
        return {}
    try:
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _percent(entry: Mapping[str, Any]) -> float | None:
    shares = [share for name in _SHARES if (share := _number(entry.get(name))) is not None]
    return min(max(shares), _MAX_PERCENT) if shares else None


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        return None
    return float(min(value, 1e9))
