"""Limits how many connections may be in their handshake at once."""

from push_gateway.metrics import Metrics


class HandshakeLimiter:
    """Counts connections that have neither become a session nor been refused yet.

    Args:
        limit: Handshakes at once. The caller refuses further connections before it reads from them.
        metrics: Gets the number of handshakes and of refused connections.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._connections: set[object] = set()

    def acquire(self, connection: object) -> bool:
        """Count `connection`; return False, and count nothing, if the limit is reached."""
        if len(self._connections) >= self._limit:
            self._metrics.turned_away.inc()
            return False
        self._connections.add(connection)
        self._metrics.opening.set(len(self._connections))
        return True

    def release(self, connection: object) -> None:
        """Stop counting `connection`: it has become a session, was refused, or is gone. Idempotent."""
        self._connections.discard(connection)
        self._metrics.opening.set(len(self._connections))
