"""Metrics of the broker adapter."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """All metrics of one broker, in `registry`. A second set in the same registry is an error."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.confirm_seconds = Histogram(
            "switchboard_broker_confirm_seconds",
            "Time from sending an AMQP message to the broker's confirm",
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_events = Histogram(
            "switchboard_broker_batch_events",
            "Events in one published AMQP message",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self.unconfirmed = Counter(
            "switchboard_broker_unconfirmed_total",
            "AMQP messages not known to be safe: returned, nacked, timeout, lost or disconnected",
            ["reason"],
            registry=registry,
        )
        self.consumer_active = Gauge(
            "switchboard_broker_consumer_active",
            "1 while the broker delivers to the consumer of the queue",
            ["queue"],
            registry=registry,
        )
        self.events = Counter(
            "switchboard_broker_events_total",
            "Events finished, by outcome: done, retried, parked or dead",
            ["queue", "outcome"],
            registry=registry,
        )
        self.handler_seconds = Histogram(
            "switchboard_broker_handler_seconds",
            "Duration of one call of a handler",
            ["queue"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.holding = Gauge(
            "switchboard_broker_holding",
            "Calls that hold their events because a dependency is unavailable",
            ["queue"],
            registry=registry,
        )
