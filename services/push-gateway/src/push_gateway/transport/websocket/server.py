"""Listens for WebSockets, with limits on what a client may send and how long it may take."""

import asyncio
from typing import Any

from websockets.asyncio.server import Server, serve
from websockets.server import ServerProtocol

from push_gateway.core import TokenBucket
from push_gateway.delivery.session import CLOSE_TIMEOUT_SECONDS
from push_gateway.metrics import Metrics
from push_gateway.settings import Settings
from push_gateway.transport.handshake_limiter import HandshakeLimiter
from push_gateway.transport.websocket.connection import GatewayConnection
from push_gateway.transport.websocket.endpoint import WebSocketEndpoint
from shared.http.server import listening_socket

_MAX_CLIENT_FRAME_BYTES = 64 * 1024
_MAX_QUEUED_FRAMES = 4
"""Frames of one client that wait to be handled; beyond this its socket is not read."""
_PING_SECONDS = 20.0
_BACKLOG = 4096
"""Connections that wait to be accepted. After a restart all clients connect at once; those that do not fit retry SYN
after a second."""


async def serve_websockets(endpoint: WebSocketEndpoint, settings: Settings, metrics: Metrics) -> Server:
    """Start to listen. The caller closes the server.

    Raises:
        OSError: The address is in use or not ours.
    """
    loop = asyncio.get_running_loop()
    handshakes = HandshakeLimiter(settings.gateway_max_opening, metrics)
    write_buffer_bytes = settings.gateway_write_budget_bytes

    def create_connection(protocol: ServerProtocol, server: Server, **options: Any) -> GatewayConnection:
        incoming = TokenBucket(
            per_second=settings.gateway_bytes_per_second, burst=settings.gateway_bytes_burst, now=loop.time()
        )
        return GatewayConnection(
            protocol,
            server,
            handshakes=handshakes,
            incoming=incoming,
            trusted_proxies=settings.trusted_proxies,
            **options,
        )

    return await serve(
        endpoint.handle,
        sock=listening_socket(settings.bind_host, settings.gateway_port),
        backlog=_BACKLOG,
        process_request=endpoint.process_request,
        select_subprotocol=endpoint.select_subprotocol,
        compression=None,
        server_header=None,
        open_timeout=settings.gateway_opening_seconds,
        max_size=_MAX_CLIENT_FRAME_BYTES,
        max_queue=_MAX_QUEUED_FRAMES,
        ping_interval=_PING_SECONDS,
        ping_timeout=_PING_SECONDS,
        close_timeout=CLOSE_TIMEOUT_SECONDS,
        write_limit=(write_buffer_bytes, write_buffer_bytes // 4),
        create_connection=create_connection,  # type: ignore[arg-type]  # called like a class, and nothing else
    )
