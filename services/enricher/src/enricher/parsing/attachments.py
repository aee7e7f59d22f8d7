"""What attachments of all platforms have in common."""

import re
from datetime import datetime
from math import isfinite
from typing import Any

from enricher.parsing.timestamps import parse_timestamp
from shared.contracts.inbox import Attachment, Coordinates

MAX_LATITUDE, MAX_LONGITUDE = 90, 180
UNSUPPORTED = Attachment(type="unsupported")
"""Stands for content that the platform does not deliver."""

_EXPIRY = re.compile(r"[?&](?:oe=([0-9A-Fa-f]{8})|ext=([0-9]{10}))(?:&|$)")
"""The platforms' URLs say when they expire: `oe` in hexadecimal seconds, WhatsApp's `ext` in decimal seconds."""


def coordinates_of(latitude: Any, longitude: Any) -> Coordinates | None:
    """Return the coordinates, or None unless both are valid degrees."""
    north, east = _number(latitude), _number(longitude)
    if north is None or east is None or abs(north) > MAX_LATITUDE or abs(east) > MAX_LONGITUDE:
        return None
    return Coordinates(latitude=north, longitude=east)


def expiry_of(url: str | None) -> datetime | None:
    """Return when `url` expires, or None if it does not say."""
    found = _EXPIRY.search(url) if url is not None else None
    if found is None:
        return None
    return parse_timestamp(int(found[1], 16) if found[1] else int(found[2]))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None
