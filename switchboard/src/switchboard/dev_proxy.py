"""A reverse proxy that serves several listeners on one origin, by path: for `switchboard up` what nginx is for compose.

Every connection carries one request. The proxy reads its head, adds `Connection: close`, and then copies bytes in both
directions until one side ends. It interprets nothing, so bodies and WebSocket frames pass unchanged. A request for a
WebSocket goes alone: what follows it passes only after the service has agreed (101). Otherwise it could be a second
request, to a path that has no route.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from shared.http.server import listening_socket

_HEAD_LIMIT_BYTES = 64 * 1024
_HEAD_TIMEOUT_SECONDS = 10.0
_CONNECT_TIMEOUT_SECONDS = 2.0
_HANDSHAKE_TIMEOUT_SECONDS = 30.0
"""More than a gateway allows a handshake."""
_COPY_BYTES = 64 * 1024
_REQUEST_LINE = re.compile(rb"[A-Z]+ (/[^ ?]*)(?:\?[^ ]*)? HTTP/1\.[01]")
_CONNECTION_HEADER = re.compile(rb"\r\nConnection:[^\r\n]*", re.IGNORECASE)
_UPGRADE_HEADER = re.compile(rb"\r\nUpgrade:[^\r\n]*", re.IGNORECASE)
_WEBSOCKET = re.compile(rb"\r\nUpgrade:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)
_BODY_HEADER = re.compile(rb"\r\n(?:Content-Length|Transfer-Encoding)[ \t]*:", re.IGNORECASE)
_CONTENT_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_SWITCHED = re.compile(rb"HTTP/1\.1 101 ")

Routes = Mapping[str, int]
"""Loopback ports by path prefix. The longest match wins; "/" matches the rest. Read for every request."""


def route(path: str, routes: Routes) -> int | None:
    """Return the port for `path`, or None."""
    matches = [prefix for prefix in routes if path == prefix or path.startswith(prefix.rstrip("/") + "/")]
    return routes[max(matches, key=len)] if matches else None


def opens_websocket(head: bytes) -> bool:
    """Return whether a request head asks for a WebSocket (RFC 6455, section 4.1): a GET without a body."""
    return head.startswith(b"GET ") and bool(_WEBSOCKET.search(head)) and not _BODY_HEADER.search(head)


def rewritten(head: bytes) -> bytes:
    """Return a head, including its blank line, with `Connection: close` and without an upgrade.

    A request for a WebSocket remains as it is. A server may ignore any other upgrade (RFC 9110, section 7.8).
    """
    if opens_websocket(head):
        return head
    bare = _UPGRADE_HEADER.sub(b"", _CONNECTION_HEADER.sub(b"", head))
    return bare.removesuffix(b"\r\n\r\n") + b"\r\nConnection: close\r\n\r\n"


class DevProxy:
    """The running proxy."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._is_stopping = False
        self._connections: dict[asyncio.Task[None], int | None] = {}
        """The port that each connection leads to, once it is known."""

    async def open(self, host: str, port: int) -> int:
        """Start to listen; return the port."""
        sock = listening_socket(host, port)
        self._server = await asyncio.start_server(self._serve, sock=sock, limit=_HEAD_LIMIT_BYTES)
        return int(sock.getsockname()[1])

    def stop(self, *, all_but: Collection[int] = ()) -> None:
        """Accept no more connections, and cut those that lead to other ports than `all_but`.

        A cut request gets no response, and the service behind it does not wait for the rest of the request.
        """
        self._is_stopping = True
        if self._server is not None:
            self._server.close()
        for task, port in self._connections.items():
            if port not in all_but:
                task.cancel()

    async def close(self) -> None:
        """Cut all remaining connections."""
        self.stop()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = None
        try:
            if not self._is_stopping:  # the connection may have been accepted just before
                await self._forward(task, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # a side hung up, or we are stopping: only closing remains
        finally:
            del self._connections[task]
            writer.close()

    async def _forward(
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
            text = "The service behind this path is restarting."
            await _respond(writer, "503 Service Unavailable", text, "Retry-After: 1")
            return
        try:
            back_writer.write(rewritten(head))
            if opens_websocket(head) and not await _is_accepted(back_reader, writer):
                return
            await _copy_both_ways((reader, writer), (back_reader, back_writer))
        except asyncio.CancelledError:
            back_writer.transport.abort()  # do not wait for a service that does not read
            raise
        finally:
            back_writer.close()


@asynccontextmanager
async def dev_proxy(routes: Routes, *, host: str, port: int) -> AsyncIterator[tuple[DevProxy, int]]:
    """Forward the requests to `host:port` while the context lasts; yields the proxy and its port.

    Enter it before the services behind it, so that it is left after them: their last words, such as a WebSocket close
    code, then still reach the client. Call `DevProxy.stop` just before the services stop.
    While `routes` is empty, every request gets 503.
    """
    proxy = DevProxy(routes)
    try:
        yield proxy, await proxy.open(host, port)
    finally:
        await proxy.close()


async def _head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
    """Return a request's head. None: there is none, and a response was sent if one is possible."""
    try:
        async with asyncio.timeout(_HEAD_TIMEOUT_SECONDS):
            return await reader.readuntil(b"\r\n\r\n")
    except (TimeoutError, asyncio.IncompleteReadError):
        pass
    except asyncio.LimitOverrunError:
        await _respond(writer, "431 Request Header Fields Too Large", "The request's headers are too large.")
    return None


async def _port(head: bytes, routes: Routes, writer: asyncio.StreamWriter) -> int | None:
    """Return the port that a request leads to. None: there is none, and an error response was sent."""
    request_line = _REQUEST_LINE.match(head)
    if request_line is None:
        await _respond(writer, "400 Bad Request", "This is not an HTTP/1.1 request.")
        return None
    if not routes:
        await _respond(writer, "503 Service Unavailable", "The services are starting.", "Retry-After: 1")
        return None
    port = route(request_line[1].decode("latin-1"), routes)
    if port is None:
        await _respond(writer, "404 Not Found", f"Not found: paths start with {', '.join(sorted(routes))}.")
    return port


async def _is_accepted(back_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Return whether the service opens a WebSocket. Its response, up to the end of its head, has been passed on.

    If it refuses, the whole response has.
    """
    head = await _response_head(back_reader)
    if head is None:
        await _respond(writer, "502 Bad Gateway", "The service behind this path sent no response.")
        return False
    if _SWITCHED.match(head):
        writer.write(head)
        return True
    writer.write(rewritten(head))
    length = _CONTENT_LENGTH.search(head)
    # Without a length the end of the connection is the end of the body, or the client finds it by the chunks.
    await _copy(back_reader, writer, limit_bytes=int(length[1]) if length else None)
    return False


async def _response_head(back_reader: asyncio.StreamReader) -> bytes | None:
    try:
        async with asyncio.timeout(_HANDSHAKE_TIMEOUT_SECONDS):
            return await back_reader.readuntil(b"\r\n\r\n")
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return None


async def _copy_both_ways(
    front: tuple[asyncio.StreamReader, asyncio.StreamWriter], back: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    """Copy until the backend ends. A client that half-closes its connection still gets the response."""
    upstream = asyncio.create_task(_copy(front[0], back[1]))
    try:
        await _copy(back[0], front[1])
    finally:
        upstream.cancel()
        await asyncio.gather(upstream, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, limit_bytes: int | None = None) -> None:
    """Copy until the source ends, or until `limit_bytes` have been copied."""
    left = limit_bytes
    while left != 0:
        data = await source.read(_COPY_BYTES if left is None else min(left, _COPY_BYTES))
        if not data or target.is_closing():
            break
        target.write(data)
        await target.drain()
        left = None if left is None else left - len(data)
    if not target.is_closing() and target.can_write_eof():
        target.write_eof()


async def _respond(writer: asyncio.StreamWriter, status: str, text: str, *headers: str) -> None:
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
