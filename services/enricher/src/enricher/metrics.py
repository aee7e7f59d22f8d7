"""The enricher's metrics. Every label value comes from a closed vocabulary."""

from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Registers the metrics.

    Args:
        registry: must not contain them yet.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._items = Counter(
            "switchboard_enricher_items_total",
            "Parsed items, by label and kind",
            ["label", "kind"],
            registry=registry,
        )
        self.bad_items = Counter(
            "switchboard_enricher_bad_items_total",
            "Bad items, parked without the others of their webhook",
            registry=registry,
        )
        self.foreign_items = Counter(
            "switchboard_enricher_foreign_items_total",
            "Items parked because the app secret of their webhook does not speak for their page",
            registry=registry,
        )
        self.unreadable = Counter(
            "switchboard_enricher_unreadable_total",
            "Webhooks that could not be split and were parked whole",
            registry=registry,
        )
        self.unclaimed = Counter(
            "switchboard_enricher_unclaimed_total", "Items of pages that nobody has connected", registry=registry
        )
        self._accounts = Counter(
            "switchboard_enricher_account_reads_total",
            "Reads of a page's owners, by cache hit or miss",
            ["result"],
            registry=registry,
        )
        self._profiles = Counter(
            "switchboard_enricher_profiles_total",
            "Profiles of customers' messages, by their source or why there is none",
            ["outcome"],
            registry=registry,
        )
        self._graph_calls = Counter(
            "switchboard_enricher_graph_calls_total",
            "Calls to the Graph API, by result",
            ["outcome"],
            registry=registry,
        )
        self._graph_holds = Counter(
            "switchboard_enricher_graph_holds_total",
            "Holds of calls for a page or the whole app, by reason",
            ["reason"],
            registry=registry,
        )
        self.usage_percent = Gauge(
            "switchboard_enricher_graph_usage_percent",
            "Usage of the platform's limits: of the app, and the highest of any page within a minute",
            ["limit"],
            registry=registry,
        )
        self.wait_seconds = Histogram(
            "switchboard_enricher_profile_wait_seconds",
            "How long a message waited for its author's profile after its owner was known",
            buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5, 0.75, 1, 2, 5),
            registry=registry,
        )
        self.graph_seconds = Histogram(
            "switchboard_enricher_graph_seconds",
            "Duration of a call to the Graph API",
            buckets=(0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4),
            registry=registry,
        )
        self._media = Counter(
            "switchboard_enricher_media_total",
            "Requests for media, by outcome",
            ["outcome"],
            registry=registry,
        )
        self.media_bytes = Counter(
            "switchboard_enricher_media_bytes_total", "Bytes of media sent to browsers", registry=registry
        )
        self.media_seconds = Histogram(
            "switchboard_enricher_media_seconds",
            "Duration of a request for media, to the last byte",
            buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120),
            registry=registry,
        )
        self.media = lru_cache(maxsize=32)(self._media.labels)
        self.item = lru_cache(maxsize=1024)(self._items.labels)
        self.account_read = lru_cache(maxsize=16)(self._accounts.labels)
        self.profile = lru_cache(maxsize=16)(self._profiles.labels)
        self.hold = lru_cache(maxsize=16)(self._graph_holds.labels)
        self.graph_call = lru_cache(maxsize=16)(self._graph_calls.labels)
