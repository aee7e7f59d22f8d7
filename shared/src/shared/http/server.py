"""Serves ASGI applications in an event loop that is shared with other work, and stops them in order."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry

from shared.http.intake import Intake, IntakeLimits
from shared.http.protocol import LimitedProtocol, ends_with_its_application

_UNREAD_SECONDS = 60.0


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
    app: Any,
    *,
    host: str,
    port: int,
    grace_seconds: float,
    intake: Intake | None = None,
    unread_seconds: float = _UNREAD_SECONDS,
) -> AsyncIterator[int]:
    """Serve the ASGI application `app` while the context lasts; yields the port.

    Leaving stops accepting connections and waits for running requests.

    Args:
        app: the ASGI application.
        host: see `listening_socket`.
        port: see `listening_socket`.
        grace_seconds: how long running requests may take to end, at least 1.
        intake: limits what is received; the servers of one process share it. None: the default limits, for this server.
        unread_seconds: a client that acknowledges no data for this long is disconnected, where the system supports it
            (Linux, tcp(7), `TCP_USER_TIMEOUT`).
    """
    intake = intake or Intake(IntakeLimits(), CollectorRegistry())
    listener = listening_socket(host, port)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Connections inherit the option from their listener.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(unread_seconds * 1000))
    config = uvicorn.Config(
        ends_with_its_application(app),
        http=partial(LimitedProtocol, intake=intake),  # type: ignore[arg-type]  # called like a class, nothing else
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # no service asks who its client is
        server_header=False,
        timeout_graceful_shutdown=max(1, int(grace_seconds)),
        timeout_keep_alive=intake.limits.idle_seconds,  # type: ignore[arg-type]  # only ever given to `call_later`
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
