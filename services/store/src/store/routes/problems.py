"""The problems of the store's APIs (RFC 9457), and which error of the store becomes which. Clients branch on `type`."""

from functools import cache
from re import Pattern

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from shared.aio.turn_queue import AllBusy, UserBusy
from shared.errors import DependencyUnavailable
from shared.http.problems import ExceptionHandler, ProblemCatalog, ProblemType
from store.core.cursors import InvalidCursor
from store.errors import Unstorable

log = structlog.get_logger(__name__)

_RETRY_AFTER_SECONDS = 2

PROBLEMS = ProblemCatalog(
    {
        "bad-request": ProblemType(400, "The request cannot be parsed.", "There was an error parsing the body"),
        "unauthorized": ProblemType(401, "A valid bearer token is required.", "Send `Authorization: Bearer <token>`."),
        "forbidden": ProblemType(403, "Access denied.", "The token belongs to another user."),
        "not-found": ProblemType(404, "Not found.", "There is no conversation with this ID in your inbox."),
        "no-such-conversation": ProblemType(
            404, "The conversation does not exist.", "The user has no conversation with this ID."
        ),
        "method-not-allowed": ProblemType(405, "The method is not allowed.", "Method Not Allowed"),
        "minting-unavailable": ProblemType(
            409, "Tokens cannot be minted here.", "The identity provider of SWITCHBOARD_JWKS_URL issues users' tokens."
        ),
        "events-gone": ProblemType(
            410, "The event log no longer reaches back that far.", "The log starts after 41873."
        ),
        "too-large": ProblemType(413, "The request body is too large.", "The limit is 65536 bytes."),
        "invalid-cursor": ProblemType(
            422, "The cursor is invalid for this query.", "The cursor belongs to another query."
        ),
        "too-many-revocations": ProblemType(
            409, "There are too many revocations.", "Revoke all tokens of this user instead: leave out `token_id`."
        ),
        "invalid-request": ProblemType(422, "The request is invalid.", "See `errors`."),
        "too-many-requests": ProblemType(
            429,
            "Too many of your requests are waiting.",
            "Wait as long as Retry-After says, and send fewer requests at the same time.",
        ),
        "internal-error": ProblemType(500, "Internal error."),
        "unavailable": ProblemType(503, "The store is temporarily unavailable.", "Retry in a moment."),
    }
)
"""docs/protocol.md describes each that is not among `INTERNAL`."""
INTERNAL = frozenset({"no-such-conversation"})
"""Problems that only services receive, under /internal."""


async def on_unavailable(_: Request, error: Exception) -> Response:
    """Respond 503 while Postgres, or the identity provider's key set, is unavailable."""
    log.warning("request failed: dependency unavailable", reason=str(error))
    return PROBLEMS.response("unavailable", "Retry in a moment.", headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})


async def on_user_busy(_: Request, __: Exception) -> Response:
    """Respond 429 to a user whose own requests keep each other waiting."""
    detail = "Wait as long as Retry-After says, and send fewer requests at the same time."
    return PROBLEMS.response("too-many-requests", detail, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})


async def on_all_busy(_: Request, error: Exception) -> Response:
    """Respond 503 while too many requests of all users wait."""
    log.warning("request refused: too many wait", reason=str(error))
    return PROBLEMS.response("unavailable", "Retry in a moment.", headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})


async def on_invalid_cursor(_: Request, error: Exception) -> Response:
    """Respond to a cursor that is forged or belongs to another query."""
    return PROBLEMS.response("invalid-cursor", f"{error}; start again without one.")


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Respond to what the framework refuses; `Allow` names every method of the path, not only those of one route."""
    response = await PROBLEMS.on_http_exception(request, error)
    if "Allow" in response.headers and (known := _methods(request.app, request.url.path)):
        response.headers["Allow"] = ", ".join(sorted(known))
    return response


def _methods(app: FastAPI, path: str) -> set[str]:
    """Return the methods that the API documents for `path`. The router knows only those of the first matching route."""
    paths = app.openapi()["paths"]
    # As in OpenAPI, a literal path takes precedence over one with a parameter.
    found = [paths[path]] if path in paths else [paths[known] for known in paths if _pattern(known).match(path)]
    return {method.upper() for operations in found for method in operations}


@cache
def _pattern(documented_path: str) -> Pattern[str]:
    return compile_path(documented_path)[0]


async def on_invalid_request(_: Request, error: Exception) -> Response:
    """Respond to an invalid request. The response never repeats what was sent: it may hold a secret."""
    assert isinstance(error, RequestValidationError)
    problems = [
        {"field": ".".join(str(part) for part in problem["loc"]), "message": str(problem["msg"])}
        for problem in error.errors()
    ]
    return PROBLEMS.response("invalid-request", "See `errors`.", errors=problems)


async def on_unstorable(_: Request, error: Exception) -> Response:
    """Respond to data that Postgres cannot store, such as a NUL character; the response never repeats it."""
    log.info("request refused: its data cannot be stored", reason=str(error))
    return PROBLEMS.response("invalid-request", "Something in the request cannot be stored, such as a NUL character.")


EXCEPTION_HANDLERS: dict[type[Exception], ExceptionHandler] = {
    **PROBLEMS.exception_handlers,
    DependencyUnavailable: on_unavailable,
    Unstorable: on_unstorable,
}
"""Shared by the public API and `/internal`."""


def install(app: FastAPI) -> None:
    """Make `app` respond to every error with a problem."""
    handlers = {
        **EXCEPTION_HANDLERS,
        InvalidCursor: on_invalid_cursor,
        UserBusy: on_user_busy,
        AllBusy: on_all_busy,
        HTTPException: on_http_exception,
        RequestValidationError: on_invalid_request,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)
