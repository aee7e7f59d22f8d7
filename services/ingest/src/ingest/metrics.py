"""Metrics of ingest."""

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """All metrics of ingest, in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.webhooks = Counter(
            "switchboard_ingest_webhooks_total", "Webhooks answered", ["platform", "status"], registry=registry
        )
        self.publish_seconds = Histogram(
            "switchboard_ingest_publish_seconds",
            "Time from a verified body to the broker's confirm",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=registry,
        )
