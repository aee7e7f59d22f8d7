"""Errors of an HTTP API as problem details (RFC 9457): the format and the handlers. Each service has its own types."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:switchboard:problem:"
_TYPE_OF_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
}
"""What a framework's own exception becomes, by its status."""

ExceptionHandler = Callable[[Request, Exception], Awaitable[Response]]


class ProblemType(NamedTuple):
    """What every problem of a type has in common."""

    status: int
    title: str
    example: str = ""
    """A possible `detail`, for the API's documentation."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Problem details (RFC 9457); `type` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: list[dict[str, str]] = []
    """What is wrong with which field, when several things may be."""


class ProblemRaised(Exception):
    """Ends a request with problem details.

    Args:
        name: a type of the service's catalog; `type` in the response is `urn:switchboard:problem:<name>`.
        detail: a sentence for the person who made the request.
        headers: of the response.
        errors: one item per invalid field: `field` and `message`.
    """

    def __init__(
        self,
        name: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[dict[str, str]] = (),
    ) -> None:
        super().__init__(detail or name)
        self.name = name
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = list(errors)


class ProblemCatalog:
    """The problem types of one service, and the responses and exception handlers made from them.

    Args:
        types: by name. `bad-request` and `internal-error` are required: they stand for what has no type of its own.
        headers: sent with every problem.
    """

    def __init__(self, types: Mapping[str, ProblemType], *, headers: Mapping[str, str] | None = None) -> None:
        assert {"bad-request", "internal-error"} <= types.keys()
        self.types = types
        self._headers = dict(headers or {})

    def problem(self, name: str, detail: str = "", *, errors: Sequence[dict[str, str]] = ()) -> Problem:
        """Return a problem of the type `name`."""
        status, title, _ = self.types[name]
        return Problem(type=TYPE_PREFIX + name, title=title, status=status, detail=detail, errors=list(errors))

    def response(
        self,
        name: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[dict[str, str]] = (),
    ) -> Response:
        """Return a response with a problem of the type `name`."""
        problem = self.problem(name, detail, errors=errors)
        headers = {**(headers or {}), **self._headers}
        return Response(msgspec.json.encode(problem), problem.status, headers, media_type=MEDIA_TYPE)

    async def on_problem_raised(self, _: Request, error: Exception) -> Response:
        """Respond with the problem that a route raised."""
        assert isinstance(error, ProblemRaised)
        return self.response(error.name, error.detail, headers=error.headers, errors=error.errors)

    async def on_http_exception(self, _: Request, error: Exception) -> Response:
        """Respond to what the framework itself refuses, such as an unknown path."""
        assert isinstance(error, HTTPException)
        name = _TYPE_OF_STATUS.get(error.status_code, "bad-request")
        if name not in self.types:
            name = "bad-request"
        return self.response(name, str(error.detail or ""), headers=error.headers)

    async def on_disconnect(self, request: Request, _: Exception) -> Response:
        """End a request whose client left, or was sent away, before its body had arrived. Nobody reads the response."""
        log.info("request given up: its body did not arrive", method=request.method, path=request.url.path)
        return self.response("bad-request")

    async def on_bug(self, request: Request, error: Exception) -> Response:
        """Respond 500 and log the exception; the response says nothing about it."""
        log.error("request failed: this is a bug", method=request.method, path=request.url.path, exc_info=error)
        return self.response("internal-error")

    @property
    def exception_handlers(self) -> dict[type[Exception], ExceptionHandler]:
        """The handlers of a Starlette application."""
        return {
            ProblemRaised: self.on_problem_raised,
            HTTPException: self.on_http_exception,
            ClientDisconnect: self.on_disconnect,
            Exception: self.on_bug,
        }
