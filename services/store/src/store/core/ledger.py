"""Double-entry book-keeping of items: what came in, and where each of them is.

received = stored + duplicate + parked + waiting + ignored + unaccounted, for every account and every span of time.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from store.core.facts import ItemPosition

ItemOutcome = Literal["stored", "duplicate", "waiting", "parked", "ignored"]
TallyName = Literal["received", "unaccounted"] | ItemOutcome

WAITING_FOR_PAGE = "page"
"""Kind of `waiting`: nobody has connected the page, and whatever becomes of the item later replaces it. Of any other
kind are items that wait for the message which they are about: only that, or their end, replaces it."""
EXPIRED = "expired"
"""Kind of `ignored`: it has waited for longer than anything may."""
OVER_LIMIT = "over_limit"
"""Kind of `ignored`: more of its page waited than may."""
REPLAYED = "replayed"
"""Kind of `ignored`: it was parked alone and has been replayed as a webhook of its own, which is counted as such."""


class ItemEntry(NamedTuple):
    """Where one item of a webhook has ended, or is for now."""

    webhook_id: str
    item_index: int
    platform: str
    page_id: str
    """Empty for an item that names no page."""
    outcome: ItemOutcome
    kind: str = ""
    """What sort of item it is, or why it has ended so."""

    @property
    def position(self) -> ItemPosition:
        """Which item of which webhook it is."""
        return ItemPosition(self.webhook_id, self.item_index)


class Tally(NamedTuple):
    """A number of items of one account that are in the same case."""

    platform: str
    page_id: str
    name: TallyName
    kind: str
    items: int


class AccountLedger(msgspec.Struct, frozen=True, kw_only=True):
    """What came in for a page, and where it is: `received` is the sum of all the others."""

    platform: str
    page_id: str
    """Empty for items that name no page, and for webhooks that could not be read."""
    received: int
    stored: int
    """They told something that was not known."""
    duplicate: int
    """They told only what was known."""
    parked: int
    """They were given up, and are kept for a person to look at."""
    waiting: int
    """Kept until their page is connected, or until the message comes that they are about."""
    ignored: dict[str, int]
    """By kind: they change nothing that is shown. What has no known type is kept as it came."""
    unaccounted: int
    """On their way, when they have just come; missing, when not."""

    @property
    def accounted(self) -> int:
        """How many items are known to be somewhere."""
        return self.stored + self.duplicate + self.parked + self.waiting + sum(self.ignored.values())


def summed(tallies: Iterable[Tally]) -> list[Tally]:
    """Return the same numbers with one tally a case."""
    totals: Counter[tuple[str, str, TallyName, str]] = Counter()
    for platform, page_id, name, kind, items in tallies:
        totals[platform, page_id, name, kind] += items
    return [Tally(*case, items) for case, items in totals.items()]


def accounts_of(tallies: Iterable[Tally]) -> list[AccountLedger]:
    """Return the sums of `tallies`, one an account, by platform and page."""
    totals: dict[tuple[str, str], Counter[TallyName]] = {}
    ignored: dict[tuple[str, str], Counter[str]] = {}
    for platform, page_id, name, kind, items in tallies:
        totals.setdefault((platform, page_id), Counter())[name] += items
        if name == "ignored":
            ignored.setdefault((platform, page_id), Counter())[kind] += items
    return [
        AccountLedger(
            platform=platform,
            page_id=page_id,
            received=found["received"],
            stored=found["stored"],
            duplicate=found["duplicate"],
            parked=found["parked"],
            waiting=found["waiting"],
            ignored=dict(sorted(ignored.get((platform, page_id), Counter()).items())),
            unaccounted=found["unaccounted"],
        )
        for (platform, page_id), found in sorted(totals.items())
    ]
