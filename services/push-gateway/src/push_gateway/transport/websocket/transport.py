"""Writes a session's frames to its WebSocket."""

from collections.abc import Callable

from websockets.protocol import State

from push_gateway.core.close_codes import CloseCode
from push_gateway.transport.websocket.connection import GatewayConnection, close_within


class WebSocketTransport:
    """See `Transport`. Frames are encoded already, so they go to the TCP transport unchanged.

    Args:
        connection: An accepted WebSocket.
        write_buffer_bytes: Capacity of its write buffer.
    """

    def __init__(self, connection: GatewayConnection, write_buffer_bytes: int) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._protocol = connection.protocol
        self._write_buffer_bytes = write_buffer_bytes

    @property
    def on_drained(self) -> Callable[[], None] | None:
        """See `Transport`."""
        return self._connection.on_drained

    @on_drained.setter
    def on_drained(self, on_drained: Callable[[], None] | None) -> None:
        self._connection.on_drained = on_drained

    def capacity(self) -> int:
        """See `Transport`."""
        # One byte over the limit: asyncio calls `resume_writing` only after the buffer was larger than its high-water
        # mark, which is `write_buffer_bytes`.
        return self._write_buffer_bytes + 1 - self._transport.get_write_buffer_size()

    def write(self, wire: bytes) -> bool:
        """See `Transport`."""
        if self._protocol.state is not State.OPEN or self._transport.is_closing():
            return False
        try:
            self._transport.write(wire)
        except (OSError, RuntimeError):
            return False  # whoever reads from the connection sees the error
        return True

    async def close(self, code: CloseCode, reason: str, timeout_seconds: float) -> None:
        """See `Transport`."""
        await close_within(self._connection, code, reason, timeout_seconds)
