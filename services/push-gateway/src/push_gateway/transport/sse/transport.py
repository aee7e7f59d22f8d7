"""Writes a session's frames to the body of an HTTP response that does not end."""

import asyncio
from collections.abc import Callable

from push_gateway.core.close_codes import CloseCode
from push_gateway.transport.sse import encoding

_MAX_CHUNK_BYTES = 32 * 1024


class EventStreamTransport:
    """See `Transport`. Frames wait in a buffer until `next_chunk` hands them to the HTTP server.

    Args:
        write_buffer_bytes: Capacity of the buffer.
        low_water_bytes: The buffer has drained when it holds at most this.
    """

    def __init__(self, write_buffer_bytes: int, low_water_bytes: int) -> None:
        self.on_drained: Callable[[], None] | None = None
        self._write_buffer_bytes = write_buffer_bytes
        self._low_water_bytes = low_water_bytes
        self._buffer = bytearray(encoding.PREAMBLE)
        self._has_data = asyncio.Event()
        self._has_data.set()
        self._is_ending = False
        self.ended = asyncio.Event()
        """Set when the response is complete or the client is gone."""

    def __len__(self) -> int:
        """Return how many bytes are buffered."""
        return len(self._buffer)

    def capacity(self) -> int:
        """See `Transport`."""
        return self._write_buffer_bytes + 1 - len(self._buffer)

    def write(self, wire: bytes) -> bool:
        """See `Transport`."""
        if self._is_ending:
            return False
        self._buffer += wire
        self._has_data.set()
        return True

    async def close(self, code: CloseCode, reason: str, timeout_seconds: float) -> None:
        """See `Transport`.

        If the client is not reading, unsent frames are dropped in favour of the close event: the log still has them.
        """
        if not self._is_ending:
            self._is_ending = True
            if len(self._buffer) > self._low_water_bytes:
                self._buffer.clear()
            self._buffer += encoding.encode_close(code, reason)
            self._has_data.set()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.ended.wait()
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """Drop what is buffered and end the response."""
        self._is_ending = True
        self._buffer.clear()
        self._has_data.set()
        self.ended.set()

    async def next_chunk(self) -> bytes:
        """Wait for buffered bytes and return up to 32 KiB of them; return b"" at the end of the stream."""
        if self.on_drained is not None and len(self._buffer) <= self._low_water_bytes:
            self.on_drained()
        await self._has_data.wait()
        chunk = bytes(self._buffer[:_MAX_CHUNK_BYTES])
        del self._buffer[:_MAX_CHUNK_BYTES]
        if not self._buffer and not self._is_ending:
            self._has_data.clear()
        return chunk
