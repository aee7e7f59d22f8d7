"""Limits how many connections may be in their handshake at once, and shares the limit among addresses."""

from typing import Protocol

from push_gateway.metrics import Metrics


class Opening(Protocol):
    """A connection in its handshake. Hashable."""

    def give_way(self) -> None:
        """End the connection, because others need its place."""


class HandshakeLimiter:
    """Counts connections that have not become a session: in their handshake, being verified, or refused but still open.

    An address may have all of them, as long as no other needs one: many clients may share an address, behind a proxy or
    a company's router. When the limit is reached, the address with the most handshakes gives way to one that has fewer:
    its oldest handshake ends, which is the least likely to get anywhere.

    Args:
        limit: Handshakes at once. The caller refuses further connections before it reads from them.
        metrics: Gets the number of handshakes, of refused connections and of those that gave way.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._address_of: dict[Opening, str] = {}
        self._by_address: dict[str, dict[Opening, None]] = {}
        """Oldest first."""
        self._by_count: dict[int, dict[str, None]] = {}
        """The addresses that have this many, so that the largest is found at once during an attack."""
        self._largest = 0

    def __len__(self) -> int:
        """Return how many connections are in their handshake."""
        return len(self._address_of)

    def acquire(self, connection: Opening, address: str) -> bool:
        """Count `connection`; return False, and count nothing, if the limit is reached and nobody gives way."""
        if len(self) >= self._limit:
            after = len(self._by_address.get(address, ())) + 1
            if self._largest <= after:
                self._metrics.turned_away.inc()
                return False
            self._make_room()
        self._add(connection, address)
        self._metrics.opening.set(len(self))
        return True

    def move(self, connection: Opening, address: str) -> None:
        """Count `connection` for `address`, which is known only now, if it is still counted."""
        if self._address_of.get(connection, address) != address:
            self._remove(connection)
            self._add(connection, address)

    def release(self, connection: Opening) -> None:
        """Stop counting `connection`: it has become a session, or is gone. Idempotent."""
        if connection in self._address_of:
            self._remove(connection)
            self._metrics.opening.set(len(self))

    def _make_room(self) -> None:
        address = next(iter(self._by_count[self._largest]))
        oldest = next(iter(self._by_address[address]))
        self._remove(oldest)
        self._metrics.gave_way.inc()
        oldest.give_way()

    def _add(self, connection: Opening, address: str) -> None:
        self._address_of[connection] = address
        mine = self._by_address.setdefault(address, {})
        mine[connection] = None
        self._recount(address, len(mine) - 1, len(mine))
        self._largest = max(self._largest, len(mine))

    def _remove(self, connection: Opening) -> None:
        address = self._address_of.pop(connection)
        mine = self._by_address[address]
        del mine[connection]
        self._recount(address, len(mine) + 1, len(mine))
        if not mine:
            del self._by_address[address]
        if self._largest not in self._by_count:
            self._largest = len(mine)

    def _recount(self, address: str, before: int, now: int) -> None:
        if before:
            del self._by_count[before][address]
            if not self._by_count[before]:
                del self._by_count[before]
        if now:
            self._by_count.setdefault(now, {})[address] = None
