"""Strategies: the history of a few conversations, as items of webhooks.

A fact is as likely to come long before what it is about, and some are about messages that never come.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from shared.contracts import Platform
from tests.convergence import direct_items as direct
from tests.convergence import whatsapp_items as whatsapp
from tests.convergence.shapes import Page, Piece
from tests.convergence.words import CUSTOMERS, Draw

MOST_PIECES = 25
LEAST_PIECES = (1, 3, 8, 15)
"""One of these; without it most histories would be of a few pieces."""
PAGES: dict[Platform, tuple[tuple[str, str], ...]] = {
    "facebook": (("1001", "1001"), ("1002", "1002")),
    "instagram": (("2001", "2001"), ("2002", "2002")),
    "whatsapp": (("3001", "9001"), ("3002", "9001")),
}
"""Business id and entry id: numbers of one WhatsApp account share the latter."""

Kind = Callable[[Page, str], st.SearchStrategy[Piece]]
_DIRECT: tuple[Kind, ...] = (
    *((direct.messages,) * 5),
    *((direct.edits, direct.reactions) * 2),
    direct.unsends,
    direct.lookups,
    direct.postbacks,
    direct.beside_threads,
    direct.changes,
)
KINDS: dict[Platform, tuple[Kind, ...]] = {
    "facebook": (*_DIRECT, *((direct.messenger_receipts,) * 4)),
    "instagram": (*_DIRECT, *((direct.instagram_reads,) * 4)),
    "whatsapp": (
        *((whatsapp.messages,) * 5),
        *((whatsapp.facts, whatsapp.statuses) * 3),
        whatsapp.hidden_phones,
        whatsapp.number_changes,
        whatsapp.changes,
    ),
}


@dataclass(frozen=True)
class History:
    """What happened, sorted by the time that the platforms tell."""

    pieces: tuple[Piece, ...]
    users: int


@st.composite
def histories(draw: Draw) -> History:
    """Return a history of one or two pages of one or two users."""
    users = draw(st.integers(1, 2))
    pages = draw(st.lists(pages_of(users), min_size=1, max_size=2, unique_by=lambda page: page.id))
    people = CUSTOMERS[: draw(st.integers(1, 3))]
    least = draw(st.sampled_from(LEAST_PIECES))
    pieces = draw(st.lists(pieces_of(pages, people), min_size=least, max_size=MOST_PIECES))
    return History(tuple(sorted(pieces, key=lambda piece: piece.second)), users)


@st.composite
def pages_of(draw: Draw, users: int) -> Page:
    platform: Platform = draw(st.sampled_from(list(PAGES)))
    page_id, entry_id = draw(st.sampled_from(PAGES[platform]))
    return Page(platform, page_id, entry_id, draw(st.integers(0, users - 1)))


@st.composite
def pieces_of(draw: Draw, pages: Sequence[Page], people: Sequence[str]) -> Piece:
    page, customer = draw(st.sampled_from(pages)), draw(st.sampled_from(people))
    kind = draw(st.sampled_from(KINDS[page.platform]))
    return draw(kind(page, customer))
