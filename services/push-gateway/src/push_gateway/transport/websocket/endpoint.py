"""From a TCP connection to a session on a WebSocket: path, origin, token, limits."""

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

from push_gateway.core.frames import WEB_SOCKET, BadFrame, CloseCode
from push_gateway.delivery.session import CLOSE_WAIT_SECONDS, Refusal, Session
from push_gateway.delivery.session_lifecycle import SessionLifecycle
from push_gateway.metrics import Metrics
from push_gateway.transport.admission import Admission
from push_gateway.transport.handshake import SessionRequest, is_allowed_origin
from push_gateway.transport.websocket.connection import GatewayConnection, close_within
from push_gateway.transport.websocket.request import SUBPROTOCOL, parse_websocket_request, user_id_of
from push_gateway.transport.websocket.transport import WebSocketTransport

log = structlog.get_logger(__name__)

_SINGLE_HEADERS = ("Origin", "Host", "Authorization")


class Sockets:
    """Accepts sockets. One of it a process; `serve` is the handler of the WebSocket server.

    Args:
        allowed_origins: of pages, beside those of this host.
        write_budget_bytes: what a client may leave unread.
    """

    def __init__(
        self,
        admission: Admission,
        sessions: SessionLifecycle,
        metrics: Metrics,
        *,
        allowed_origins: Collection[str],
        write_budget_bytes: int,
    ) -> None:
        self._admission = admission
        self._sessions = sessions
        self._metrics = metrics
        self._allowed_origins = allowed_origins
        self._write_budget_bytes = write_budget_bytes

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no WebSocket of ours over HTTP: another path, a page of a foreign origin, an unclear head."""
        if user_id_of(request.path) is None:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "Nothing is here. WebSockets: /ws/{user_id}\n")
        try:
            origin, host, _ = (request.headers.get(name) for name in _SINGLE_HEADERS)
        except MultipleValuesError as error:
            return connection.respond(http.HTTPStatus.BAD_REQUEST, f"This header may come once: {error}\n")
        if not is_allowed_origin(origin, host, self._allowed_origins):
            log.info("origin refused", origin=origin)
            return connection.respond(http.HTTPStatus.FORBIDDEN, "This origin may not open sockets here.\n")
        return None

    def select_subprotocol(self, _: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """Answer `bearer`, and never the token."""
        return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None

    async def serve(self, connection: ServerConnection) -> None:
        """Serve one accepted socket until it is closed."""
        assert isinstance(connection, GatewayConnection)
        with self._admission.counted() as too_many:
            refusal = too_many or await self._serve(connection)
        connection.end_handshake()
        if refusal is not None:
            self._metrics.closes.labels(code=int(refusal.code)).inc()
            await close_within(connection, refusal.code, refusal.reason, CLOSE_WAIT_SECONDS)

    async def _serve(self, connection: GatewayConnection) -> Refusal | None:
        assert connection.request is not None
        try:
            request = _read(connection.request)
        except BadFrame as error:
            return Refusal(CloseCode.BAD_FRAME, str(error))
        client = await self._admission.authenticate(request)
        if isinstance(client, Refusal):
            return client
        outlet = WebSocketTransport(connection, self._write_budget_bytes)
        session = self._sessions.create(outlet, WEB_SOCKET, client)
        feed = self._sessions.join(session)
        if isinstance(feed, Refusal):
            return feed
        try:
            connection.end_handshake()
            connection.on_too_many_bytes = partial(session.close, CloseCode.BAD_FRAME, "too many bytes")
            await self._sessions.start(session, feed)
            await _listen(connection, session)
        finally:
            connection.on_too_many_bytes = None
            self._sessions.leave(session, feed)
        return None


async def _listen(connection: GatewayConnection, session: Session) -> None:
    try:
        while True:
            await session.received(await connection.recv())
    except ConnectionClosed:
        pass


def _read(request: Request) -> SessionRequest:
    return parse_websocket_request(request.path, request.headers.get("Authorization"), _subprotocols(request.headers))


def _subprotocols(headers: Headers) -> list[str]:
    try:
        return [name for value in headers.get_all("Sec-WebSocket-Protocol") for name in parse_subprotocol(value)]
    except InvalidHeader:
        return []
