"""Strategies for the history of a few conversations, as items of webhooks.

An annotation may come long before its message, and some messages never come.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from shared.contracts import Platform
from tests.convergence import direct_items as direct
from tests.convergence import whatsapp_items as whatsapp
from tests.convergence.shapes import Page, Piece
from tests.convergence.words import CUSTOMERS, Draw

MOST_PIECES = 25
LEAST_PIECES = (1, 6, 12, 18)
"""One of these is the minimum; otherwise most histories would have only a few pieces."""
PAGES: dict[Platform, tuple[tuple[str, str], ...]] = {
    "facebook": (("1001", "1001"), ("1002", "1002")),
    "instagram": (("2001", "2001"), ("2002", "2002")),
    "whatsapp": (("3001", "9001"), ("3002", "9001")),
}
"""Business ID and entry ID; the numbers of one WhatsApp account share the entry ID."""

Kind = Callable[[Page, str], st.SearchStrategy[Piece]]
_DIRECT: tuple[Kind, ...] = (
    direct.edits,
    direct.unsends,
    direct.reactions,
    direct.lookups,
    direct.postbacks,
    direct.other_items,
    direct.changes,
)
MESSAGES: dict[Platform, tuple[Kind, ...]] = {
    "facebook": (direct.messages,),
    "instagram": (direct.messages,),
    "whatsapp": (whatsapp.messages,),
}
KINDS: dict[Platform, tuple[Kind, ...]] = {
    "facebook": (*_DIRECT, direct.messenger_receipts, direct.messenger_receipts),
    "instagram": (*_DIRECT, direct.instagram_reads, direct.instagram_reads),
    "whatsapp": (
        whatsapp.edits,
        whatsapp.unsends,
        whatsapp.reactions,
        *((whatsapp.statuses,) * 2),
        whatsapp.hidden_phones,
        whatsapp.number_changes,
        whatsapp.changes,
    ),
}
"""All kinds except messages."""


@dataclass(frozen=True)
class History:
    """Everything that happened, sorted by the platforms' times."""

    pieces: tuple[Piece, ...]
    users: int


@st.composite
def histories(draw: Draw) -> History:
    """Return a history of one or two pages of one or two users.

    It has messages and only a few other kinds of items, so that many items of one kind meet.
    """
    users = draw(st.sampled_from((1, 1, 2)))
    number = draw(st.sampled_from((1, 1, 2)))
    pages = draw(st.lists(pages_of(users), min_size=number, max_size=number, unique_by=lambda page: page.id))
    people = CUSTOMERS[: draw(st.sampled_from((1, 1, 2, 3)))]
    kinds = {
        page.id: (
            *MESSAGES[page.platform],
            *draw(st.lists(st.sampled_from(KINDS[page.platform]), min_size=1, max_size=4)),
        )
        for page in pages
    }
    least = draw(st.sampled_from(LEAST_PIECES))
    pieces = draw(st.lists(pieces_of(pages, people, kinds), min_size=least, max_size=MOST_PIECES))
    return History(tuple(sorted(pieces, key=lambda piece: piece.second)), users)


@st.composite
def pages_of(draw: Draw, users: int) -> Page:
    platform: Platform = draw(st.sampled_from(list(PAGES)))
    page_id, entry_id = draw(st.sampled_from(PAGES[platform]))
    return Page(platform, page_id, entry_id, draw(st.integers(0, users - 1)))


@st.composite
def pieces_of(draw: Draw, pages: Sequence[Page], people: Sequence[str], kinds: Mapping[str, Sequence[Kind]]) -> Piece:
    page, customer = draw(st.sampled_from(pages)), draw(st.sampled_from(people))
    kind = draw(st.sampled_from(kinds[page.id]))
    return draw(kind(page, customer))
