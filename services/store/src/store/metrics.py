"""What the store counts and times."""

from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.aio.turn_queue import AllBusy, UserBusy
from store.core.ledger import ItemEntry

_LABELS_LIMIT = 100


class Metrics:
    """One set per process, in `registry`, which /metrics shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.batch_events = Histogram(
            "store_batch_events",
            "Events per call of a handler.",
            ["queue"],
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 512),
            registry=registry,
        )
        self.transaction_seconds = Histogram(
            "store_transaction_seconds",
            "Duration of a batch's transaction, from its first statement to its commit.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self.turn_wait_seconds = Histogram(
            "store_turn_wait_seconds",
            "How long users' requests waited for their turn at Postgres, by class: lists or search.",
            ["class"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
        self._turns_refused = Counter(
            "store_turns_refused_total",
            "Users' requests refused because too many waited: of the same user (429) or of all users (503).",
            ["class", "whose"],
            registry=registry,
        )
        for kind in ("lists", "search"):
            for whose in ("user", "all"):
                self._turns_refused.labels(kind, whose)
        self.changes = Counter("store_changes_total", "Changes of inboxes, by frame type.", ["kind"], registry=registry)
        self.duplicates = Counter(
            "store_duplicates_total",
            "Items that changed nothing, because everything was stored already.",
            registry=registry,
        )
        self.republished = Counter(
            "store_republished_total", "Changes published again because their event was redelivered.", registry=registry
        )
        self.scan_published = Counter(
            "store_scan_published_total",
            "Changes that the outbox scan published: those of REST requests, and those that a crash left unpublished.",
            registry=registry,
        )
        self.parked = Counter("store_parked_total", "Parked events, by handler.", ["handler"], registry=registry)
        self.refused = Counter(
            "store_refused_total", "Events refused because they contradict what is stored.", registry=registry
        )
        self.waiting = Gauge("store_waiting_webhooks", "Items of unclaimed webhooks.", registry=registry)
        self.lookups = Gauge(
            "store_profile_lookups",
            "Profile lookups: due now, due later, or waiting for a new access token.",
            ["state"],
            registry=registry,
        )
        self.waiting_dropped = Counter(
            "store_waiting_dropped_total",
            "Items of unclaimed webhooks dropped, by limit: number per page or age.",
            ["bound"],
            registry=registry,
        )
        self.released = Counter(
            "store_released_total",
            "Items of unclaimed webhooks published because their page was connected.",
            registry=registry,
        )
        self.missing_items = Gauge(
            "store_unaccounted_items", "Items received over a minute ago that have no outcome.", registry=registry
        )
        self.waiting_facts = Gauge(
            "store_waiting_facts", "Messages that have not arrived and have pending annotations.", registry=registry
        )
        self.audit_number = Gauge(
            "store_audit_number", "Number of the last record of the audit log. It never decreases.", registry=registry
        )
        self.erasure_batches = Counter(
            "store_erasure_batches_total", "Batches that the erasure job has done.", registry=registry
        )
        self.pruned = Counter(
            "store_pruned_total",
            "Rows deleted by the retention job, by rule.",
            ["what"],
            registry=registry,
        )
        self._items = Counter(
            "store_items_total",
            "Items by outcome and kind; redelivered items count again.",
            ["outcome", "kind"],
            registry=registry,
        )
        self._item_kinds: set[str] = set()
        self.search_indexed = Counter(
            "store_search_indexed_total", "Messages written to the search index or deleted from it.", registry=registry
        )
        self._raw_items = Counter(
            "store_raw_items_total", "Items of unknown types, by label.", ["label"], registry=registry
        )
        self._raw_labels: set[str] = set()

    def count_refused_turn(self, kind: str, error: UserBusy | AllBusy) -> None:
        """Count a request of the class `kind` that got no turn."""
        self._turns_refused.labels(kind, "user" if isinstance(error, UserBusy) else "all").inc()

    def count_raw_item(self, label: str) -> None:
        """Count a raw item. Labels come from outside, so only the first hundred get a series of their own."""
        self._raw_items.labels(_bounded(label, self._raw_labels)).inc()

    def count_items(self, entries: Iterable[ItemEntry]) -> None:
        """Count outcomes of items. The kinds of raw items are labels from outside, so they are limited as well."""
        for (outcome, kind), number in Counts((entry.outcome, entry.kind) for entry in entries).items():
            self._items.labels(outcome, _bounded(kind, self._item_kinds)).inc(number)


def _bounded(label: str, known: set[str]) -> str:
    if label not in known:
        if len(known) >= _LABELS_LIMIT:
            label = "other"
        known.add(label)
    return label
