"""What operators measure of the gateway."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from push_gateway.core import CountedEvent

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Every metric of the gateway, in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sockets = Gauge("switchboard_gateway_sockets", "Open sockets and streams.", registry=registry)
        self.streams = Gauge(
            "switchboard_gateway_streams",
            "Open streams of server-sent events, which count as sockets too.",
            registry=registry,
        )
        self.opening = Gauge(
            "switchboard_gateway_opening", "Connections that are neither sockets nor refused yet.", registry=registry
        )
        self.turned_away = Counter(
            "switchboard_gateway_turned_away",
            "Connections answered 503 at once, because too many were opening.",
            registry=registry,
        )
        self.signals = Counter(
            "switchboard_gateway_signals",
            "Typing and presence: sent to other gateways, heard from them, dropped because too many wait.",
            ["outcome"],
            registry=registry,
        )
        self.read_marks = Counter(
            "switchboard_gateway_read_marks",
            "Clients' marks of what was read: stored, refused by the store, dropped because too many wait.",
            ["outcome"],
            registry=registry,
        )
        self.store_calls = Counter(
            "switchboard_gateway_store_calls",
            "Calls of the store: answered, unavailable (it is away), refused (somebody has to mend something).",
            ["call", "outcome"],
            registry=registry,
        )
        self.background_ended = Counter(
            "switchboard_gateway_background_ended",
            "Tasks that work as long as the process does, and have ended by a bug.",
            ["task"],
            registry=registry,
        )
        self.users = Gauge("switchboard_gateway_users", "Users whose changes this process hears.", registry=registry)
        self.frames_sent = Counter("switchboard_gateway_frames_sent", "Frames written to sockets.", registry=registry)
        self.webhook_to_frame_seconds = Histogram(
            "switchboard_gateway_webhook_to_frame_seconds",
            "From the arrival of a webhook to the frame's first write to a socket.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.closes = Counter(
            "switchboard_gateway_closes", "Sockets closed by the server.", ["code"], registry=registry
        )
        self._buffered_bytes = Gauge(
            "switchboard_gateway_buffered_bytes", "Bytes that sockets have not taken yet.", registry=registry
        )
        texts = {
            CountedEvent.RESUMED: ("resumes", "Sockets that went on where the client was."),
            CountedEvent.RESET: ("resets", "Clients told to load their inbox anew."),
            CountedEvent.GAP: ("gaps_fetched", "Missing events that were read from the log."),
            CountedEvent.LAGGING: ("lagging", "Times that a socket had too much unsent to be fed."),
        }
        self.counted_events = {
            event: Counter(f"switchboard_gateway_{name}", text, registry=registry)
            for event, (name, text) in texts.items()
        }

    def measure_buffered_bytes(self, measure: Callable[[], int]) -> None:
        """Ask `measure` at every scrape."""
        self._buffered_bytes.set_function(measure)
