"""What the enricher counts. Every label value comes from a closed vocabulary."""

from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The enricher's metrics, registered once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._items = Counter(
            "switchboard_enricher_items_total",
            "Items typed, by what they look like",
            ["label", "kind"],
            registry=registry,
        )
        self.bad_items = Counter("switchboard_enricher_bad_items_total", "Items parked alone", registry=registry)
        self.unreadable = Counter("switchboard_enricher_unreadable_total", "Webhooks parked whole", registry=registry)
        self.unclaimed = Counter(
            "switchboard_enricher_unclaimed_total", "Items of pages that nobody has connected", registry=registry
        )
        self._accounts = Counter(
            "switchboard_enricher_account_reads_total", "Reads of a page's owners", ["result"], registry=registry
        )
        self._profiles = Counter(
            "switchboard_enricher_profiles_total",
            "How customers' messages got a name, or why not",
            ["outcome"],
            registry=registry,
        )
        self._graph_calls = Counter(
            "switchboard_enricher_graph_calls_total",
            "Calls to the Graph API, by what they were answered",
            ["outcome"],
            registry=registry,
        )
        self._graph_holds = Counter(
            "switchboard_enricher_graph_holds_total",
            "How often calls for a page, or for the whole app, were stopped, and why",
            ["reason"],
            registry=registry,
        )
        self.usage_percent = Gauge(
            "switchboard_enricher_graph_usage_percent",
            "What the platform says is used of its limits: the app's, and the greatest of a page within a minute",
            ["limit"],
            registry=registry,
        )
        self.wait_seconds = Histogram(
            "switchboard_enricher_profile_wait_seconds",
            "How long a message waited for its author's name, from when its owner was known until it went on",
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
            "Requests for media, by how they ended",
            ["outcome"],
            registry=registry,
        )
        self.media_bytes = Counter(
            "switchboard_enricher_media_bytes_total", "Bytes of media passed on", registry=registry
        )
        self.media_seconds = Histogram(
            "switchboard_enricher_media_seconds",
            "How long a request for a medium took, to its last byte",
            buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120),
            registry=registry,
        )
        self.media = lru_cache(maxsize=32)(self._media.labels)
        self.item = lru_cache(maxsize=1024)(self._items.labels)
        self.account_read = lru_cache(maxsize=16)(self._accounts.labels)
        self.profile = lru_cache(maxsize=16)(self._profiles.labels)
        self.hold = lru_cache(maxsize=16)(self._graph_holds.labels)
        self.graph_call = lru_cache(maxsize=16)(self._graph_calls.labels)
