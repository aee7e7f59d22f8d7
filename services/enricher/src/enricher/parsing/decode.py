"""Decodes JSON from outside into values that can be stored, encoded again and walked safely."""

import json
import re
from typing import Any, NoReturn

import msgspec

from enricher.parsing.errors import UnreadableBody

MAX_DEPTH = 64
"""Levels of nesting. What the platforms send has about twelve."""

_decoder = msgspec.json.Decoder()
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Postgres cannot store NUL, and UTF-8 cannot encode lone surrogates."""
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


def decode_body(body: bytes) -> Any:
    """Return the JSON value of `body`, with every NUL and lone surrogate replaced by U+FFFD.

    Raises:
        UnreadableBody: `body` is empty, is not JSON, or is nested deeper than `MAX_DEPTH`.
    """
    if not body:
        raise UnreadableBody("the body is empty")
    is_storable = b"\\u0000" not in body
    try:
        value = _decoder.decode(body)
    except RecursionError as error:
        raise UnreadableBody(_TOO_DEEP) from error
    except ValueError:  # covers msgspec's errors and UnicodeDecodeError
        value = _decode_leniently(body)
        is_storable = False
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_too_deep(value):
        raise UnreadableBody(_TOO_DEEP)
    return value if is_storable else _storable(value)


def _decode_leniently(body: bytes) -> Any:
    """Decode what msgspec rightly rejects but platforms do send: lone surrogates and invalid UTF-8."""
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), parse_constant=_reject_constant)
    except RecursionError as error:
        raise UnreadableBody(_TOO_DEEP) from error
    except ValueError as error:
        raise UnreadableBody(f"not JSON: {error}") from error


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_UNSTORABLE.sub("\ufffd", key): _storable(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_storable(child) for child in value]
    return value
