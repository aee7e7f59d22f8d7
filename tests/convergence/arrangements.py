"""Ways a history can reach the store: in any order, repetition, and division into webhooks and batches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from hypothesis import strategies as st

from enricher.events import inbox_enriched, webhook_split
from enricher.parsing.items import BadItem
from enricher.parsing.parse import parse_item
from enricher.parsing.split import split_webhook
from shared.contracts import Event, Hop, Profile, ProfileResolvedV1, WebhookReceivedV1, derive_id
from tests.builders import NOON
from tests.convergence.histories import History
from tests.convergence.shapes import LOOKUP, Piece, bodies_of
from tests.convergence.words import SECONDS

T = TypeVar("T")
MAX_WORKERS = 3
OWN_APP_IDS = frozenset({"4711"})


@dataclass(frozen=True)
class Arrangement:
    """How the pieces of a history arrive."""

    bodies: tuple[tuple[int, ...], ...]
    """Indexes of the pieces in each webhook."""
    redelivered: tuple[int, ...]
    """Indexes of webhooks that are redelivered unchanged at the end."""
    batch_sizes: tuple[int, ...]
    """Sizes of the handlers' batches, repeated in turn."""
    workers: int
    crashes: frozenset[int]
    """Indexes of batches whose worker dies between commit and publish; they are redelivered one by one."""
    entry_second: int


def in_order(history: History) -> Arrangement:
    """Return the reference: sorted by time, without repetition, one by one, with one worker that never fails."""
    bodies = tuple((number,) for number in range(len(history.pieces)))
    return Arrangement(bodies, (), (1,), workers=1, crashes=frozenset(), entry_second=0)


@st.composite
def arrangements(draw: st.DrawFn, history: History) -> Arrangement:
    """Return an arrangement of `history` with every piece at least once."""
    numbers = list(range(len(history.pieces)))
    again = draw(st.lists(st.sampled_from(numbers), max_size=len(numbers) // 2 + 1))
    order = draw(st.permutations([*numbers, *again]))
    bodies = tuple(map(tuple, split_by_sizes(order, draw(st.lists(st.integers(1, 6), min_size=1, max_size=8)))))
    return Arrangement(
        bodies=bodies,
        redelivered=tuple(draw(st.lists(st.integers(0, len(bodies) - 1), max_size=3))),
        batch_sizes=tuple(draw(st.lists(st.sampled_from((1, 2, 3, 5, 8, 40)), min_size=1, max_size=6))),
        workers=draw(st.integers(1, MAX_WORKERS)),
        crashes=draw(st.frozensets(st.integers(0, 5), max_size=2)),
        entry_second=draw(st.sampled_from(SECONDS)),
    )


def split_by_sizes(things: Sequence[T], sizes: Sequence[int]) -> list[list[T]]:
    """Return `things` in parts of `sizes`, which repeat in turn."""
    left = iter(things)
    parts: list[list[T]] = []
    while True:
        for size in sizes:
            part = list(islice(left, size))
            if not part:
                return parts
            parts.append(part)


def events_of(history: History, arrangement: Arrangement, *, user_ids: Sequence[str]) -> list[Event]:
    """Return what the enricher publishes for the webhooks, in their order, without lookups.

    `user_ids` are unique to this run. Webhook IDs derive from them, so two runs share only the items.
    """
    found: list[Event] = []
    numbered = list(enumerate(arrangement.bodies))
    for number, body in [*numbered, *(numbered[again] for again in arrangement.redelivered)]:
        pieces = [history.pieces[piece] for piece in body]
        items = [piece for piece in pieces if piece.channel != LOOKUP]
        for platform, content in bodies_of(items, entry_second=arrangement.entry_second):
            webhook = WebhookReceivedV1(
                id=derive_id("webhook", *user_ids, str(number), platform, content),
                occurred_at=NOON,
                received_at=_received_at(number),
                hops=(Hop("ingest", NOON),),
                platform=platform,
                body=content,
            )
            found += _enriched_events(webhook, {piece.page.id: user_ids[piece.page.owner] for piece in items})
        found += [_resolved_profile(piece, user_ids[piece.page.owner]) for piece in pieces if piece.channel == LOOKUP]
    return found


def _received_at(number: int) -> datetime:
    """Return the time of arrival, long after the times of all items."""
    return NOON.replace(hour=18, minute=number % 60)


def _enriched_events(webhook: WebhookReceivedV1, owners: dict[str, str]) -> Iterable[Event]:
    splits = split_webhook(webhook)
    manifest = webhook_split(webhook, splits, now=webhook.received_at)
    assert manifest is not None
    yield manifest
    for split in splits:
        assert not isinstance(split, BadItem), split.reason
        item = parse_item(split, received_at=webhook.received_at, own_app_ids=OWN_APP_IDS)
        yield inbox_enriched(webhook, item, owners[split.page_id], now=webhook.received_at)


def _resolved_profile(piece: Piece, user_id: str) -> ProfileResolvedV1:
    at = NOON + timedelta(seconds=piece.second)
    name = piece.element["name"]
    return ProfileResolvedV1(
        id=derive_id("lookup", user_id, repr(piece)),
        occurred_at=at,
        received_at=at,
        user_id=user_id,
        platform=piece.page.platform,
        page_id=piece.page.id,
        participant_id=piece.element["customer"],
        profile=None if name is None else Profile(name=name, fetched_at=at),
    )
