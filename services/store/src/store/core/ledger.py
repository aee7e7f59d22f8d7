"""Double-entry bookkeeping of items: what was received, and what became of each item.

received = stored + duplicate + parked + waiting + ignored + unaccounted, for every account and every period.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from store.core.facts import ItemKey

ItemOutcome = Literal["stored", "duplicate", "waiting", "parked", "ignored"]
ItemCountName = Literal["received", "unaccounted"] | ItemOutcome

WAITING_FOR_PAGE = "page"
"""Kind of `waiting`: nobody has connected the page. Any later outcome replaces it. Items of other kinds are pending:
they wait for the message that they are about, and only that message or their expiry replaces the outcome."""
EXPIRED = "expired"
"""Kind of `ignored`: it waited for too long."""
OVER_LIMIT = "over_limit"
"""Kind of `ignored`: too many items of its page waited."""
ERASED = "erased"
"""Kind of `ignored`: it was about a person who was erased."""
REPLAYED = "replayed"
"""Kind of `ignored`: it was parked alone and replayed as a webhook of its own, which is counted separately."""


class ItemEntry(NamedTuple):
    """What became of one item of a webhook, for now or for good."""

    webhook_id: str
    item_index: int
    platform: str
    page_id: str
    """Empty for an item without a page."""
    outcome: ItemOutcome
    kind: str = ""
    """The kind of item, or the reason for the outcome."""

    @property
    def item(self) -> ItemKey:
        """The item's key."""
        return ItemKey(self.webhook_id, self.item_index)


class ItemCount(NamedTuple):
    """How many items of one account share an outcome."""

    platform: str
    page_id: str
    name: ItemCountName
    kind: str
    items: int


class AccountLedger(msgspec.Struct, frozen=True, kw_only=True):
    """What was received for a page, and what became of it: `received` is the sum of all other numbers."""

    platform: str
    page_id: str
    """Empty for items without a page, and for webhooks that could not be read."""
    received: int
    stored: int
    """They changed something."""
    duplicate: int
    """They changed nothing: everything was stored already."""
    parked: int
    """They failed, and are kept for a person to inspect."""
    waiting: int
    """They wait until their page is connected, or until the message arrives that they are about."""
    ignored: dict[str, int]
    """By kind: they change nothing that users see. Items of unknown types are stored raw."""
    unaccounted: int
    """In transit if they have just been received; otherwise missing."""

    @property
    def accounted(self) -> int:
        """How many items have an outcome."""
        return self.stored + self.duplicate + self.parked + self.waiting + sum(self.ignored.values())


def sum_counts(counts: Iterable[ItemCount]) -> list[ItemCount]:
    """Return the same numbers with one count per account and outcome."""
    totals: Counter[tuple[str, str, ItemCountName, str]] = Counter()
    for platform, page_id, name, kind, items in counts:
        totals[platform, page_id, name, kind] += items
    return [ItemCount(*key, items) for key, items in totals.items()]


def account_ledgers(counts: Iterable[ItemCount]) -> list[AccountLedger]:
    """Return one ledger per account, sorted by platform and page."""
    totals: dict[tuple[str, str], Counter[ItemCountName]] = {}
    ignored: dict[tuple[str, str], Counter[str]] = {}
    for platform, page_id, name, kind, items in counts:
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
