"""Reads values from untrusted JSON. A value that does not fit counts as absent and is never an error."""

from typing import Any

import msgspec

MAX_ID_BYTES = 512
"""No platform has longer IDs, and they would not fit into an index."""
MAX_URL_CHARACTERS = 8192
"""The platforms' signed URLs have up to about two thousand."""
MAX_KEYWORD_CHARACTERS = 64
MAX_DETAILS_BYTES = 32 * 1024
"""JSON that is passed on for one attachment without being parsed."""
_MAX_KEPT_DETAILS = 32
_MAX_KEPT_CHARACTERS = 256
_MAX_INTEGER = 2**63


def object_of(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty object."""
    return value if isinstance(value, dict) else {}


def elements_of(value: Any) -> list[Any]:
    """Return the elements of an array. An object counts as an array of one."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []


def text_of(value: Any) -> str | None:
    """Return `value` if it is a string that is not empty."""
    return value if isinstance(value, str) and value else None


def id_of(value: Any) -> str | None:
    """Return `value` as text if it is an ID.

    Platforms write IDs as strings; some senders write integers. A float is not an ID: above 2^53 it is rounded and
    would be somebody else's.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, int) and not isinstance(value, bool):
        text = str(value)
    else:
        return None
    if not text or len(text) > MAX_ID_BYTES:
        return None
    return text if text.isascii() or len(text.encode()) <= MAX_ID_BYTES else None


def text_or_number(value: Any) -> str | None:
    """Return `value` if it is a string that is not empty, or the digits of a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return text_of(value)


def keyword_of(value: Any) -> str | None:
    """Return `value` if it is a string short enough for an enumeration's value, e.g. a type or a status."""
    found = text_of(value)
    return found if found is not None and len(found) <= MAX_KEYWORD_CHARACTERS else None


def url_of(value: Any) -> str | None:
    """Return `value` if it is an http or https URL. Clients open it, so other schemes are rejected."""
    if not isinstance(value, str) or len(value) > MAX_URL_CHARACTERS:
        return None
    url = unescape_slashes(value)
    scheme, separator, rest = url.partition("://")
    return url if separator and rest.strip() and scheme.lower() in {"http", "https"} else None


def unescape_slashes(value: str) -> str:
    """Return `value` without backslashes before slashes: some senders escape them twice."""
    return value.replace("\\/", "/")


def flag_of(value: Any) -> bool:
    """Return whether `value` is true or "true"."""
    return value is not None and value in (True, "true")


def first_id(values: dict[str, Any], *names: str) -> str | None:
    """Return the first of the named values that is an ID."""
    for name in names:
        found = id_of(values.get(name))
        if found is not None:
            return found
    return None


def first_text(values: dict[str, Any], *names: str) -> str | None:
    """Return the first of the named values that is a string and not empty."""
    for name in names:
        found = text_of(values.get(name))
        if found is not None:
            return found
    return None


def details_of(value: dict[str, Any]) -> dict[str, Any] | None:
    """Return `value`, or None if it is empty.

    If its JSON is larger than `MAX_DETAILS_BYTES`, only its short scalar values are kept, with `is_cut` set.
    """
    if not value:
        return None
    if len(msgspec.json.encode(value)) <= MAX_DETAILS_BYTES:
        return value
    kept = {name: child for name, child in value.items() if keyword_of(name) and _is_short(child)}
    return {**dict(list(kept.items())[:_MAX_KEPT_DETAILS]), "is_cut": True}


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_KEPT_CHARACTERS
    return value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _MAX_INTEGER)
