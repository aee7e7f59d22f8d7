"""Converts the platforms' reactions to emoji."""

import re
from typing import Any

from enricher.parsing.values import text_of

MAX_CHARACTERS = 64
"""The longest emoji, a family with skin tones, has about a dozen."""

_EMOJI = {
    "smile": "\U0001f606",
    "angry": "\U0001f620",
    "sad": "\U0001f622",
    "wow": "\U0001f62e",
    "love": "\u2764\ufe0f",
    "like": "\U0001f44d",
    "dislike": "\U0001f44e",
}
"""Messenger's names. It may send others."""
_ESCAPES = re.compile(r"(?:\\u(?:\{[0-9A-Fa-f]{1,6}\}|[0-9A-Fa-f]{4}))+")
_ESCAPE = re.compile(r"\\u\{?([0-9A-Fa-f]+)\}?")
_MAX_CODE_POINT = 0x10FFFF


def emoji_of(emoji: Any, name: Any = None) -> str | None:
    """Return `emoji`, else the emoji named `name`, else `name` itself. Returns None if both are missing."""
    given = text_of(emoji)
    if given is not None:
        return (_unescaped(given) if _ESCAPES.fullmatch(given) else given)[:MAX_CHARACTERS]
    named = text_of(name)
    return None if named is None else _EMOJI.get(named, named)[:MAX_CHARACTERS]


def _unescaped(text: str) -> str:
    r"""Return `text` with escapes such as `\u{2764}\u{FE0F}` decoded, or unchanged if they are not valid text."""
    points = [int(point, 16) for point in _ESCAPE.findall(text)]
    if any(not 0 < point <= _MAX_CODE_POINT for point in points):
        return text
    try:
        return "".join(map(chr, points)).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return text
