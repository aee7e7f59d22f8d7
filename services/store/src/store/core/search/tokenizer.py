"""Splits text of any script into terms, with case and accents folded.

A word is a term. In scripts without spaces between words (Chinese, Japanese, Thai, …), every pair of adjacent
characters is a term, so that any part of a sentence can be found. An emoji is a term, without its skin tone.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, islice, pairwise
from typing import Literal, NamedTuple

MAX_TERMS = 2_000
"""Per text; later terms are not indexed."""
MAX_TERM_LENGTH = 64
"""In characters; longer words are cut off."""
MAX_TEXT_LENGTH = 20_000
"""In characters; the rest of a text is not indexed."""

_SPACELESS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x3005, 0x3007),  # iteration mark and zero of Han
    (0x3041, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana extensions
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x1AFF0, 0x1B16F),  # Kana extensions
    (0x20000, 0x3FFFF),  # Han
)
_ALIKE = str.maketrans(
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ħ": "h",
        "ŧ": "t",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ð": "d",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "\N{ARABIC LETTER ALEF MAKSURA}": "\N{ARABIC LETTER YEH}",
        "\N{ARABIC LETTER FARSI YEH}": "\N{ARABIC LETTER YEH}",
        "\N{ARABIC LETTER KEHEH}": "\N{ARABIC LETTER KAF}",
        "\N{ARABIC LETTER TEH MARBUTA}": "\N{ARABIC LETTER HEH}",
        "\N{ARABIC TATWEEL}": "",
    }
)
"""Letters that people use for one another and that Unicode does not decompose; Arabic ones are folded as in Lucene."""
_ASCII_WORD = re.compile("[a-z0-9]+")
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_PICTOGRAPHS = range(0x1F000, 0x1FB00)
"""Unassigned code points in this range are reserved for emoji (Extended_Pictographic); Python knows new ones late."""
_ACCENTS = frozenset({8, *range(10, 37), *range(200, 241)})
"""Canonical_Combining_Class (Unicode Character Database) of accents, kana voicing marks, and Hebrew and Arabic points.
Vowels and tones of Indic scripts and of Thai have other classes; they are kept, because they distinguish words."""

Shape = Literal["word", "spaceless", "emoji", "flag", "gap"]


class Token(NamedTuple):
    """A term and its place in the text, from `start` up to `end`, in code points."""

    term: str
    start: int
    end: int


class Run(NamedTuple):
    """Adjacent characters of one shape, folded, each with its place in the text."""

    shape: Shape
    characters: list[tuple[str, int]]


def tokenize(text: str) -> list[Token]:
    """Return the terms of `text`, in order.

    A run of n characters of a script without spaces becomes its n - 1 pairs and its last character.
    """
    if text.isascii():
        words = _ASCII_WORD.finditer(text[:MAX_TEXT_LENGTH].lower())
        return [Token(word[0][:MAX_TERM_LENGTH], *word.span()) for word in islice(words, MAX_TERMS)]
    found: list[Token] = []
    for run in runs(text):
        found.extend(_tokens_of(run))
        if len(found) >= MAX_TERMS:
            return found[:MAX_TERMS]
    return found


def runs(text: str) -> Iterator[Run]:
    """Split `text` into runs, without gaps."""
    text = text[:MAX_TEXT_LENGTH]
    if text.isascii():
        for word in _ASCII_WORD.finditer(text.lower()):
            yield Run("word", list(zip(word[0], range(*word.span()), strict=True)))
        return
    folded = ((shape, character, at) for at, whole in enumerate(text) for shape, character in _fold(whole))
    for shape, together in groupby(folded, key=lambda piece: piece[0]):
        if shape != "gap":
            yield Run(shape, [(character, at) for _, character, at in together])


def terms_of(run: Run) -> list[str]:
    """Return the terms of one run."""
    return [token.term for token in _tokens_of(run)]


def _tokens_of(run: Run) -> list[Token]:
    characters = run.characters
    if run.shape == "word":
        text = "".join(character for character, _ in characters[:MAX_TERM_LENGTH])
        return [Token(text, characters[0][1], characters[-1][1] + 1)]
    if run.shape == "emoji":
        return [Token(character, at, at + 1) for character, at in characters]
    if run.shape == "flag":
        together: list[Sequence[tuple[str, int]]] = [characters[i : i + 2] for i in range(0, len(characters), 2)]
    else:
        together = [*pairwise(characters), characters[-1:]]
    return [Token("".join(c for c, _ in pair), pair[0][1], pair[-1][1] + 1) for pair in together]


@lru_cache(maxsize=8192)
def _fold(character: str) -> tuple[tuple[Shape, str], ...]:
    """Return the folded characters and their shapes; nothing for an ignorable character."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()).translate(_ALIKE)
    pieces = ((_shape(piece), piece) for piece in folded)
    return tuple((shape, piece) for shape, piece in pieces if shape is not None)


def _shape(character: str) -> Shape | None:
    """Return the shape of a folded character; None if it is ignored, which does not separate its neighbours."""
    code = ord(character)
    category = unicodedata.category(character)
    if category in ("Cf", "Me") or code in _SKIN_TONES or code in _VARIATION_SELECTORS:
        return None
    if category == "Mn" and unicodedata.combining(character) in _ACCENTS:
        return None
    if category[0] in "LNM":
        return "spaceless" if any(first <= code <= last for first, last in _SPACELESS) else "word"
    if code in _REGIONAL_INDICATORS:
        return "flag"
    return "emoji" if category == "So" or (category == "Cn" and code in _PICTOGRAPHS) else "gap"
