"""Errors as problem details (RFC 9457). `type` is stable: clients may branch on it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from shared.errors import DependencyUnavailable
from store import views
from store.core.cursors import InvalidCursor
from store.errors import Unstorable

log = structlog.get_logger(__name__)

_RETRY_AFTER_SECONDS = 2


class Kind(NamedTuple):
    """A kind of problem: its status, its title, and what `detail` may be."""

    status: int
    title: str
    detail: str


KINDS: Mapping[str, Kind] = {
    "bad-request": Kind(400, "The request cannot be understood.", "There was an error parsing the body"),
    "unauthorized": Kind(401, "A valid bearer token is needed.", "Send `Authorization: Bearer <token>`."),
    "forbidden": Kind(403, "This is not yours.", "The token is that of another user."),
    "not-found": Kind(404, "There is no such thing.", "You have no such conversation."),
    "no-such-conversation": Kind(404, "There is no such conversation.", "The user has no such conversation."),
    "method-not-allowed": Kind(405, "This cannot be done here.", "Method Not Allowed"),
    "minting-unavailable": Kind(409, "Tokens are minted elsewhere.", "Users' tokens come from the identity provider."),
    "events-gone": Kind(410, "The event log no longer reaches back that far.", "It holds what came after 41873."),
    "too-large": Kind(413, "The body is too long.", "A body may have 65536 bytes."),
    "invalid-cursor": Kind(422, "The cursor is not one of this query.", "It belongs to another query."),
    "invalid-request": Kind(422, "Something in the request is not as it must be.", "See `errors`."),
    "internal-error": Kind(500, "Something went wrong here.", ""),
    "unavailable": Kind(503, "The store cannot answer at this moment.", "Try again in a moment."),
}
"""By the last part of `type`. docs/protocol.md tells of each that is not among `INTERNAL`."""
INTERNAL = frozenset({"no-such-conversation"})
"""Those that only services are told, under /internal."""
_NAME_OF_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
}


class ProblemRaised(Exception):
    """Ends a request with problem details.

    Args:
        name: one of the names in this module; the `type` is `urn:switchboard:problem:<name>`.
        detail: a sentence for the person who made the request.
        errors: what is wrong with which field.
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


def problem(name: str, detail: str = "", *, errors: Sequence[dict[str, str]] = ()) -> views.Problem:
    """Return the problem `name`."""
    kind = KINDS[name]
    return views.Problem(
        type=f"urn:switchboard:problem:{name}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        errors=list(errors),
    )


def problem_response(
    name: str, detail: str = "", *, headers: Mapping[str, str] | None = None, errors: Sequence[dict[str, str]] = ()
) -> Response:
    """Return the problem `name` as a response."""
    body = msgspec.json.encode(problem(name, detail, errors=errors))
    return Response(body, KINDS[name].status, dict(headers or {}), media_type="application/problem+json")


async def on_problem(_: Request, error: Exception) -> Response:
    """Answer what a route raised."""
    assert isinstance(error, ProblemRaised)
    return problem_response(error.name, error.detail, headers=error.headers, errors=error.errors)


async def on_unavailable(_: Request, error: Exception) -> Response:
    """Answer 503 while Postgres, or the identity provider's key set, is away."""
    log.warning("request refused for now", reason=str(error))
    return problem_response("unavailable", "Try again in a moment.", headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})


async def on_invalid_cursor(_: Request, error: Exception) -> Response:
    """Answer a forged or foreign cursor."""
    return problem_response("invalid-cursor", f"{error}; start again without one.")


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the router itself refuses, e.g. an unknown path."""
    assert isinstance(error, HTTPException)
    name = _NAME_OF_STATUS.get(error.status_code, "bad-request")
    headers = dict(error.headers or {})
    if "Allow" in headers and isinstance(request.app, FastAPI) and (known := _methods(request.app, request.url.path)):
        headers["Allow"] = ", ".join(sorted(known))
    return problem_response(name, str(error.detail or ""), headers=headers)


def _methods(app: FastAPI, path: str) -> set[str]:
    """Return what can be done at `path`: the router names only the methods of the first route that fits."""
    paths = app.openapi()["paths"]
    # As OpenAPI has it, a path that is written out comes before one with a parameter.
    found = [paths[path]] if path in paths else [paths[known] for known in paths if compile_path(known)[0].match(path)]
    return {method.upper() for operations in found for method in operations}


async def on_invalid_request(_: Request, error: Exception) -> Response:
    """Answer a request that does not fit; what was sent is never repeated, it may hold a secret."""
    assert isinstance(error, RequestValidationError)
    problems = [
        {"field": ".".join(str(part) for part in problem["loc"]), "message": str(problem["msg"])}
        for problem in error.errors()
    ]
    return problem_response("invalid-request", "See `errors`.", errors=problems)


async def on_unstorable(_: Request, error: Exception) -> Response:
    """Answer data that Postgres cannot hold, e.g. a NUL in a text; what was sent is never repeated."""
    log.info("request refused: its data cannot be stored", reason=str(error))
    return problem_response("invalid-request", "Something in the request cannot be stored, such as a NUL character.")


async def on_bug(request: Request, error: Exception) -> Response:
    """Answer 500; the server logs the rest."""
    log.error("request failed: this is a bug", method=request.method, path=request.url.path, exc_info=error)
    return problem_response("internal-error")


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(ProblemRaised, on_problem)
    app.add_exception_handler(DependencyUnavailable, on_unavailable)
    app.add_exception_handler(Unstorable, on_unstorable)
    app.add_exception_handler(InvalidCursor, on_invalid_cursor)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(Exception, on_bug)
