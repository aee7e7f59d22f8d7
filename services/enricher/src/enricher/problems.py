"""What a request for a medium is answered when there is none: problem details (RFC 9457), as the store answers."""

from collections.abc import Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

log = structlog.get_logger(__name__)

TITLES = {
    "bad-request": (400, "The request cannot be understood."),
    "unauthorized": (401, "A valid bearer token is needed."),
    "not-found": (404, "There is no such thing."),
    "media-elsewhere": (404, "It has an address of its own."),
    "method-not-allowed": (405, "This cannot be done here."),
    "account-needs-reauthorization": (409, "The account has to be connected again."),
    "media-gone": (410, "The platform has it no more."),
    "internal-error": (500, "Something went wrong here."),
    "platform-refused": (502, "The platform does not hand it out."),
    "media-too-large": (502, "It is larger than what is passed on."),
    "unavailable": (503, "It cannot be fetched at this moment."),
    "platform-silent": (504, "The platform took too long."),
}
"""Status and title by name."""
_NAME_OF_STATUS = {404: "not-found", 405: "method-not-allowed"}


class ProblemRaised(Exception):
    """Ends a request with problem details.

    Args:
        name: one of the names in this module; the `type` is `urn:switchboard:problem:<name>`.
        detail: a sentence for the person who made the request.
    """

    def __init__(self, name: str, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail or name)
        self.name = name
        self.detail = detail
        self.headers = dict(headers or {})


async def on_problem(_: Request, error: Exception) -> Response:
    """Answer what a route raised."""
    assert isinstance(error, ProblemRaised)
    return _response(error)


async def on_http_exception(_: Request, error: Exception) -> Response:
    """Answer what the router itself refuses, e.g. an unknown path."""
    assert isinstance(error, HTTPException)
    name = _NAME_OF_STATUS.get(error.status_code, "bad-request")
    return _response(ProblemRaised(name, headers=error.headers))


async def on_bug(request: Request, error: Exception) -> Response:
    """Answer 500; the log has the rest."""
    log.error("request failed: this is a bug", method=request.method, path=request.url.path, exc_info=error)
    return _response(ProblemRaised("internal-error"))


def _response(problem: ProblemRaised) -> Response:
    status, title = TITLES[problem.name]
    body = {"type": f"urn:switchboard:problem:{problem.name}", "title": title, "status": status}
    if problem.detail:
        body["detail"] = problem.detail
    return JSONResponse(body, status, problem.headers | {"Cache-Control": "no-store"}, "application/problem+json")
