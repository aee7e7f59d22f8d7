"""Serves `GET /ws/{user_id}`: from a TCP connection to a session on a WebSocket."""

import http
from collections.abc import Collection, Sequence
from functools import partial

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers, MultipleValuesError
from websockets.exceptions import ConnectionClosed, InvalidHeader
from websockets.headers import parse_subprotocol
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from push_gateway.core.close_codes import CloseCode, ProtocolError
from push_gateway.core.frames import WEBSOCKET_ENCODER
from push_gateway.delivery.session import CLOSE_TIMEOUT_SECONDS, Refusal, Session
from push_gateway.delivery.session_lifecycle import SessionLifecycle
from push_gateway.metrics import Metrics
from push_gateway.transport.admission import Admission
from push_gateway.transport.handshake import SessionRequest, is_allowed_origin
from push_gateway.transport.websocket.connection import GatewayConnection, close_within
from push_gateway.transport.websocket.request import SUBPROTOCOL, parse_websocket_request, user_id_of
from push_gateway.transport.websocket.transport import WebSocketTransport

log = structlog.get_logger(__name__)

_SINGLE_HEADERS = ("Origin", "Host", "Authorization")


class WebSocketEndpoint:
    """Handles the connections of a `websockets` server. One instance per process.

    A browser cannot see the status of a refused handshake, but it sees a close code: so a client that is refused for
    its token or a limit gets a WebSocket first, which is then closed.

    Args:
        admission: Decides who may open a session.
        sessions: Creates the session.
        metrics: Counts refusals.
        allowed_origins: Origins of pages that may connect, besides the gateway's own.
        write_buffer_bytes: What a client may leave unread, beyond the kernel's buffers.
    """

    def __init__(
        self,
        admission: Admission,
        sessions: SessionLifecycle,
        metrics: Metrics,
        *,
        allowed_origins: Collection[str],
        write_buffer_bytes: int,
    ) -> None:
        self._admission = admission
        self._sessions = sessions
        self._metrics = metrics
        self._allowed_origins = allowed_origins
        self._write_buffer_bytes = write_buffer_bytes

    def process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse another path, a page of a foreign origin, or an ambiguous header with an HTTP status."""
        assert isinstance(connection, GatewayConnection)
        connection.attribute(request.headers.get_all("X-Forwarded-For"))
        if user_id_of(request.path) is None:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "Nothing is here. WebSockets: /ws/{user_id}\n")
        try:
            origin, host, _ = (request.headers.get(name) for name in _SINGLE_HEADERS)
        except MultipleValuesError as error:
            return connection.respond(http.HTTPStatus.BAD_REQUEST, f"This header may occur once: {error}\n")
        if not is_allowed_origin(origin, host, self._allowed_origins):
            log.info("origin refused", origin=origin)
            return connection.respond(http.HTTPStatus.FORBIDDEN, "This origin may not open sockets here.\n")
        return None

    def select_subprotocol(self, _: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """Answer `bearer`, and never the token."""
        return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None

    async def handle(self, connection: ServerConnection) -> None:
        """Serve one accepted WebSocket until it is closed."""
        assert isinstance(connection, GatewayConnection)
        with self._admission.counted() as too_many:
            refusal = too_many or await self._serve(connection)
        if refusal is not None:
            self._metrics.closes.labels(code=int(refusal.code)).inc()
            await close_within(connection, refusal.code, refusal.reason, CLOSE_TIMEOUT_SECONDS)

    async def _serve(self, connection: GatewayConnection) -> Refusal | None:
        assert connection.request is not None
        try:
            request = _parse(connection.request)
        except ProtocolError as error:
            return Refusal(CloseCode.BAD_FRAME, str(error))
        client = await self._admission.authenticate(request)
        if isinstance(client, Refusal):
            return client
        transport = WebSocketTransport(connection, self._write_buffer_bytes)
        session = self._sessions.create(transport, WEBSOCKET_ENCODER, client)
        channel = self._sessions.join(session)
        if isinstance(channel, Refusal):
            return channel
        try:
            connection.end_handshake()
            connection.on_too_many_bytes = partial(session.close, CloseCode.BAD_FRAME, "too many bytes")
            await self._sessions.start(session, channel)
            await _receive(connection, session)
        finally:
            connection.on_too_many_bytes = None
            self._sessions.leave(session, channel)
        return None


async def _receive(connection: GatewayConnection, session: Session) -> None:
    try:
        while True:
            await session.on_message(await connection.recv())
    except ConnectionClosed:
        pass


def _parse(request: Request) -> SessionRequest:
    return parse_websocket_request(
        request.path, request.headers.get("Authorization"), _offered_subprotocols(request.headers)
    )


def _offered_subprotocols(headers: Headers) -> list[str]:
    try:
        return [name for value in headers.get_all("Sec-WebSocket-Protocol") for name in parse_subprotocol(value)]
    except InvalidHeader:
        return []
