"""From a GET request to a session on a stream of server-sent events: the way in where WebSockets are blocked.

The browser sees the status of an answer, so whoever may not stay is refused with one, before the stream begins.
"""

import asyncio
import http
from collections.abc import Collection, Sequence
from contextlib import suppress

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from push_gateway.core.frames import BadFrame, CloseCode
from push_gateway.delivery.session import CLOSE_WAIT_SECONDS, Client, Refusal
from push_gateway.delivery.session_lifecycle import SessionLifecycle
from push_gateway.metrics import Metrics
from push_gateway.transport.admission import TRY_LATER, Admission
from push_gateway.transport.handshake import SessionRequest, is_allowed_origin
from push_gateway.transport.sse.encoding import EVENT_STREAM
from push_gateway.transport.sse.request import parse_event_stream_request
from push_gateway.transport.sse.transport import EventStreamTransport

_STATUSES = {
    CloseCode.RESTARTING: http.HTTPStatus.SERVICE_UNAVAILABLE,
    CloseCode.BAD_TOKEN: http.HTTPStatus.UNAUTHORIZED,
    CloseCode.NOT_YOUR_USER: http.HTTPStatus.FORBIDDEN,
    CloseCode.TOO_MANY_SOCKETS: http.HTTPStatus.TOO_MANY_REQUESTS,
    CloseCode.BAD_FRAME: http.HTTPStatus.BAD_REQUEST,
}
_RETRY_AFTER_SECONDS = {CloseCode.RESTARTING: "2", CloseCode.TOO_MANY_SOCKETS: "60"}
_LONGEST_BODY_BYTES = 64 * 1024
"""A request has no use for a body; so much is passed over."""
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx passes on what it gets at once
]


class Streams:
    """Serves `GET /sse/{user_id}`. One of it a process.

    Args:
        allowed_origins: of pages, beside those of this host.
        write_budget_bytes: what a client may leave unread, beyond what the server and the system keep for it.
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
        self._is_stopping = False
        self._open: set[EventStreamTransport] = set()

    @property
    def open(self) -> Sequence[EventStreamTransport]:
        """Every stream, as of now."""
        return tuple(self._open)

    def stop(self) -> None:
        """Begin no new ones."""
        self._is_stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        request = Request(scope, receive)
        if request.method != "GET":
            await PlainTextResponse("GET alone is answered here.\n", 405, {"Allow": "GET"})(scope, receive, send)
            return
        if not is_allowed_origin(request.headers.get("Origin"), request.headers.get("Host"), self._allowed_origins):
            await PlainTextResponse("This origin may not open streams here.\n", 403)(scope, receive, send)
            return
        with self._admission.counted() as too_many:
            refusal = too_many or await self._serve(request, send)
        if refusal is not None:
            self._metrics.closes.labels(code=int(refusal.code)).inc()
            await _answer(refusal)(scope, receive, send)

    async def _serve(self, request: Request, send: Send) -> Refusal | None:
        if self._is_stopping:
            return TRY_LATER
        asked = _read(request)
        if isinstance(asked, Refusal):
            return asked
        client = await self._admission.authenticate(asked)
        if isinstance(client, Refusal):
            return client
        if self._is_stopping:  # since we have asked for the keys that the token is verified with
            return TRY_LATER
        return await self._stream(request, send, client)

    async def _stream(self, request: Request, send: Send, client: Client) -> Refusal | None:
        outlet = EventStreamTransport(self._write_budget_bytes, self._write_budget_bytes // 4)
        session = self._sessions.create(outlet, EVENT_STREAM, client)
        feed = self._sessions.join(session)
        if isinstance(feed, Refusal):
            return feed
        watching = asyncio.create_task(_hang_up_when_gone(request, outlet))
        self._open.add(outlet)
        self._metrics.streams.set(len(self._open))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._sessions.start(session, feed)
            await _pour(outlet, send)
        finally:
            watching.cancel()
            outlet.abort()
            self._open.discard(outlet)
            self._metrics.streams.set(len(self._open))
            self._sessions.leave(session, feed)
        return None


def streams_app(streams: Streams, allowed_origins: Sequence[str]) -> Starlette:
    """Return the application that serves `streams`."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(allowed_origins),
        allow_methods=["GET"],
        allow_headers=["Authorization", "Last-Event-ID", "Cache-Control"],
        expose_headers=["Retry-After"],
        max_age=600,
    )
    return Starlette(routes=[Route("/sse/{user_id}", streams, methods=["GET"])], middleware=[cors])


async def _pour(outlet: EventStreamTransport, send: Send) -> None:
    """Send what comes into `outlet` until its end, or until nobody waits for that any more."""
    gone = asyncio.create_task(outlet.ended.wait())
    try:
        while piece := await outlet.next_chunk():
            sending = asyncio.ensure_future(send({"type": "http.response.body", "body": piece, "more_body": True}))
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():  # the client does not read
                sending.cancel()
                return
            sending.result()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WAIT_SECONDS):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()


async def _hang_up_when_gone(request: Request, outlet: EventStreamTransport) -> None:
    """A client that has asked has nothing more to say: one that goes on sending is cut off as if it had gone."""
    sent_bytes = 0
    while (message := await request.receive())["type"] != "http.disconnect" and sent_bytes < _LONGEST_BODY_BYTES:
        sent_bytes += len(message.get("body", b""))
    outlet.abort()


def _read(request: Request) -> SessionRequest | Refusal:
    try:
        return parse_event_stream_request(
            request.path_params["user_id"],
            request.scope["query_string"].decode("latin-1"),
            request.headers.get("Authorization"),
            request.headers.get("Last-Event-ID"),
        )
    except BadFrame as error:
        return Refusal(CloseCode.BAD_FRAME, str(error))


def _answer(refusal: Refusal) -> Response:
    headers = {"Cache-Control": "no-store"}
    if refusal.code in _RETRY_AFTER_SECONDS:
        headers["Retry-After"] = _RETRY_AFTER_SECONDS[refusal.code]
    if refusal.code is CloseCode.BAD_TOKEN:
        headers["WWW-Authenticate"] = "Bearer"
    return PlainTextResponse(f"{refusal.reason}\n", _STATUSES[refusal.code], headers)
