"""Small pictures generated from text: avatars with initials, and patterns instead of photographs. Pure."""

from html import escape
from unicodedata import category

from shared.contracts import derive_id

MEDIA_TYPE = "image/svg+xml"


def avatar(name: str) -> str:
    """Return an SVG of 96 by 96 pixels with up to two initials on a colour derived from `name`."""
    return _framed(
        96,
        f'<rect width="96" height="96" fill="{_colour(name)}"/>'
        '<text x="48" y="50" font-family="system-ui,sans-serif" font-size="32" fill="#fff" text-anchor="middle" '
        f'dominant-baseline="central">{escape(initials(name))}</text>',
    )


def pattern(text: str) -> str:
    """Return an SVG of 320 by 320 pixels with an abstract pattern derived from `text`."""
    code = derive_id("pattern", text)
    circles = "".join(
        f'<circle cx="{int(code[i : i + 2], 16) * 320 // 255}" cy="{int(code[i + 2 : i + 4], 16) * 320 // 255}" '
        f'r="{24 + int(code[i + 4], 16) * 5}" fill="{_colour(code[i:])}" fill-opacity="0.6"/>'
        for i in range(0, 24, 4)
    )
    return _framed(320, f'<rect width="320" height="320" fill="{_colour(code)}"/>{circles}')


def initials(name: str) -> str:
    """Return the first letters of the first and last word, or the first character of a name without letters."""
    letters = [word[0] for word in name.split() if category(word[0]).startswith("L")]
    if not letters:
        return name[:1]
    if len(letters) == 1 or not letters[0].isupper():
        return letters[0]  # in scripts without capitals, two letters would read as a word
    return letters[0] + letters[-1]


def _colour(text: str) -> str:
    """Return a colour dark enough for white letters."""
    return f"hsl({int(derive_id('colour', text)[:4], 16) % 360} 45% 42%)"


def _framed(pixels: int, content: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {pixels} {pixels}" width="{pixels}" height="{pixels}">'
        f"{content}</svg>"
    )
