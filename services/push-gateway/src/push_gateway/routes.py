"""From a TCP connection to a session: path, origin, token, limits."""

import asyncio
import http
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.headers import parse_subprotocol
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from push_gateway.catch_up import CatchUp
from push_gateway.core import Limits
from push_gateway.core import Session as Core
from push_gateway.frames import BadFrame, CloseCode
from push_gateway.metrics import Metrics
from push_gateway.opening import SUBPROTOCOL, SocketRequest, is_allowed_origin, read_request, user_of
from push_gateway.registry import Registry, TooManySockets
from push_gateway.sessions import Connection, Session, close_within
from push_gateway.settings import Settings
from push_gateway.shards import Shards
from shared.errors import DependencyUnavailable
from shared.security.user_tokens import InvalidUserToken, UserTokenVerifier

log = structlog.get_logger(__name__)

_VERIFY_SECONDS = 5.0
_CLOSE_SECONDS = 5.0
_COME_BACK = (CloseCode.RESTARTING, "retry_after_ms=2000")
"""Where a token cannot be verified now: nothing is wrong with the client."""

Refusal = tuple[CloseCode, str]


class Sockets:
    """Accepts sockets. One of it a process; `serve` is the handler of the WebSocket server.

    Args:
        is_streaming: whether events arrive at present.
        now: the wall clock, UTC.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics,
        registry: Registry,
        shards: Shards,
        catch_up: CatchUp,
        verifier: UserTokenVerifier,
        is_streaming: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._registry = registry
        self._shards = shards
        self._catch_up = catch_up
        self._verifier = verifier
        self._is_streaming = is_streaming
        self._now = now
        self._accepted = 0
        self._limits = Limits(
            lagging_seconds=settings.gateway_lagging_seconds,
            drained_room_bytes=settings.gateway_write_budget_bytes * 3 // 4,
        )

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is no WebSocket of ours over HTTP: another path, a page of a foreign origin."""
        if user_of(request.path) is None:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "Nothing is here. WebSockets: /ws/{user_id}\n")
        origin, host = request.headers.get("Origin"), request.headers.get("Host")
        if not is_allowed_origin(origin, host, self._settings.allowed_origins):
            log.info("origin refused", origin=origin)
            return connection.respond(http.HTTPStatus.FORBIDDEN, "This origin may not open sockets here.\n")
        return None

    def select_subprotocol(self, _: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """Answer `bearer`, and never the token."""
        return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None

    async def serve(self, connection: ServerConnection) -> None:
        """Serve one accepted socket until it is closed."""
        assert isinstance(connection, Connection)
        self._accepted += 1
        try:
            refusal = await self._serve(connection)
        finally:
            self._accepted -= 1
        if refusal is not None:
            code, reason = refusal
            self._metrics.closes.labels(code=int(code)).inc()
            await close_within(connection, code, reason, _CLOSE_SECONDS)

    async def _serve(self, connection: Connection) -> Refusal | None:
        if self._accepted > self._settings.gateway_max_sockets:
            return CloseCode.TOO_MANY_SOCKETS, "this server has as many sockets as it may have"
        assert connection.request is not None
        try:
            request = _read(connection.request)
        except BadFrame as error:
            return CloseCode.BAD_FRAME, str(error)
        expires_at = await self._verify(request.user_id, request.token.get_secret_value() if request.token else "")
        if isinstance(expires_at, tuple):
            return expires_at
        session = self._session(connection, request, expires_at)
        try:
            feed, is_new = self._registry.join(request.user_id, session)
        except TooManySockets as error:
            return CloseCode.TOO_MANY_SOCKETS, str(error)
        try:
            if is_new:
                self._shards.acquire(feed.shard)
            feed.is_heard = await self._shards.heard(feed.shard) or feed.is_heard
            await session.run(feed.recent)
        finally:
            self._registry.leave(feed, session, asyncio.get_running_loop().time())
        return None

    def _session(self, connection: Connection, request: SocketRequest, expires_at: float) -> Session:
        core = Core(
            after=request.after,
            epoch=request.epoch,
            expires_at=expires_at,
            heartbeat_seconds=self._settings.heartbeat_seconds,
            limits=self._limits,
        )
        return Session(
            connection,
            core,
            self._metrics,
            epoch=request.epoch,
            is_streaming=self._is_streaming,
            want=lambda after: self._catch_up.want(request.user_id, after),
            renew=lambda token: self._verify(request.user_id, token),
            write_budget_bytes=self._settings.gateway_write_budget_bytes,
        )

    async def _verify(self, user_id: str, token: str) -> float | Refusal:
        """Return when `token` expires, on the loop's clock, or how to refuse it."""
        if not token:
            return CloseCode.BAD_TOKEN, "a token is needed"
        try:
            async with asyncio.timeout(_VERIFY_SECONDS):
                verified = await self._verifier.verify(token)
        except InvalidUserToken:
            return CloseCode.BAD_TOKEN, "the token is not valid, or no longer"
        except (DependencyUnavailable, TimeoutError) as error:
            log.warning("a token cannot be verified now", reason=str(error))
            return _COME_BACK
        if verified.user_id != user_id:
            return CloseCode.NOT_YOUR_USER, "the token is another user's"
        return asyncio.get_running_loop().time() + (verified.expires_at - self._now()).total_seconds()


def _read(request: Request) -> SocketRequest:
    return read_request(request.path, request.headers.get("Authorization"), _subprotocols(request.headers))


def _subprotocols(headers: Headers) -> list[str]:
    try:
        return [name for value in headers.get_all("Sec-WebSocket-Protocol") for name in parse_subprotocol(value)]
    except InvalidHeader:
        return []
