"""Serves ASGI applications in an event loop that is shared with other work, and stops them in order."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD_SECONDS = 10.0
"""A connection that has not sent the complete head of its request within this time is closed."""
_ABORT = "switchboard.abort"


class _Protocol(HttpToolsProtocol):
    """Limits the time in which a request's head must arrive; uvicorn limits only the time between two requests."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        super().connection_made(transport)
        self._start_head_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_ABORT: {"call": self.transport.abort}}
        self._start_head_timer()

    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def _start_head_timer(self) -> None:
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()


def abort(scope: MutableMapping[str, Any]) -> None:
    """Drop a request's connection at once, including unsent data. `http.disconnect` follows.

    For a response that has begun and cannot be finished: the client sees a reset instead of a truncated body.

    Args:
        scope: of the request, from `serving`.
    """
    scope["extensions"][_ABORT]["call"]()


class _Server(uvicorn.Server):
    """Leaves signals to the process, as several servers share one loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a bound, non-blocking TCP socket.

    Args:
        host: an IPv4 or IPv6 address.
        port: 0 picks a free one.

    Raises:
        OSError: the address is in use or not one of this machine; the text names it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # IPPROTO_TCP is named because asyncio sets TCP_NODELAY only on such sockets; without it small responses take 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    return listener


@asynccontextmanager
async def serving(
    app: Any, *, host: str, port: int, grace_seconds: float, unread_seconds: float | None = None
) -> AsyncIterator[int]:
    """Serve the ASGI application `app` while the context lasts; yields the port.

    Leaving stops accepting connections and waits for running requests.

    Args:
        app: the ASGI application.
        host: see `listening_socket`.
        port: see `listening_socket`.
        grace_seconds: how long running requests may take to end, at least 1.
        unread_seconds: a client that acknowledges no data for this long is disconnected, where the system supports it
            (Linux, tcp(7), `TCP_USER_TIMEOUT`). None leaves it to the system, which waits a quarter of an hour.
    """
    listener = listening_socket(host, port)
    if unread_seconds is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        # Connections inherit the option from their listener.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(unread_seconds * 1000))
    config = uvicorn.Config(
        app,
        http=_Protocol,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(grace_seconds)),
        timeout_keep_alive=75,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                await task
                raise RuntimeError("the HTTP server ended before it had started")
            await asyncio.sleep(0.005)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()
