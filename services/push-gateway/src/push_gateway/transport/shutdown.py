"""Sends every client away when the process stops."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from websockets.asyncio.server import Server

from push_gateway.core.frames import CloseCode
from push_gateway.metrics import Metrics
from push_gateway.transport.sse.transport import EventStreamTransport
from push_gateway.transport.websocket.connection import close_within

log = structlog.get_logger(__name__)

_FEW_SOCKETS = 50
"""As many may come back at once."""
_SPREAD_SHARE = 0.6
"""Part of the grace in which the close frames are sent; the rest is for the clients' answers."""
_LONGEST_SPREAD_SECONDS = 8.0


async def close_all(
    server: Server, streams: Sequence[EventStreamTransport], metrics: Metrics, *, grace_seconds: float
) -> None:
    """Accept no more, and send every client away with 1012 and its own time to come back.

    Many clients are sent away one after the other, so that they do not all come to the next gateway at once. Whoever
    has not answered within `grace_seconds` is cut off.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_seconds
    server.close(close_connections=False)
    closes: list[Callable[[CloseCode, str, float], Awaitable[None]]] = [
        *(partial(close_within, connection) for connection in server.all_connections),
        *(stream.close for stream in streams),
    ]
    is_few = len(closes) <= _FEW_SOCKETS
    spread_seconds = 0.0 if is_few else min(grace_seconds * _SPREAD_SHARE, _LONGEST_SPREAD_SECONDS)
    began = loop.time()
    closing: list[asyncio.Future[None]] = []
    for number, close in enumerate(closes):
        share = number / len(closes)
        if (ahead_seconds := began + share * spread_seconds - loop.time()) > 0:
            await asyncio.sleep(ahead_seconds)
        # Spread once more on the way back: those sent away last must not meet those that were sent away first.
        reason = f"retry_after_ms={int(100 + share * 1000 * (spread_seconds or 1.0))}"
        metrics.closes.labels(code=int(CloseCode.RESTARTING)).inc()
        left_seconds = max(0.1, deadline - loop.time())
        closing.append(asyncio.ensure_future(close(CloseCode.RESTARTING, reason, left_seconds)))
    if closing:
        await asyncio.wait(closing)
    # Sockets that were still shaking hands, or closing on their own.
    for connection in list(server.all_connections):
        connection.transport.abort()
    try:
        async with asyncio.timeout(1.0):
            await server.wait_closed()
    except TimeoutError:
        log.warning("sockets still open at shutdown", sockets=len(server.handler_tasks))
