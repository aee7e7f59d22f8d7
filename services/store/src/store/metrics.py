"""What the store counts and times."""

from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from store.core.ledger import ItemEntry

_LABELS_LIMIT = 100


class Metrics:
    """One set a process; `registry` is what /metrics shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.batch_events = Histogram(
            "store_batch_events",
            "Events in one call of a handler.",
            ["queue"],
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 512),
            registry=registry,
        )
        self.transaction_seconds = Histogram(
            "store_transaction_seconds",
            "From the first statement of a batch to its commit.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.changes = Counter(
            "store_changes_total", "Changes of inboxes, by kind of frame.", ["kind"], registry=registry
        )
        self.duplicates = Counter("store_duplicates_total", "Messages that said nothing new.", registry=registry)
        self.republished = Counter(
            "store_republished_total", "Changes published once more because their event came again.", registry=registry
        )
        self.scan_published = Counter(
            "store_scan_published_total",
            "Changes that the scan published: REST writes, and what a crash left behind.",
            registry=registry,
        )
        self.parked = Counter("store_parked_total", "Events given up, by handler.", ["handler"], registry=registry)
        self.refused = Counter("store_refused_total", "Events that contradict what is stored.", registry=registry)
        self.waiting = Gauge("store_waiting_webhooks", "Items of pages that nobody has connected.", registry=registry)
        self.lookups = Gauge(
            "store_profile_lookups",
            "Profiles to be fetched: due now, due later, or waiting for a page's new token.",
            ["state"],
            registry=registry,
        )
        self.waiting_dropped = Counter(
            "store_waiting_dropped_total", "Waiting items dropped, by bound.", ["bound"], registry=registry
        )
        self.released = Counter("store_released_total", "Waiting items sent on their way.", registry=registry)
        self.missing_items = Gauge(
            "store_unaccounted_items", "Items that came in over a minute ago and are nowhere.", registry=registry
        )
        self.waiting_facts = Gauge(
            "store_waiting_facts", "Messages that have not come and of which something was said.", registry=registry
        )
        self.pruned = Counter(
            "store_pruned_total",
            "Rows deleted because they were old enough, by what they were.",
            ["what"],
            registry=registry,
        )
        self._items = Counter(
            "store_items_total",
            "Items told to the inbox, by outcome and kind; one that came again counts again.",
            ["outcome", "kind"],
            registry=registry,
        )
        self._item_kinds: set[str] = set()
        self.search_indexed = Counter(
            "store_search_indexed_total", "Messages whose terms were written or deleted.", registry=registry
        )
        self._raw_items = Counter(
            "store_raw_items_total", "Items of no known type, by what they look like.", ["label"], registry=registry
        )
        self._raw_labels: set[str] = set()

    def count_raw_item(self, label: str) -> None:
        """Count one; labels come from outside, so only the first hundred get a series of their own."""
        self._raw_items.labels(_bounded(label, self._raw_labels)).inc()

    def count_items(self, entries: Iterable[ItemEntry]) -> None:
        """Count what has become of items; the kinds of raw ones are labels from outside, so they are limited too."""
        for (outcome, kind), number in Counts((entry.outcome, entry.kind) for entry in entries).items():
            self._items.labels(outcome, _bounded(kind, self._item_kinds)).inc(number)


def _bounded(label: str, known: set[str]) -> str:
    if label not in known:
        if len(known) >= _LABELS_LIMIT:
            label = "other"
        known.add(label)
    return label
