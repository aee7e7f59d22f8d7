"""Where a session writes: a WebSocket, or the body of an HTTP answer that does not end."""

import asyncio
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.protocol import State
from websockets.server import ServerProtocol

from push_gateway import event_stream
from push_gateway.core import TokenBucket
from push_gateway.core.frames import CloseCode
from push_gateway.metrics import Metrics

_LARGEST_PIECE_BYTES = 32 * 1024
_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Openings:
    """Connections that are neither a session nor refused yet.

    Args:
        limit: more are turned away before anything is read from them.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._under_way: set[object] = set()

    def begin(self, connection: object) -> bool:
        """Count `connection`, or return False when there are too many."""
        if len(self._under_way) >= self._limit:
            self._metrics.turned_away.inc()
            return False
        self._under_way.add(connection)
        self._metrics.opening.set(len(self._under_way))
        return True

    def end(self, connection: object) -> None:
        """It has become a session, or has gone. May be called twice."""
        self._under_way.discard(connection)
        self._metrics.opening.set(len(self._under_way))


class Connection(ServerConnection):
    """A socket that is bounded in what it takes in, says when it has drained, and logs no request: it may hold a token.

    Args:
        openings: where it counts until it is a session.
        incoming: how many bytes the client may send, whatever they are; made anew for each connection.
    """

    def __init__(
        self, protocol: ServerProtocol, server: Server, *, openings: Openings, incoming: TokenBucket, **options: Any
    ) -> None:
        super().__init__(protocol, server, **options)
        self.debug = protocol.debug = False
        self.on_drained: Callable[[], None] | None = None
        self.on_flood: Callable[[], None] | None = None
        self._openings = openings
        self._incoming = incoming
        self._is_deaf = False
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once; nothing has been read yet."""
        if self._openings.begin(self):
            super().connection_made(transport)
            return
        self._is_deaf = self._is_refused = True
        assert isinstance(transport, asyncio.Transport)
        transport.write(_REFUSAL)
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once, at the very end."""
        self.opened()
        if not self._is_refused:
            super().connection_lost(exc)

    def eof_received(self) -> None:
        """Called when the client has ended its side."""
        if not self._is_refused:
            super().eof_received()

    def opened(self) -> None:
        """It is a session, or refused with a close code."""
        self._openings.end(self)

    def data_received(self, data: bytes) -> None:
        """Count every byte: pings and fragments cost as much as messages do."""
        if self._is_deaf:
            return
        if not self._incoming.take(len(data), self.loop.time()):
            self._is_deaf = True
            if self.on_flood is None:
                self.transport.abort()
            else:
                self.on_flood()
            return
        super().data_received(data)

    def resume_writing(self) -> None:
        """Called by the transport when its buffer is below the low-water mark again."""
        super().resume_writing()
        if self.on_drained is not None:
            self.on_drained()


async def close_within(connection: ServerConnection, code: CloseCode, reason: str, seconds: float) -> None:
    """Close in good order; cut the connection when that takes longer than `seconds` (a client that does not read)."""
    try:
        async with asyncio.timeout(seconds):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()


class SocketOutlet:
    """A WebSocket. Frames are written to its transport as they are.

    Args:
        budget_bytes: with more than this unsent there is no room.
    """

    def __init__(self, connection: Connection, budget_bytes: int) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._protocol = connection.protocol
        self._budget_bytes = budget_bytes

    @property
    def on_drained(self) -> Callable[[], None] | None:
        """See `Outlet`."""
        return self._connection.on_drained

    @on_drained.setter
    def on_drained(self, on_drained: Callable[[], None] | None) -> None:
        self._connection.on_drained = on_drained

    def room(self) -> int:
        """See `Outlet`."""
        # One byte more than the budget: the transport calls `resume_writing` only after it had more than its limit.
        return self._budget_bytes + 1 - self._transport.get_write_buffer_size()

    def write(self, wire: bytes) -> bool:
        """See `Outlet`."""
        if self._protocol.state is not State.OPEN or self._transport.is_closing():
            return False
        try:
            self._transport.write(wire)
        except (OSError, RuntimeError):
            return False  # the reader is told
        return True

    async def close(self, code: CloseCode, reason: str, seconds: float) -> None:
        """See `Outlet`."""
        await close_within(self._connection, code, reason, seconds)


class StreamOutlet:
    """The body of an HTTP answer. What is written waits here until `take` hands it to the server.

    Args:
        budget_bytes: with more than this waiting there is no room.
        low_water_bytes: with less than this it has drained.
    """

    def __init__(self, budget_bytes: int, low_water_bytes: int) -> None:
        self.on_drained: Callable[[], None] | None = None
        self._budget_bytes = budget_bytes
        self._low_water_bytes = low_water_bytes
        self._waiting = bytearray(event_stream.OPENING)
        self._something = asyncio.Event()
        self._something.set()
        self._is_ending = False
        self.gone = asyncio.Event()
        """Whether the answer has ended, or the client has gone."""

    def __len__(self) -> int:
        """How many bytes wait."""
        return len(self._waiting)

    def room(self) -> int:
        """See `Outlet`."""
        return self._budget_bytes + 1 - len(self._waiting)

    def write(self, wire: bytes) -> bool:
        """See `Outlet`."""
        if self._is_ending:
            return False
        self._waiting += wire
        self._something.set()
        return True

    async def close(self, code: CloseCode, reason: str, seconds: float) -> None:
        """See `Outlet`. What a client that does not read was not sent is dropped: it is in the log."""
        if not self._is_ending:
            self._is_ending = True
            if len(self._waiting) > self._low_water_bytes:
                self._waiting.clear()
            self._waiting += event_stream.closing(code, reason)
            self._something.set()
        try:
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        except TimeoutError:
            self.hang_up()

    def hang_up(self) -> None:
        """Nothing more will be taken."""
        self._is_ending = True
        self._waiting.clear()
        self._something.set()
        self.gone.set()

    async def take(self) -> bytes:
        """Return a piece of what waits, as soon as there is any; nothing at the end."""
        if self.on_drained is not None and len(self._waiting) <= self._low_water_bytes:
            self.on_drained()
        await self._something.wait()
        piece = bytes(self._waiting[:_LARGEST_PIECE_BYTES])
        del self._waiting[:_LARGEST_PIECE_BYTES]
        if not self._waiting and not self._is_ending:
            self._something.clear()
        return piece
