"""One origin in front of several listeners, chosen by path; what nginx does in compose, for `switchboard up`.

Every connection carries one request: the head is read, `Connection: close` is put into it (upgrades keep theirs), and
from then on bytes are copied both ways until one side ends. Nothing is interpreted, so bodies and WebSocket frames pass
as they came.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from shared.http.server import listening_socket

_HEAD_LIMIT_BYTES = 64 * 1024
_HEAD_TIMEOUT_SECONDS = 10.0
_CONNECT_TIMEOUT_SECONDS = 2.0
_COPY_BYTES = 64 * 1024
_REQUEST_LINE = re.compile(rb"[A-Z]+ (/[^ ?]*)(?:\?[^ ]*)? HTTP/1\.[01]")
_CONNECTION_HEADER = re.compile(rb"\r\nConnection:[^\r\n]*", re.IGNORECASE)
_UPGRADE = re.compile(rb"\r\nUpgrade:", re.IGNORECASE)

Routes = Mapping[str, int]
"""Path prefix to loopback port; the longest match wins, "/" is what is left. Looked at anew for each request."""


def route(path: str, routes: Routes) -> int | None:
    """Return the port that serves `path`, or None."""
    matches = [prefix for prefix in routes if path == prefix or path.startswith(prefix.rstrip("/") + "/")]
    return routes[max(matches, key=len)] if matches else None


def rewritten(head: bytes) -> bytes:
    """Return a request head (through its blank line) that asks for one answer a connection, unless it upgrades."""
    if _UPGRADE.search(head):
        return head
    return _CONNECTION_HEADER.sub(b"", head).removesuffix(b"\r\n\r\n") + b"\r\nConnection: close\r\n\r\n"


class DevProxy:
    """The open front door."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._is_stopping = False
        self._connections: dict[asyncio.Task[None], int | None] = {}
        """Each with the port that it leads to, as soon as that is known."""

    async def open(self, host: str, port: int) -> int:
        """Listen; return the port."""
        sock = listening_socket(host, port)
        self._server = await asyncio.start_server(self._serve, sock=sock, limit=_HEAD_LIMIT_BYTES)
        return int(sock.getsockname()[1])

    def stop(self, *, all_but: Collection[int] = ()) -> None:
        """Take no more connections, and cut at once those that lead to none of the ports `all_but`.

        What is cut is not answered any more, and the service behind it does not wait for the rest of the request.
        """
        self._is_stopping = True
        if self._server is not None:
            self._server.close()
        for task, port in self._connections.items():
            if port not in all_but:
                task.cancel()

    async def close(self) -> None:
        """Cut whatever is left."""
        self.stop()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = None
        try:
            if not self._is_stopping:  # it may have been accepted just before
                await self._pass_on(task, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # either side hung up, or we are stopping: closing is all that is left to do
        finally:
            del self._connections[task]
            writer.close()

    async def _pass_on(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await _head(reader, writer)
        if head is None or (port := await _port(head, self._routes, writer)) is None:
            return
        self._connections[task] = port
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
                back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
        except (TimeoutError, OSError):
            text = "the service behind this path is restarting"
            await _answer(writer, "503 Service Unavailable", text, "Retry-After: 1")
            return
        try:
            back_writer.write(rewritten(head))
            await _copy_both_ways((reader, writer), (back_reader, back_writer))
        except asyncio.CancelledError:
            back_writer.transport.abort()  # a service that does not read must not be waited for
            raise
        finally:
            back_writer.close()


@asynccontextmanager
async def dev_proxy(routes: Routes, *, host: str, port: int) -> AsyncIterator[tuple[DevProxy, int]]:
    """Listen on `host:port` and pass every request on while the context lasts; yields the front door and its port.

    To be entered before the services that it leads to, so that it is left after them: then what they say at their end,
    such as a socket's close code, still reaches its client. `DevProxy.stop` is for the moment before they are left.
    As long as `routes` is empty it answers 503.
    """
    door = DevProxy(routes)
    try:
        yield door, await door.open(host, port)
    finally:
        await door.close()


async def _head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
    """Return a request's head; None where there is none, which is answered as far as it can be."""
    try:
        async with asyncio.timeout(_HEAD_TIMEOUT_SECONDS):
            return await reader.readuntil(b"\r\n\r\n")
    except (TimeoutError, asyncio.IncompleteReadError):
        pass
    except asyncio.LimitOverrunError:
        await _answer(writer, "431 Request Header Fields Too Large", "the request's headers are too large")
    return None


async def _port(head: bytes, routes: Routes, writer: asyncio.StreamWriter) -> int | None:
    """Return the port that a request is for; None where there is none, which is answered."""
    request_line = _REQUEST_LINE.match(head)
    if request_line is None:
        await _answer(writer, "400 Bad Request", "this is not an HTTP/1.1 request")
        return None
    if not routes:
        await _answer(writer, "503 Service Unavailable", "the services are starting", "Retry-After: 1")
        return None
    port = route(request_line[1].decode("latin-1"), routes)
    if port is None:
        await _answer(writer, "404 Not Found", f"nothing is served here; paths begin with {', '.join(sorted(routes))}")
    return port


async def _copy_both_ways(
    front: tuple[asyncio.StreamReader, asyncio.StreamWriter], back: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    """Copy until the backend has ended; a client that only half-closes still gets its answer."""
    upstream = asyncio.create_task(_copy(front[0], back[1]))
    try:
        await _copy(back[0], front[1])
    finally:
        upstream.cancel()
        await asyncio.gather(upstream, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while (data := await source.read(_COPY_BYTES)) and not target.is_closing():
        target.write(data)
        await target.drain()
    if not target.is_closing() and target.can_write_eof():
        target.write_eof()


async def _answer(writer: asyncio.StreamWriter, status: str, text: str, *headers: str) -> None:
    body = f"{text}\n".encode()
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()
