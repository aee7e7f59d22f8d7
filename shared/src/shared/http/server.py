"""Serving ASGI applications inside an event loop that others share, and stopping them in good order."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD_SECONDS = 10.0
"""A connection that has not sent the whole head of its request by then is closed."""
_ABORT = "switchboard.abort"


class _Protocol(HttpToolsProtocol):
    """Bounds the time that a request's head may take; uvicorn bounds only the time between two requests."""

    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_ABORT: {"call": self.transport.abort}}
        self._await_head()

    def on_headers_complete(self) -> None:
        self._forget_head()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._forget_head()
        self._head_due = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _forget_head(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()


def abort(scope: MutableMapping[str, Any]) -> None:
    """Drop a request's connection at once, with what has been sent and not taken; `http.disconnect` follows.

    For an answer that has begun and cannot be finished. The client is told by a reset.
    """
    scope["extensions"][_ABORT]["call"]()


class _Server(uvicorn.Server):
    """Leaves signals to the process: several servers share one loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a bound TCP socket; port 0 picks a free one.

    Raises:
        OSError: the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio sets TCP_NODELAY only on sockets that say so; without it small answers take 40 ms.
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

    Leaving stops accepting and lets running requests end, for at most `grace_seconds`. A client whose machine takes
    nothing for `unread_seconds` is given up where the system can do that (Linux, tcp(7), `TCP_USER_TIMEOUT`); None
    leaves it to the system, which takes a quarter of an hour.
    """
    listener = listening_socket(host, port)
    if unread_seconds is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        # Connections inherit it from their listener.
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
