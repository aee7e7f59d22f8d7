"""Until when what is known of a person counts as fresh: a name for a day, a picture until its address expires."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from shared.contracts import Profile, derive_id

FRESH_FOR = timedelta(hours=24)
FRESH_AT_LEAST = timedelta(hours=1)
"""Also where a picture expires sooner: a new look-up would bring the same address again."""
_SHORTEST_MARGIN = timedelta(hours=6)
_SPREAD_SECONDS = 6 * 3600
_HEX = re.compile(r"[0-9A-Fa-f]{1,10}")


def expires_at(address: str | None) -> datetime | None:
    """Return when a signed address of the platform's pictures stops working: `oe`, hex seconds since 1970."""
    if address is None or "oe=" not in address:
        return None
    try:
        [stated] = parse_qs(urlsplit(address).query, max_num_fields=100).get("oe", [])
    except ValueError:
        return None
    if _HEX.fullmatch(stated) is None:
        return None
    seconds = int(stated, 16)
    # Later than this is no time that a signature has, and perhaps none that a datetime has.
    return datetime.fromtimestamp(seconds, UTC) if seconds < 2**33 else None


def fresh_until(profile: Profile) -> datetime:
    """Return when the profile should be looked up again.

    A picture is renewed 6 to 12 hours before it expires: a margin of its own for every address, so that those that
    were signed together are not renewed together.
    """
    until = profile.fetched_at + FRESH_FOR
    expiry = expires_at(profile.profile_pic)
    if expiry is not None and profile.profile_pic is not None:
        spread = int(derive_id("picture", profile.profile_pic)[:8], 16) % _SPREAD_SECONDS
        until = min(until, expiry - _SHORTEST_MARGIN - timedelta(seconds=spread))
    return max(until, profile.fetched_at + FRESH_AT_LEAST)


def completed(found: Profile, known: Profile | None) -> Profile:
    """Return `found` with what it leaves out taken from `known`: an answer that lacks a name takes none away.

    A picture whose address has expired by then is not kept.
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
