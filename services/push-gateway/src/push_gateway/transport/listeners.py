"""Listens for clients on both transports, and closes all of them at the end."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from push_gateway.delivery.session_lifecycle import SessionLifecycle
from push_gateway.metrics import Metrics
from push_gateway.settings import Settings
from push_gateway.transport.admission import Admission
from push_gateway.transport.shutdown import close_all
from push_gateway.transport.sse.endpoint import EventStreamEndpoint, event_stream_app
from push_gateway.transport.websocket.endpoint import WebSocketEndpoint
from push_gateway.transport.websocket.server import serve_websockets
from shared.http.intake import Intake
from shared.http.server import serving

_CLOSING_SHARE = 0.8
"""Part of the shutdown grace in which clients may take note of the close; aborting their streams takes the rest."""


@asynccontextmanager
async def listening(
    settings: Settings,
    admission: Admission,
    sessions: SessionLifecycle,
    metrics: Metrics,
    intake: Intake,
    *,
    on_stopping: Callable[[], None],
) -> AsyncIterator[dict[str, int]]:
    """Accept clients while the context lasts; yields the ports `gateway` and `gateway_sse`.

    Args:
        settings: Hosts, ports and limits.
        admission: Decides who may open a session.
        sessions: Creates their sessions.
        metrics: Gets what the transports measure.
        intake: Limits what clients of event streams send.
        on_stopping: Called first when the context ends, before clients are closed.

    Raises:
        OSError: An address is in use or not ours.
    """
    origins, write_buffer_bytes = settings.allowed_origins, settings.gateway_write_budget_bytes
    websockets = WebSocketEndpoint(
        admission, sessions, metrics, allowed_origins=origins, write_buffer_bytes=write_buffer_bytes
    )
    event_streams = EventStreamEndpoint(
        admission, sessions, metrics, allowed_origins=origins, write_buffer_bytes=write_buffer_bytes
    )
    async with serving(
        event_stream_app(event_streams, origins),
        host=settings.bind_host,
        port=settings.gateway_sse_port,
        grace_seconds=1,
        intake=intake,
    ) as sse_port:
        server = await serve_websockets(websockets, settings, metrics)
        metrics.measure_buffered_bytes(
            lambda: (
                sum(connection.transport.get_write_buffer_size() for connection in server.all_connections)
                + sum(len(stream) for stream in event_streams.streams)
            )
        )
        try:
            yield {"gateway": server.sockets[0].getsockname()[1], "gateway_sse": sse_port}
        finally:
            on_stopping()
            event_streams.stop()
            grace_seconds = settings.shutdown_grace_seconds * _CLOSING_SHARE
            await close_all(server, event_streams.streams, metrics, grace_seconds=grace_seconds)
