"""One origin in front of several listeners, chosen by path; what nginx does in compose, for `switchboard up`.

Every connection carries one request: the head is read, `Connection: close` is put into it (upgrades keep theirs), and
from then on bytes are copied both ways until one side ends. Nothing is interpreted, so bodies and WebSocket frames pass
as they came.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from shared.serving import listening_socket

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


@asynccontextmanager
async def front_door(routes: Routes, *, host: str, port: int) -> AsyncIterator[int]:
    """Listen on `host:port` and pass every request on while the context lasts; yields the port.

    To be entered before the services that it leads to, so that it is left after them: then what they say at their end,
    such as a socket's close code, still reaches its client. As long as `routes` is empty it answers 503.
    """
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _pass_on(reader, writer, routes)
        except (OSError, asyncio.CancelledError):
            pass  # either side hung up, or we are stopping: closing is all that is left to do
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(
        serve, sock=listening_socket(host, port), limit=_HEAD_LIMIT_BYTES, start_serving=True
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, routes: Routes) -> None:
    try:
        async with asyncio.timeout(_HEAD_TIMEOUT_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except (TimeoutError, asyncio.IncompleteReadError):
        return
    except asyncio.LimitOverrunError:
        await _answer(writer, "431 Request Header Fields Too Large", "the request's headers are too large")
        return
    request_line = _REQUEST_LINE.match(head)
    if request_line is None:
        await _answer(writer, "400 Bad Request", "this is not an HTTP/1.1 request")
        return
    if not routes:
        await _answer(writer, "503 Service Unavailable", "the services are starting", "Retry-After: 1")
        return
    port = route(request_line[1].decode("latin-1"), routes)
    if port is None:
        await _answer(writer, "404 Not Found", f"nothing is served here; paths begin with {', '.join(sorted(routes))}")
        return
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
    except (TimeoutError, OSError):
        await _answer(writer, "503 Service Unavailable", "the service behind this path is restarting", "Retry-After: 1")
        return
    try:
        back_writer.write(rewritten(head))
        await _copy_both_ways((reader, writer), (back_reader, back_writer))
    finally:
        back_writer.close()


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
