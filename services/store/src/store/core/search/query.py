"""Search queries: parsed from what users type, translated for an index, and matched against texts.

A text is stored as its terms, separated by spaces. A query becomes two things: a condition on terms, which an index
answers, and needles: strings that the stored text must contain. Needles decide what an index of terms cannot: phrases.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

import msgspec

from store.core.search.tokenizer import Run, Token, runs, terms_of

Tier = Literal["whole", "prefix"]
"""How well something matches: with whole words, or with words that only start as typed."""

KEY_PLACEHOLDER = "#"
"""Stands for the key before every term of a condition; no term contains it."""
MAX_PARTS = 12
"""Words and phrases of a query; further ones are ignored."""
_SELECTIVE_LENGTH = 3
_SNIPPET_LENGTH = 160
_BEFORE_MATCH = 60
_QUOTES = re.compile('["“”„«»「」]')
_TELEPHONE = re.compile(r"\+?[\d\s().\-/]{3,}")


class SnippetPart(msgspec.Struct, frozen=True):
    """A part of a text, and whether it matches the query."""

    text: str
    match: bool


class _Part(NamedTuple):
    """One word or phrase of a query."""

    runs: tuple[Run, ...]
    may_continue: bool
    """Whether its last word may be the start of a longer one."""


class _Condition(NamedTuple):
    """A term, or the start of one."""

    term: str
    is_prefix: bool = False

    @property
    def is_unselective(self) -> bool:
        return self.is_prefix and len(self.term) < _SELECTIVE_LENGTH and self.term.isascii()

    def __str__(self) -> str:
        return f"'{KEY_PLACEHOLDER}{self.term}'{':*' if self.is_prefix else ''}"


class Query(msgspec.Struct, frozen=True):
    """A parsed query: every part must match."""

    parts: tuple[_Part, ...]

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """The tiers of possible matches, the better one first; none for an empty query."""
        if not self.parts:
            return ()
        return ("whole", "prefix") if any(_is_prefix(part) for part in self.parts) else ("whole",)

    def condition(self, tier: Tier, *, also: Sequence[str] = ()) -> str:
        """Return the condition on terms, as the text of a tsquery; `also` are terms that must be there too."""
        conditions = dict.fromkeys(condition for part in self.parts for condition in _conditions_of(part, tier))
        # Most texts contain very short prefixes: looking them up takes longer than checking the other results.
        selective = [condition for condition in conditions if not condition.is_unselective] or list(conditions)
        return " & ".join(str(condition) for condition in (*map(_Condition, also), *selective))

    def needles(self, tier: Tier) -> list[str]:
        """Return what the stored text must contain, all of it, to match in `tier` or better."""
        return list(dict.fromkeys(_needle(part, tier) for part in self.parts))

    def phrases(self, tier: Tier) -> list[str]:
        """Return the needles that the condition on terms does not cover."""
        return [
            needle
            for needle, conditions in {
                _needle(part, tier): list(_conditions_of(part, tier)) for part in self.parts
            }.items()
            if len(conditions) > 1 or conditions[0].is_unselective
        ]

    def matches(self, found: Sequence[Token]) -> bool:
        """Return whether a text with these terms matches."""
        text = term_text(found)
        return bool(self.parts) and all(needle in text for needle in self.needles("prefix"))


def parse(q: str) -> Query:
    """Return the query in `q`: words, which may be the start of longer ones, and "phrases", which are matched exactly.

    A word of several terms, such as `AB-1234` or 今天天气, is a phrase that may continue; so is a phrase without its
    closing quotation mark.
    """
    parts: list[_Part] = []
    pieces = _QUOTES.split(q)
    for number, piece in enumerate(pieces):
        is_quoted = number % 2 == 1
        words = [piece] if is_quoted else piece.split()
        may_continue = not is_quoted or number == len(pieces) - 1
        parts += [_Part(found, may_continue) for word in words if (found := tuple(runs(word)))]
    return Query(tuple(parts[:MAX_PARTS]))


def parse_for_people(q: str) -> Query:
    """Return the query in `q` for people: like `parse`, but a telephone number is one word, however it is formatted."""
    return parse(re.sub(r"\D", "", q)) if _TELEPHONE.fullmatch(q.strip()) else parse(q)


def term_text(found: Sequence[Token]) -> str:
    """Return terms as the text that must contain the needles."""
    return f" {' '.join(token.term for token in found)} "


def snippet(query: Query, text: str, found: Sequence[Token]) -> list[SnippetPart]:
    """Return the part of `text` around the first match, with all matches in it marked.

    Args:
        query: the query.
        text: a text that matches it.
        found: the terms of `text`.
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
    text = term_text(found)
    starts = {at: number for number, at in enumerate(accumulate((len(t.term) + 1 for t in found), initial=0))}
    for needle in query.needles("prefix"):
        at = text.find(needle)
        while at >= 0:
            number = starts[at]
            last = number + needle.strip().count(" ")
            yield found[number].start, found[last].end
            at = text.find(needle, at + 1)


def _is_prefix(part: _Part) -> bool:
    return part.may_continue and part.runs[-1].shape == "word"


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
        yield _Condition(end, is_prefix=tier == "prefix" and _is_prefix(part))


def _needle(part: _Part, tier: Tier) -> str:
    *before, last = part.runs
    terms = [term for run in before for term in terms_of(run)]
    if last.shape == "spaceless":
        # The text may go on where the query ends, so its last character need not be the last of a run there.
        pairs = terms_of(last)
        return " " + " ".join([*terms, *(pairs[:-1] or pairs)])
    end = "" if tier == "prefix" and _is_prefix(part) else " "
    return " " + " ".join([*terms, *terms_of(last)]) + end
