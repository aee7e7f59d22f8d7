"""Closes all clients when the process stops."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from websockets.asyncio.server import Server

from push_gateway.core.close_codes import CloseCode
from push_gateway.metrics import Metrics
from push_gateway.transport.sse.transport import EventStreamTransport
from push_gateway.transport.websocket.connection import close_within

log = structlog.get_logger(__name__)

_MAX_AT_ONCE = 50
"""Up to this many clients may be closed at once, and reconnect at once."""
_SPREAD_SHARE = 0.6
"""Part of the grace over which the closes are spread; the rest is for the clients' answers."""
_MAX_SPREAD_SECONDS = 8.0


async def close_all(
    server: Server, streams: Sequence[EventStreamTransport], metrics: Metrics, *, grace_seconds: float
) -> None:
    """Accept no more clients, and close all with 1012 and a time to reconnect.

    Many clients are closed one after the other, so that they do not all connect to the next gateway at once. Those that
    have not answered within `grace_seconds` are aborted.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_seconds
    server.close(close_connections=False)
    closes: list[Callable[[CloseCode, str, float], Awaitable[None]]] = [
        *(partial(close_within, connection) for connection in server.all_connections),
        *(stream.close for stream in streams),
    ]
    spread_seconds = 0.0 if len(closes) <= _MAX_AT_ONCE else min(grace_seconds * _SPREAD_SHARE, _MAX_SPREAD_SECONDS)
    began = loop.time()
    closing: list[asyncio.Future[None]] = []
    for number, close in enumerate(closes):
        share = number / len(closes)
        if (wait_seconds := began + share * spread_seconds - loop.time()) > 0:
            await asyncio.sleep(wait_seconds)
        # Spread the reconnects too: the clients closed last must not arrive together with those closed first.
        reason = f"retry_after_ms={int(100 + share * 1000 * (spread_seconds or 1.0))}"
        metrics.closes.labels(code=int(CloseCode.RESTARTING)).inc()
        timeout_seconds = max(0.1, deadline - loop.time())
        closing.append(asyncio.ensure_future(close(CloseCode.RESTARTING, reason, timeout_seconds)))
    if closing:
        await asyncio.wait(closing)
    # What is left is still in its handshake, or closing on its own.
    for connection in list(server.all_connections):
        connection.transport.abort()
    try:
        async with asyncio.timeout(1.0):
            await server.wait_closed()
    except TimeoutError:
        log.warning("sockets still open at shutdown", sockets=len(server.handler_tasks))
