"""Reading values of foreign JSON without trusting any of them: what does not fit is absent, never an error."""

from typing import Any

MAX_ID_BYTES = 512
"""Longer ones are no ids of any platform, and would not fit into an index."""


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
