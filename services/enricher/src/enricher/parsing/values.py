"""Reading values of foreign JSON without trusting any of them: what does not fit is absent, never an error."""

from typing import Any

import msgspec

MAX_ID_BYTES = 512
"""Longer ones are no ids of any platform, and would not fit into an index."""
MAX_URL_CHARACTERS = 8192
"""Signed addresses of the platforms have up to about two thousand."""
MAX_WORD_CHARACTERS = 64
"""Of words that name a kind of something."""
MAX_DETAILS_BYTES = 32 * 1024
"""Of JSON, for what is passed on of one attachment without being understood."""
_MAX_ESSENTIALS = 32
_MAX_ESSENTIAL_CHARACTERS = 256
_MAX_INTEGER = 2**63


def object_of(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items_of(value: Any) -> list[Any]:
    """Return the elements of an array; a lone object counts as an array of one."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []


def text_of(value: Any) -> str | None:
    """Return `value` if it is text that is not empty."""
    return value if isinstance(value, str) and value else None


def id_of(value: Any) -> str | None:
    """Return the id as text.

    Platforms write ids as strings, some senders as integers. A float is none: above 2^53 it names somebody else.
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


def said(value: Any) -> str | None:
    """Return what somebody said, whole; a number counts as its digits."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return text_of(value)


def word_of(value: Any) -> str | None:
    """Return `value` if it is short enough to name a kind of something."""
    found = text_of(value)
    return found if found is not None and len(found) <= MAX_WORD_CHARACTERS else None


def url_of(value: Any) -> str | None:
    """Return `value` if it is a web address: clients open it, so no other scheme passes."""
    if not isinstance(value, str) or len(value) > MAX_URL_CHARACTERS:
        return None
    url = slashes_of(value)
    scheme, separator, rest = url.partition("://")
    return url if separator and rest.strip() and scheme.lower() in {"http", "https"} else None


def slashes_of(value: str) -> str:
    """Return `value` with plain slashes: some senders escape them once too often."""
    return value.replace("\\/", "/")


def flag_of(value: Any) -> bool:
    """Return whether `value` is true, in JSON or as a word."""
    return value is not None and value in (True, "true")


def first_id(known: dict[str, Any], *names: str) -> str | None:
    """Return the first of the named values that is an id."""
    for name in names:
        found = id_of(known.get(name))
        if found is not None:
            return found
    return None


def first_text(known: dict[str, Any], *names: str) -> str | None:
    """Return the first of the named values that is text."""
    for name in names:
        found = text_of(known.get(name))
        if found is not None:
            return found
    return None


def details_of(value: dict[str, Any]) -> dict[str, Any] | None:
    """Return `value` if there is something in it; only its short plain values, marked as cut, if it is too large."""
    if not value:
        return None
    if len(msgspec.json.encode(value)) <= MAX_DETAILS_BYTES:
        return value
    essential = {name: child for name, child in value.items() if word_of(name) and _is_essential(child)}
    return {**dict(list(essential.items())[:_MAX_ESSENTIALS]), "is_cut": True}


def _is_essential(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_ESSENTIAL_CHARACTERS
    return value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _MAX_INTEGER)
