"""What somebody looks for: read from what they typed, asked of an index, and checked against a text.

A text is kept as its terms, joined by spaces, and a query becomes two things: a condition on terms, which an index
answers, and needles, strings that the joined terms must hold, which settle what an index of terms cannot: phrases.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

import msgspec

from store.core.search.tokenizer import Run, Token, runs, terms_of

Tier = Literal["whole", "prefix"]
"""How well something matches: with whole words as they were typed, or with words that only begin so."""

KEY_PLACEHOLDER = "#"
"""Stands in a condition for what the index puts before every term; no term holds it."""
MAX_PARTS = 12
"""Words and phrases of a query; the others are passed over."""
_TELLING_LENGTH = 3
_SNIPPET_LENGTH = 160
_BEFORE_MATCH = 60
_QUOTES = re.compile('["“”„«»「」]')
_TELEPHONE = re.compile(r"\+?[\d\s().\-/]{3,}")


class SnippetPart(msgspec.Struct, frozen=True):
    """A piece of the text that was found, and whether it is what was looked for."""

    text: str
    match: bool


class _Part(NamedTuple):
    """One word or phrase of a query."""

    runs: tuple[Run, ...]
    is_open: bool
    """Whether its last word may go on."""


class _Condition(NamedTuple):
    """A term, or how one begins."""

    term: str
    is_prefix: bool = False

    @property
    def is_vague(self) -> bool:
        return self.is_prefix and len(self.term) < _TELLING_LENGTH and self.term.isascii()

    def __str__(self) -> str:
        return f"'{KEY_PLACEHOLDER}{self.term}'{':*' if self.is_prefix else ''}"


class Query(msgspec.Struct, frozen=True):
    """What is looked for; every part of it has to be there."""

    parts: tuple[_Part, ...]

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The ways in which something can match, the better one first; none where nothing is looked for."""
        if not self.parts:
            return ()
        return ("whole", "prefix") if any(_goes_on(part) for part in self.parts) else ("whole",)

    def condition(self, tier: Tier, *, beside: Sequence[str] = ()) -> str:
        """Return the condition on terms, as the text of a tsquery; `beside` are terms that must be there too."""
        wanted = dict.fromkeys(condition for part in self.parts for condition in _conditions_of(part, tier))
        # Very short beginnings are in most texts: asking an index for them takes longer than looking at what is left.
        telling = [condition for condition in wanted if not condition.is_vague] or list(wanted)
        return " & ".join(str(condition) for condition in (*map(_Condition, beside), *telling))

    def needles(self, tier: Tier) -> list[str]:
        """Return what the joined terms of a text must hold, all of it, to match at least as well as `tier` says."""
        return list(dict.fromkeys(_needle(part, tier) for part in self.parts))

    def phrases(self, tier: Tier) -> list[str]:
        """Return those needles that say more than the condition on terms does."""
        return [
            needle
            for needle, conditions in {
                _needle(part, tier): list(_conditions_of(part, tier)) for part in self.parts
            }.items()
            if len(conditions) > 1 or conditions[0].is_vague
        ]

    def matches(self, found: Sequence[Token]) -> bool:
        """Return whether a text of these terms is what is looked for."""
        text = joined(found)
        return bool(self.parts) and all(needle in text for needle in self.needles("prefix"))


def parse(q: str) -> Query:
    """Return what `q` looks for: words, of which texts may hold longer ones, and "phrases" as they are.

    A word of several terms, as `AB-1234` or 今天天气, is a phrase that may go on; so is a phrase while its closing
    quotation mark is missing.
    """
    parts: list[_Part] = []
    pieces = _QUOTES.split(q)
    for number, piece in enumerate(pieces):
        is_quoted = number % 2 == 1
        words = [piece] if is_quoted else piece.split()
        is_open = not is_quoted or number == len(pieces) - 1
        parts += [_Part(found, is_open) for word in words if (found := tuple(runs(word)))]
    return Query(tuple(parts[:MAX_PARTS]))


def parse_for_people(q: str) -> Query:
    """Return what `q` looks for among people: as `parse`, but a telephone number is one word however it is written."""
    return parse(re.sub(r"\D", "", q)) if _TELEPHONE.fullmatch(q.strip()) else parse(q)


def joined(found: Sequence[Token]) -> str:
    """Return terms as the text that needles are looked for in."""
    return f" {' '.join(token.term for token in found)} "


def snippet(query: Query, text: str, found: Sequence[Token]) -> list[SnippetPart]:
    """Return the part of `text` around the first match, with all matches in it marked.

    Args:
        query: what was looked for.
        text: it must match.
        found: its terms.
    """
    spans = sorted(_spans(query, found))
    first = spans[0][0] if spans else 0
    start = (
        0 if first <= _BEFORE_MATCH else max((token.start for token in found if token.start <= first - 30), default=0)
    )
    end = min(len(text), start + _SNIPPET_LENGTH)
    parts = [SnippetPart("…", match=False)] if start else []
    at = start
    for span_start, span_end in spans:
        cut_start, cut_end = max(span_start, at), min(span_end, end)
        if cut_start >= cut_end:
            continue
        if cut_start > at:
            parts.append(SnippetPart(text[at:cut_start], match=False))
        if parts and parts[-1].match:
            parts[-1] = SnippetPart(parts[-1].text + text[cut_start:cut_end], match=True)
        else:
            parts.append(SnippetPart(text[cut_start:cut_end], match=True))
        at = cut_end
    if end > at:
        parts.append(SnippetPart(text[at:end], match=False))
    return [*parts, SnippetPart("…", match=False)] if end < len(text) else parts


def _spans(query: Query, found: Sequence[Token]) -> Iterator[tuple[int, int]]:
    text = joined(found)
    starts = {at: number for number, at in enumerate(accumulate((len(t.term) + 1 for t in found), initial=0))}
    for needle in query.needles("prefix"):
        at = text.find(needle)
        while at >= 0:
            number = starts[at]
            last = number + needle.strip().count(" ")
            yield found[number].start, found[last].end
            at = text.find(needle, at + 1)


def _goes_on(part: _Part) -> bool:
    return part.is_open and part.runs[-1].shape == "word"


def _conditions_of(part: _Part, tier: Tier) -> Iterator[_Condition]:
    *before, last = part.runs
    for run in before:
        yield from map(_Condition, terms_of(run))
    if last.shape == "spaceless":
        pairs = terms_of(last)[:-1]
        yield from map(_Condition, pairs)
        if not pairs:
            yield _Condition(last.characters[0][0], is_prefix=True)
    else:
        *others, end = terms_of(last)
        yield from map(_Condition, others)
        yield _Condition(end, is_prefix=tier == "prefix" and _goes_on(part))


def _needle(part: _Part, tier: Tier) -> str:
    *before, last = part.runs
    terms = [term for run in before for term in terms_of(run)]
    if last.shape == "spaceless":
        # The text may go on where the query ends, so its last character need not be the last of a run there.
        pairs = terms_of(last)
        return " " + " ".join([*terms, *(pairs[:-1] or pairs)])
    end = "" if tier == "prefix" and _goes_on(part) else " "
    return " " + " ".join([*terms, *terms_of(last)]) + end
