"""The gateway's metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from push_gateway.core import CountedEvent

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Every metric of the gateway, in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sockets = Gauge("switchboard_gateway_sockets", "Open sockets and event streams.", registry=registry)
        self.streams = Gauge(
            "switchboard_gateway_streams",
            "Open streams of server-sent events; they count as sockets too.",
            registry=registry,
        )
        self.opening = Gauge(
            "switchboard_gateway_opening",
            "Connections that are no session yet, or were refused and are still open.",
            registry=registry,
        )
        self.turned_away = Counter(
            "switchboard_gateway_turned_away",
            "Connections refused with 503 because too many were in their handshake.",
            registry=registry,
        )
        self.gave_way = Counter(
            "switchboard_gateway_gave_way",
            "Handshakes ended because their address had the most of them and another address needed a place.",
            registry=registry,
        )
        self.signals = Counter(
            "switchboard_gateway_signals",
            "Typing and presence signals: sent to other gateways, heard from them, or dropped.",
            ["outcome"],
            registry=registry,
        )
        self.read_marks = Counter(
            "switchboard_gateway_read_marks",
            "Read marks of clients: stored, refused by the store, or dropped because too many were pending.",
            ["outcome"],
            registry=registry,
        )
        self.store_calls = Counter(
            "switchboard_gateway_store_calls",
            "Calls of the store: answered, unavailable (temporary) or refused (an operator must act).",
            ["call", "outcome"],
            registry=registry,
        )
        self.background_ended = Counter(
            "switchboard_gateway_background_ended",
            "Background tasks that ended because of a bug.",
            ["task"],
            registry=registry,
        )
        self.users = Gauge("switchboard_gateway_users", "Users whose changes this process receives.", registry=registry)
        self.frames_sent = Counter("switchboard_gateway_frames_sent", "Frames written to sockets.", registry=registry)
        self.webhook_to_frame_seconds = Histogram(
            "switchboard_gateway_webhook_to_frame_seconds",
            "From the arrival of a webhook until its frame was first written to a socket.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.closes = Counter(
            "switchboard_gateway_closes", "Sockets closed by the server.", ["code"], registry=registry
        )
        self._buffered_bytes = Gauge(
            "switchboard_gateway_buffered_bytes", "Bytes in the write buffers of all sockets.", registry=registry
        )
        counted = {
            CountedEvent.RESUMED: ("resumes", "Sessions that continued after the client's position."),
            CountedEvent.RESET: ("resets", "Clients that were told to load their inbox again."),
            CountedEvent.GAP: ("gaps_fetched", "Missing events that were read from the log."),
            CountedEvent.LAGGING: ("lagging", "Times that a session paused because its write buffer was full."),
        }
        self.counted_events = {
            event: Counter(f"switchboard_gateway_{name}", text, registry=registry)
            for event, (name, text) in counted.items()
        }

    def measure_buffered_bytes(self, measure: Callable[[], int]) -> None:
        """Call `measure` at every scrape."""
        self._buffered_bytes.set_function(measure)
