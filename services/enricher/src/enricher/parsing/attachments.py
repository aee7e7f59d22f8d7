"""What attachments of all platforms have in common."""

import re
from datetime import datetime
from math import isfinite
from typing import Any

from enricher.parsing import timestamps
from shared.contracts.inbox import Attachment, Coordinates

UNSUPPORTED = Attachment(type="unsupported")
"""For what the platform itself does not hand out."""

_EXPIRY = re.compile(r"[?&](?:oe=([0-9A-Fa-f]{8})|ext=([0-9]{10}))(?:&|$)")
"""The platforms' own addresses tell when they stop working: in hexadecimal seconds, WhatsApp's in decimal ones."""


def coordinates_of(latitude: Any, longitude: Any) -> Coordinates | None:
    """Return the place, if both are degrees of this world."""
    north, east = _number(latitude), _number(longitude)
    if north is None or east is None or abs(north) > 90 or abs(east) > 180:  # noqa: PLR2004 - poles and date line
        return None
    return Coordinates(latitude=north, longitude=east)


def expiry_of(url: str | None) -> datetime | None:
    """Return when `url` stops working, as far as it tells."""
    found = _EXPIRY.search(url) if url is not None else None
    if found is None:
        return None
    return timestamps.from_platform(int(found[1], 16) if found[1] else int(found[2]))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None
