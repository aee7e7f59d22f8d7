"""What a server has received of requests that it has not answered yet: how long it may take, and how much it may be.

A request costs memory from its first byte on, before anybody knows who sends it. So the limits are those of the server,
not of a route: they hold for every request, whatever its application does with the body.
"""

from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from shared.http.problems import MEDIA_TYPE, TYPE_PREFIX, Problem
from shared.settings import ServiceSettings

_RETRY_AFTER_SECONDS = 2


class Refused(Enum):
    """Why a request was refused before it had arrived."""

    SLOW_HEAD = (HTTPStatus.REQUEST_TIMEOUT, "request-timeout", "The head of the request took too long.")
    LARGE_HEAD = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large", "The head of the request is too large.")
    SLOW_BODY = (HTTPStatus.REQUEST_TIMEOUT, "request-timeout", "The request body took too long.")
    OVERLOADED = (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Too many request bodies are arriving.")

    @property
    def response(self) -> bytes:
        """The whole response, as it is sent."""
        return _RESPONSES[self]


def _response(refused: Refused) -> bytes:
    status, name, title = refused.value
    body = msgspec.json.encode(Problem(type=TYPE_PREFIX + name, title=title, status=status))
    retry = f"Retry-After: {_RETRY_AFTER_SECONDS}\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        f"{retry}Connection: close\r\n\r\n"
    )
    return head.encode() + body


_RESPONSES = {refused: _response(refused) for refused in Refused}


@dataclass(frozen=True, kw_only=True)
class IntakeLimits:
    """Limits of what a server receives."""

    head_seconds: float = 10.0
    """Within this time the head of a request must have arrived, from its first byte on."""
    head_bytes: int = 64 * 1024
    """A larger head is refused unless it arrives in one piece."""
    body_grace_seconds: float = 10.0
    """A body may take this long, and a second more for every `body_bytes_per_second` that have arrived."""
    body_bytes_per_second: float = 1024.0
    body_seconds: float = 60.0
    """A body must have arrived within this time, however fast it is."""
    bytes_in_flight: int = 64 * 1024 * 1024
    """Of all requests that are not answered yet."""
    idle_seconds: float = 75.0
    """A connection without a request is closed after this time."""

    @classmethod
    def of(cls, settings: ServiceSettings) -> "IntakeLimits":
        """Return the limits that the settings of a service ask for."""
        return cls(
            body_bytes_per_second=settings.body_bytes_per_second,
            body_seconds=settings.body_seconds,
            bytes_in_flight=settings.max_bytes_in_flight,
        )

    def body_seconds_after(self, received_bytes: int) -> float:
        """Return how long a body may have taken of which `received_bytes` have arrived."""
        return min(self.body_seconds, self.body_grace_seconds + received_bytes / self.body_bytes_per_second)


class Incoming:
    """One request, from its first byte until it has arrived completely and its application has ended."""

    # Defaults of the class: a request costs as little as possible.
    held_bytes = 0
    has_arrived = False
    has_ended = False
    is_refused = False

    def refuse(self, reason: Refused) -> None:
        """End the request and its connection. Called at most once."""
        raise NotImplementedError


class Intake:
    """Counts the bytes in flight of one process, and makes room when there are too many.

    The request that has been arriving for the longest time gives way first: what honest clients send arrives within
    moments, so those that wait are the ones that can wait.

    Args:
        limits: see `IntakeLimits`.
        registry: gets the metrics.
        prefix: of the metrics' names. Services that share a process share the registry.
    """

    def __init__(self, limits: IntakeLimits, registry: CollectorRegistry, *, prefix: str = "switchboard") -> None:
        self.limits = limits
        self.bytes_in_flight = 0
        self._limit = limits.bytes_in_flight
        self._arriving: dict[Incoming, None] = {}
        Gauge(
            f"{prefix}_bytes_in_flight", "Bytes of requests that are not answered yet.", registry=registry
        ).set_function(lambda: self.bytes_in_flight)
        self._refused = Counter(
            f"{prefix}_requests_refused", "Requests refused before they had arrived.", ["reason"], registry=registry
        )

    def receive(self, incoming: Incoming, count: int) -> bool:
        """Count `count` bytes of `incoming`; return False if it has to be refused because there is no room for them.

        Requests that have not arrived yet, including `incoming`, may be refused.
        """
        incoming.held_bytes += count
        self.bytes_in_flight += count
        if not incoming.has_arrived:
            self._arriving.setdefault(incoming)
        if self.bytes_in_flight <= self._limit:
            return True
        self._make_room()
        return self.bytes_in_flight <= self._limit

    def arrived(self, incoming: Incoming) -> None:
        """Take note that no more bytes of `incoming` will come."""
        incoming.has_arrived = True
        if incoming.held_bytes:  # else all of it is in this read
            self._arriving.pop(incoming, None)
        if incoming.has_ended:
            self._release(incoming)

    def ended(self, incoming: Incoming) -> None:
        """Take note that the application has ended, or will never be called."""
        incoming.has_ended = True
        if incoming.has_arrived:
            self._release(incoming)

    def refuse(self, incoming: Incoming, reason: Refused) -> None:
        """Refuse a request, and hold nothing of it any more."""
        self._refused.labels(reason.name.lower()).inc()
        incoming.is_refused = True
        self._arriving.pop(incoming, None)
        self._release(incoming)
        incoming.refuse(reason)

    def _make_room(self) -> None:
        while self._arriving and self.bytes_in_flight > self._limit:
            self.refuse(next(iter(self._arriving)), Refused.OVERLOADED)

    def _release(self, incoming: Incoming) -> None:
        self.bytes_in_flight -= incoming.held_bytes
        incoming.held_bytes = 0
