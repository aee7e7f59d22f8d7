"""Bytes from outside to JSON values that can be stored, encoded again and walked without harm."""

import json
import re
from typing import Any, NoReturn

import msgspec

from enricher.errors import UnreadableBody

MAX_DEPTH = 64
"""Levels of nesting; what the platforms send has about twelve."""

_decoder = msgspec.json.Decoder()
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Postgres stores no NUL, and UTF-8 has no lone surrogates."""
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


def decode(body: bytes) -> Any:
    """Return the JSON value of `body`; NULs and lone surrogates in it have become U+FFFD.

    Raises:
        UnreadableBody: empty, not JSON, or nested too deep.
    """
    if not body:
        raise UnreadableBody("the body is empty")
    clean = b"\\u0000" not in body
    try:
        value = _decoder.decode(body)
    except RecursionError as error:
        raise UnreadableBody(_TOO_DEEP) from error
    except ValueError:  # msgspec's errors and UnicodeDecodeError alike
        value = _decode_leniently(body)
        clean = False
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_too_deep(value):
        raise UnreadableBody(_TOO_DEEP)
    return value if clean else _storable(value)


def _decode_leniently(body: bytes) -> Any:
    """Read what msgspec rightly refuses and platforms send all the same: lone surrogates, bytes that are no UTF-8."""
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), parse_constant=_refuse)
    except RecursionError as error:
        raise UnreadableBody(_TOO_DEEP) from error
    except ValueError as error:
        raise UnreadableBody(f"not JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value")


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
