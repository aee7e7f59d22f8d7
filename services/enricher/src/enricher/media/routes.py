"""GET /api/media/{conversation_id}/{id}/{index}: what a customer sent, for the browser of the user whose it is."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from enricher.errors import GraphTimeout, GraphUnavailable, MediaTooLarge
from enricher.media.addressing import place_of
from enricher.media.service import MediaService, MediaStream
from enricher.metrics import Metrics
from enricher.problems import PROBLEMS
from shared.contracts.internal import MediaRequest
from shared.errors import DependencyUnavailable
from shared.http.problems import ProblemRaised
from shared.http.server import abort
from shared.security.bearer import bearer_token
from shared.security.user_tokens import InvalidUserToken, UserTokenVerifier

log = structlog.get_logger(__name__)

T = TypeVar("T")
MEDIA_PATH = "/api/media/{conversation_id}/{id}/{index}"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of one request."""

    total_seconds: float
    idle_seconds: float
    """How long the browser may take nothing."""
    cache_seconds: int
    """How long it may keep what it got."""


class MediaEndpoint:
    """The route, as an ASGI application: the medium is open for as long as it is being sent.

    Args:
        desk: has the media.
        verifier: of users' tokens.
        limits: of one request.
        metrics: count how requests ended.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        desk: MediaService,
        verifier: UserTokenVerifier,
        *,
        limits: Limits,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._desk = desk
        self._verifier = verifier
        self._limits = limits
        self._metrics = metrics
        self._clock = clock

    def route(self, *, allowed_origins: Sequence[str]) -> Route:
        """Return the route, which pages of the allowed origins may read, problems included."""
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
        """Answer one request."""
        request = Request(scope, receive)
        if request.method != "GET":
            raise ProblemRaised("method-not-allowed", headers={"Allow": "GET"})
        query = await self._query(request)
        outcome, began = "internal-error", self._clock()
        try:
            outcome = await unless_left(receive, self._answer(query, send)) or "abandoned"
        except ProblemRaised as problem:
            outcome = problem.name
            raise
        except asyncio.CancelledError:
            outcome = "abandoned"
            raise
        finally:
            self._metrics.media(outcome).inc()
            self._metrics.media_seconds.observe(self._clock() - began)
        if outcome == "cut_off":
            # A browser that reads nothing would keep the connection, and one that reads take a part for the whole.
            abort(scope)
            await left(receive)

    async def _query(self, request: Request) -> MediaRequest:
        """Return what is asked for, and by whom."""
        asked = request.path_params
        place = place_of(asked["conversation_id"], asked["id"], asked["index"])
        if place is None:
            raise ProblemRaised("not-found")
        conversation_id, message_id, index = place
        user_id = await self._reader(request)
        return MediaRequest(user_id=user_id, conversation_id=conversation_id, id=message_id, index=index)

    async def _reader(self, request: Request) -> str:
        """Return whose token it is."""
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

    async def _answer(self, query: MediaRequest, send: Send) -> str:
        """Send the medium; return how that ended."""
        begun = False
        try:
            async with asyncio.timeout(self._limits.total_seconds), self._desk.opened(query) as handout:
                begun = True
                return await self._pass_on(handout, send)
        except TimeoutError as error:
            if not begun:
                raise ProblemRaised("platform-silent", "Try again in a moment.") from error
            return _cut_off("too slow")

    async def _pass_on(self, handout: MediaStream, send: Send) -> str:
        """Send an answer, and return how it ended.

        One that cannot be finished is left unfinished.
        """
        await send({"type": "http.response.start", "status": 200, "headers": self._headers(handout)})
        try:
            async for piece in handout.pieces:
                async with asyncio.timeout(self._limits.idle_seconds):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                self._metrics.media_bytes.inc(len(piece))
        except (GraphTimeout, GraphUnavailable, MediaTooLarge) as error:
            return _cut_off(str(error))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return "served"

    def _headers(self, handout: MediaStream) -> list[tuple[bytes, bytes]]:
        headers = {
            "Content-Type": handout.content_type,
            "Content-Disposition": handout.disposition,
            # What customers send is shown and never runs, also where somebody opens it by its address.
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": f"private, max-age={self._limits.cache_seconds}, immutable",
            "Vary": "Authorization",
            "Accept-Ranges": "none",
        }
        if handout.size is not None:
            headers["Content-Length"] = str(handout.size)
        return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


async def unless_left(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what `work` returns, or raise what it raises; None when the client leaves first, which cancels it."""
    leaving, working = asyncio.create_task(left(receive)), asyncio.create_task(work)
    try:
        await asyncio.wait((leaving, working), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.wait((leaving, working))
    return None if working.cancelled() else working.result()


async def left(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def enricher_app(routes: Sequence[Route]) -> Starlette:
    """Return the ASGI app of everything that the enricher serves."""
    app = Starlette(routes=routes, exception_handlers=PROBLEMS.exception_handlers)
    app.router.redirect_slashes = False
    return app


def _cut_off(reason: str) -> str:
    log.warning("a medium did not come to its end", reason=reason)
    return "cut_off"
