"""How long a profile is fresh: a day, or until shortly before its picture's URL expires."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from shared.contracts import Profile, derive_id

FRESH_FOR = timedelta(hours=24)
MIN_FRESH_FOR = timedelta(hours=1)
"""Also if the picture expires sooner: a new lookup would return the same URL."""
_MIN_MARGIN = timedelta(hours=6)
_SPREAD_SECONDS = 6 * 3600
_HEX = re.compile(r"[0-9A-Fa-f]{1,10}")
_MAX_EXPIRY_SECONDS = 2**33
"""No signature is valid that long, and a datetime may not be able to express it."""


def expires_at(url: str | None) -> datetime | None:
    """Return when the signed URL of a profile picture expires: its `oe` parameter, hexadecimal seconds since 1970."""
    if url is None or "oe=" not in url:
        return None
    try:
        [stated] = parse_qs(urlsplit(url).query, max_num_fields=100).get("oe", [])
    except ValueError:
        return None
    if _HEX.fullmatch(stated) is None:
        return None
    seconds = int(stated, 16)
    return datetime.fromtimestamp(seconds, UTC) if seconds < _MAX_EXPIRY_SECONDS else None


def fresh_until(profile: Profile) -> datetime:
    """Return when the profile should be looked up again.

    A picture is refreshed 6 to 12 hours before it expires. The margin depends on the URL, so that pictures that were
    signed together are not refreshed together.
    """
    until = profile.fetched_at + FRESH_FOR
    expiry = expires_at(profile.profile_pic)
    if expiry is not None and profile.profile_pic is not None:
        spread = int(derive_id("picture", profile.profile_pic)[:8], 16) % _SPREAD_SECONDS
        until = min(until, expiry - _MIN_MARGIN - timedelta(seconds=spread))
    return max(until, profile.fetched_at + MIN_FRESH_FOR)


def with_known_values(found: Profile, known: Profile | None) -> Profile:
    """Return `found` with missing values taken from `known`: a response without a name deletes no name.

    A picture whose URL has expired at `found.fetched_at` is not taken.
    """
    if known is None:
        return found
    picture, expiry = known.profile_pic, expires_at(known.profile_pic)
    if expiry is not None and expiry <= found.fetched_at:
        picture = None
    return Profile(
        name=found.name or known.name,
        username=found.username or known.username,
        profile_pic=found.profile_pic or picture,
        fetched_at=found.fetched_at,
    )
