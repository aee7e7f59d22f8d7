"""A WebSocket connection with the gateway's limits."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.protocol import State
from websockets.server import ServerProtocol

from push_gateway.core import TokenBucket
from push_gateway.core.close_codes import CloseCode
from push_gateway.transport.addresses import Network, client_address, share_of
from push_gateway.transport.handshake_limiter import HandshakeLimiter

_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class GatewayConnection(ServerConnection):
    """Limits what a client may send, reports when the write buffer has drained, and never logs a request.

    A request may carry a token in its URL, so the debug logging of websockets is off.

    Args:
        handshakes: Counts the connection until it has become a session.
        incoming: Limits the bytes that the client may send, of any kind. One per connection.
        trusted_proxies: Who may say in `X-Forwarded-For` which address a client has.
    """

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        handshakes: HandshakeLimiter,
        incoming: TokenBucket,
        trusted_proxies: Sequence[Network],
        **options: Any,
    ) -> None:
        super().__init__(protocol, server, **options)
        self.debug = protocol.debug = False
        self.on_drained: Callable[[], None] | None = None
        self.on_too_many_bytes: Callable[[], None] | None = None
        self._handshakes = handshakes
        self._incoming = incoming
        self._trusted_proxies = trusted_proxies
        self._peer = ""
        self._ignores_input = False
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio before anything has been read."""
        self._peer = str(transport.get_extra_info("peername")[0])
        if self._handshakes.acquire(self, share_of(self._peer)):
            super().connection_made(transport)
            return
        self._ignores_input = self._is_refused = True
        assert isinstance(transport, asyncio.Transport)
        transport.write(_REFUSAL)
        transport.close()

    def attribute(self, forwarded_for: Iterable[str]) -> None:
        """Count the handshake for the client's own address, if a trusted proxy names it.

        Args:
            forwarded_for: All values of `X-Forwarded-For`.
        """
        if self._trusted_proxies:
            address = client_address(self._peer, forwarded_for, self._trusted_proxies)
            self._handshakes.move(self, share_of(address))

    def give_way(self) -> None:
        """End the handshake, because another address needs its place."""
        self._ignores_input = True
        if self.protocol.state is State.CONNECTING:
            self.transport.write(_REFUSAL)
            self.transport.close()
        else:  # a WebSocket already, whose token is being verified
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio when the connection is closed."""
        self.end_handshake()
        if not self._is_refused:
            super().connection_lost(exc)

    def eof_received(self) -> None:
        """Called by asyncio when the client has closed its side."""
        if not self._is_refused:
            super().eof_received()

    def end_handshake(self) -> None:
        """Stop counting this connection as a handshake: it has become a session, or is gone."""
        self._handshakes.release(self)

    def data_received(self, data: bytes) -> None:
        """Count every byte: pings and fragments cost as much as messages do."""
        if self._ignores_input:
            return
        if not self._incoming.take(len(data), self.loop.time()):
            self._ignores_input = True
            if self.on_too_many_bytes is None:
                self.transport.abort()
            else:
                self.on_too_many_bytes()
            return
        super().data_received(data)

    def resume_writing(self) -> None:
        """Called by asyncio when the write buffer is below its low-water mark again."""
        super().resume_writing()
        if self.on_drained is not None:
            self.on_drained()


async def close_within(connection: ServerConnection, code: CloseCode, reason: str, timeout_seconds: float) -> None:
    """Perform the closing handshake, or abort the connection after `timeout_seconds` if the client does not read."""
    try:
        async with asyncio.timeout(timeout_seconds):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()
