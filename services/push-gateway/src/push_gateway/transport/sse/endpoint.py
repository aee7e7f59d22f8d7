"""Serves `GET /sse/{user_id}`: from a request to a session on a stream of server-sent events.

A browser sees the status of a response, so a client that is refused gets one before the stream begins.
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

from push_gateway.core.close_codes import CloseCode, ProtocolError
from push_gateway.delivery.session import CLOSE_TIMEOUT_SECONDS, Client, Refusal
from push_gateway.delivery.session_lifecycle import SessionLifecycle
from push_gateway.metrics import Metrics
from push_gateway.transport.admission import RETRY_LATER, Admission
from push_gateway.transport.handshake import SessionRequest, is_allowed_origin
from push_gateway.transport.sse.encoding import EVENT_STREAM_ENCODER
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
_MAX_BODY_BYTES = 64 * 1024
"""A request needs no body; this much of one is ignored."""
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),  # makes nginx forward every event at once
]


class EventStreamEndpoint:
    """An ASGI application. One instance per process.

    Args:
        admission: Decides who may open a stream.
        sessions: Creates the session.
        metrics: Counts streams and refusals.
        allowed_origins: Origins of pages that may connect, besides the gateway's own.
        write_buffer_bytes: What a client may leave unread, beyond the buffers of the HTTP server and the kernel.
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
        self._is_stopping = False
        self._streams: set[EventStreamTransport] = set()

    @property
    def streams(self) -> Sequence[EventStreamTransport]:
        """All open streams."""
        return tuple(self._streams)

    def stop(self) -> None:
        """Refuse new streams."""
        self._is_stopping = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        request = Request(scope, receive)
        if request.method != "GET":
            await PlainTextResponse("Only GET is allowed here.\n", 405, {"Allow": "GET"})(scope, receive, send)
            return
        if not is_allowed_origin(request.headers.get("Origin"), request.headers.get("Host"), self._allowed_origins):
            await PlainTextResponse("This origin may not open streams here.\n", 403)(scope, receive, send)
            return
        with self._admission.counted() as too_many:
            refusal = too_many or await self._serve(request, send)
        if refusal is not None:
            self._metrics.closes.labels(code=int(refusal.code)).inc()
            await _response(refusal)(scope, receive, send)

    async def _serve(self, request: Request, send: Send) -> Refusal | None:
        if self._is_stopping:
            return RETRY_LATER
        session_request = _parse(request)
        if isinstance(session_request, Refusal):
            return session_request
        client = await self._admission.authenticate(session_request)
        if isinstance(client, Refusal):
            return client
        if self._is_stopping:  # while the token was being verified
            return RETRY_LATER
        return await self._stream(request, send, client)

    async def _stream(self, request: Request, send: Send, client: Client) -> Refusal | None:
        transport = EventStreamTransport(self._write_buffer_bytes, self._write_buffer_bytes // 4)
        session = self._sessions.create(transport, EVENT_STREAM_ENCODER, client)
        channel = self._sessions.join(session)
        if isinstance(channel, Refusal):
            return channel
        watching = asyncio.create_task(_abort_when_disconnected(request, transport))
        self._streams.add(transport)
        self._metrics.streams.set(len(self._streams))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await self._sessions.start(session, channel)
            await _send_body(transport, send)
        finally:
            watching.cancel()
            transport.abort()
            self._streams.discard(transport)
            self._metrics.streams.set(len(self._streams))
            self._sessions.leave(session, channel)
        return None


def event_stream_app(endpoint: EventStreamEndpoint, allowed_origins: Sequence[str]) -> Starlette:
    """Return the application that serves `endpoint`, with CORS for pages of `allowed_origins`."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(allowed_origins),
        allow_methods=["GET"],
        allow_headers=["Authorization", "Last-Event-ID", "Cache-Control"],
        expose_headers=["Retry-After"],
        max_age=600,
    )
    app = Starlette(routes=[Route("/sse/{user_id}", endpoint, methods=["GET"])], middleware=[cors])
    app.router.redirect_slashes = False
    return app


async def _send_body(transport: EventStreamTransport, send: Send) -> None:
    """Send what is written to `transport` until it ends."""
    ended = asyncio.create_task(transport.ended.wait())
    try:
        while chunk := await transport.next_chunk():
            sending = asyncio.ensure_future(send({"type": "http.response.body", "body": chunk, "more_body": True}))
            await asyncio.wait((sending, ended), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():  # the client does not read
                sending.cancel()
                return
            sending.result()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        ended.cancel()


async def _abort_when_disconnected(request: Request, transport: EventStreamTransport) -> None:
    """Abort the stream when the client is gone. One that keeps sending a body is treated as if it were."""
    received_bytes = 0
    while (message := await request.receive())["type"] != "http.disconnect" and received_bytes < _MAX_BODY_BYTES:
        received_bytes += len(message.get("body", b""))
    transport.abort()


def _parse(request: Request) -> SessionRequest | Refusal:
    try:
        return parse_event_stream_request(
            request.path_params["user_id"],
            request.scope["query_string"].decode("latin-1"),
            request.headers.get("Authorization"),
            request.headers.get("Last-Event-ID"),
        )
    except ProtocolError as error:
        return Refusal(CloseCode.BAD_FRAME, str(error))


def _response(refusal: Refusal) -> Response:
    headers = {"Cache-Control": "no-store"}
    if refusal.code in _RETRY_AFTER_SECONDS:
        headers["Retry-After"] = _RETRY_AFTER_SECONDS[refusal.code]
    if refusal.code is CloseCode.BAD_TOKEN:
        headers["WWW-Authenticate"] = "Bearer"
    return PlainTextResponse(f"{refusal.reason}\n", _STATUSES[refusal.code], headers)
