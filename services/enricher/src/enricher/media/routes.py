"""GET /api/media/{conversation_id}/{id}/{index}: a media file for the browser of the user who received it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from enricher.graph.errors import GraphUnavailable
from enricher.media.addressing import parse_attachment_path
from enricher.media.downloads import MediaTooLarge
from enricher.media.service import MediaService, MediaStream
from enricher.metrics import Metrics
from enricher.problems import PROBLEMS
from shared.contracts.internal import MediaRequest
from shared.errors import DependencyUnavailable
from shared.http.problems import ProblemRaised
from shared.http.protocol import abort
from shared.security.bearer import bearer_token
from shared.security.user_tokens import InvalidUserToken, UserTokenVerifier

log = structlog.get_logger(__name__)

T = TypeVar("T")
MEDIA_PATH = "/api/media/{conversation_id}/{id}/{index}"


@dataclass(frozen=True, kw_only=True)
class MediaLimits:
    """Limits of one request."""

    total_seconds: float
    idle_seconds: float
    """How long the browser may read nothing."""
    cache_seconds: int
    """How long the browser may cache the file."""


class MediaEndpoint:
    """The route, as an ASGI application: a file stays open while it is sent.

    Args:
        service: opens the files.
        verifier: of users' tokens.
        limits: of one request.
        metrics: count requests by how they ended.
        monotonic: monotonic time in seconds.
    """

    def __init__(
        self,
        service: MediaService,
        verifier: UserTokenVerifier,
        *,
        limits: MediaLimits,
        metrics: Metrics,
        monotonic: Callable[[], float],
    ) -> None:
        self._service = service
        self._verifier = verifier
        self._limits = limits
        self._metrics = metrics
        self._monotonic = monotonic

    def route(self, *, allowed_origins: Sequence[str]) -> Route:
        """Return the route. Pages of the allowed origins may read its responses, problems included."""
        cors = Middleware(
            CORSMiddleware,
            allow_origins=allowed_origins,
            allow_methods=["GET"],
            allow_headers=["Authorization"],
            expose_headers=["Content-Disposition", "Retry-After"],
            max_age=600,
        )
        problems = Middleware(ExceptionMiddleware, handlers={ProblemRaised: PROBLEMS.on_problem_raised})
        return Route(MEDIA_PATH, self, middleware=[cors, problems])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        request = Request(scope, receive)
        if request.method != "GET":
            raise ProblemRaised("method-not-allowed", headers={"Allow": "GET"})
        query = await self._query(request)
        outcome, started = "internal-error", self._monotonic()
        try:
            outcome = await run_unless_disconnected(receive, self._respond(query, send)) or "abandoned"
        except ProblemRaised as problem:
            outcome = problem.name
            raise
        except asyncio.CancelledError:
            outcome = "abandoned"
            raise
        finally:
            self._metrics.media(outcome).inc()
            self._metrics.media_seconds.observe(self._monotonic() - started)
        if outcome == "cut_off":
            # A browser that reads nothing would keep the connection, and one that reads would take the part for the
            # whole file.
            abort(scope)
            await wait_for_disconnect(receive)

    async def _query(self, request: Request) -> MediaRequest:
        path = request.path_params
        attachment = parse_attachment_path(path["conversation_id"], path["id"], path["index"])
        if attachment is None:
            raise ProblemRaised("not-found")
        return MediaRequest(
            user_id=await self._authenticate(request),
            conversation_id=attachment.conversation_id,
            id=attachment.message_id,
            index=attachment.index,
        )

    async def _authenticate(self, request: Request) -> str:
        """Return the user's ID."""
        token = bearer_token(request.headers.get("authorization"))
        if token is None:
            raise ProblemRaised(
                "unauthorized", "Send `Authorization: Bearer <token>`.", headers={"WWW-Authenticate": "Bearer"}
            )
        try:
            return (await self._verifier.verify(token)).user_id
        except InvalidUserToken as error:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise ProblemRaised("unauthorized", f"The token is not valid: {error}.", headers=challenge) from error
        except DependencyUnavailable as error:
            raise ProblemRaised("unavailable", "Try again in a moment.", headers={"Retry-After": "2"}) from error

    async def _respond(self, query: MediaRequest, send: Send) -> str:
        """Send the file; return the outcome for the metric."""
        is_open = False
        try:
            async with asyncio.timeout(self._limits.total_seconds), self._service.open(query) as stream:
                is_open = True
                return await self._send_stream(stream, send)
        except TimeoutError as error:
            if not is_open:
                raise ProblemRaised("platform-silent", "Try again in a moment.") from error
            return _cut_off("too slow")

    async def _send_stream(self, stream: MediaStream, send: Send) -> str:
        """Send the response; return the outcome. If the file cannot be completed, neither is the response."""
        await send({"type": "http.response.start", "status": 200, "headers": self._headers(stream)})
        try:
            async for chunk in stream.chunks:
                async with asyncio.timeout(self._limits.idle_seconds):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                self._metrics.media_bytes.inc(len(chunk))
        except (GraphUnavailable, MediaTooLarge) as error:
            return _cut_off(str(error))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return "served"

    def _headers(self, stream: MediaStream) -> list[tuple[bytes, bytes]]:
        headers = {
            "Content-Type": stream.content_type,
            "Content-Disposition": stream.content_disposition,
            # What customers send is displayed and never runs, even if someone opens it by its URL.
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": f"private, max-age={self._limits.cache_seconds}, immutable",
            "Vary": "Authorization",
            "Accept-Ranges": "none",
        }
        if stream.size is not None:
            headers["Content-Length"] = str(stream.size)
        return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


async def run_unless_disconnected(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of `work`, or raise its error. If the client disconnects first, cancel `work`; return None."""
    disconnecting, working = asyncio.create_task(wait_for_disconnect(receive)), asyncio.create_task(work)
    try:
        await asyncio.wait((disconnecting, working), return_when=asyncio.FIRST_COMPLETED)
    finally:
        disconnecting.cancel()
        working.cancel()
        await asyncio.wait((disconnecting, working))
    return None if working.cancelled() else working.result()


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _cut_off(reason: str) -> str:
    log.warning("media response cut off", reason=reason)
    return "cut_off"
