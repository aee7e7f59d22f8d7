"""Describes responses in OpenAPI: schemas, headers, and an example of each, including problems."""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from shared.contracts.inbox import Account, Conversation, FrameKind, Message, Record
from shared.contracts.internal import RevokedTokens
from shared.http.problems import Problem
from store.core.audit import AuditRecord
from store.core.entity_tags import entity_tag, matches
from store.core.examples import EXAMPLES, example
from store.core.ledger import AccountLedger
from store.core.state_hashes import TotalState, UserState
from store.repository.erasures.requests import Erasure
from store.repository.ledger.reports import Unaccounted
from store.routes.problems import PROBLEMS
from store.routes.responses import Frame, KeysRotated, MintedToken, ParkedDetail, ParkedSummary, Replayed, SearchHit

OPENAPI_PATH = "/api/openapi.json"
_CACHE_SECONDS = 3600
INBOX_HEADERS = ("Inbox-Seq", "Inbox-Epoch")
"""Of every response that is read from a user's inbox."""
USER_PROBLEMS = ("unauthorized", "forbidden", "too-many-requests")
"""Of routes that require a user's token."""
ADMIN_PROBLEMS = ("unauthorized", "forbidden")
"""Of routes that require an admin token."""
BODY_PROBLEMS = ("bad-request", "too-large")
"""Of routes with a request body."""
_ALWAYS = ("invalid-request", "internal-error", "unavailable")
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_HEADERS: dict[str, dict[str, Any]] = {
    "Inbox-Seq": {
        "description": "The user's highest `seq` before the data was read; the response includes all changes up to it.",
        "schema": _COUNT,
        "required": True,
        "example": 1044,
    },
    "Inbox-Epoch": {
        "description": "Changes when `seq` numbers are no longer comparable, such as after the database was restored.",
        "schema": _TEXT,
        "required": True,
        "example": "5f0c2d7e91ab03cc",
    },
    "Search-Seq": {
        "description": "The `seq` up to which the inbox is indexed.",
        "schema": _COUNT,
        "required": True,
        "example": 1044,
    },
    "Location": {"description": "Where to ask how far it is.", "schema": _TEXT, "required": True},
    "Link": {"description": 'The next page, `rel="next"`, if there is one.', "schema": _TEXT},
    "ETag": {"description": "Send it as `If-None-Match` next time.", "schema": _TEXT, "required": True},
}
_PROBLEM_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`.", "schema": _TEXT, "required": True}},
    410: {name: _HEADERS[name] for name in INBOX_HEADERS},
    429: {"Retry-After": {"description": "Seconds.", "schema": _COUNT, "required": True}},
    503: {"Retry-After": {"description": "Seconds.", "schema": _COUNT, "required": True}},
}
_ERRORS = ({"field": "query.limit", "message": "Input should be less than or equal to 200"},)

_FrameSchema = msgspec.defstruct(
    "Frame",
    [("type", FrameKind), ("seq", int), ("data", dict[str, Any])],
    kw_only=True,
    namespace={"__doc__": Frame.__doc__},
)
_RecordSchema = msgspec.defstruct(
    "Record",
    [(field.name, dict[str, Any] if field.name == "body" else field.type) for field in msgspec.structs.fields(Record)],
    kw_only=True,
    namespace={"__doc__": Record.__doc__},
)
_AuditRecordSchema = msgspec.defstruct(
    "AuditRecord",
    [
        (field.name, dict[str, Any] if field.name == "details" else field.type)
        for field in msgspec.structs.fields(AuditRecord)
    ],
    kw_only=True,
    namespace={"__doc__": AuditRecord.__doc__},
)
_PUBLISHED = (
    Account,
    AccountLedger,
    _AuditRecordSchema,
    Conversation,
    Erasure,
    KeysRotated,
    Message,
    MintedToken,
    _FrameSchema,
    RevokedTokens,
    ParkedSummary,
    ParkedDetail,
    _RecordSchema,
    Replayed,
    SearchHit,
    TotalState,
    Unaccounted,
    UserState,
    Problem,
)


def describes(
    name: str | None,
    *,
    is_list: bool = False,
    status_code: int = 200,
    headers: Sequence[str] = (),
    problems: Sequence[str],
    media_type: str = "application/json",
) -> dict[int | str, Any]:
    """Return the responses of an operation, for OpenAPI.

    Args:
        name: the name of the struct in the body; None: there is no body.
        is_list: whether the body is a list of it.
        status_code: of a successful response.
        headers: of a successful response.
        problems: names of problem types, apart from those of every operation.
        media_type: of a successful response.
    """
    described: dict[int | str, Any] = {status_code: {"description": "Success."}}
    if name is not None:
        reference: dict[str, Any] = {"$ref": f"#/components/schemas/{name}"}
        schema = {"type": "array", "items": reference} if is_list else reference
        content = {"schema": schema, "examples": {"usual": _example_of(f"{name}.list" if is_list else name)}}
        described[status_code]["content"] = {media_type: content}
    if headers:
        described[status_code]["headers"] = {header: _HEADERS[header] for header in headers}
    for problem_name in (*problems, *_ALWAYS):
        status = PROBLEMS.types[problem_name].status
        response = described.setdefault(status, _problem_response(status))
        response["content"]["application/problem+json"]["examples"][problem_name] = _example_of(
            f"problem.{problem_name}"
        )
    return described


def _problem_response(status: int) -> dict[str, Any]:
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
    response = {"description": "A problem (RFC 9457).", "content": {"application/problem+json": content}}
    return response | ({"headers": _PROBLEM_HEADERS[status]} if status in _PROBLEM_HEADERS else {})


def _example_of(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/examples/{name}"}


def _examples() -> dict[str, Any]:
    """Return all examples, by name. They are added here because FastAPI would omit null values in them."""
    found: dict[str, Any] = {}
    for name in EXAMPLES:
        found |= {name: example(name), f"{name}.list": example(name, is_list=True)}
    for name, kind in PROBLEMS.types.items():
        problem = PROBLEMS.problem(name, kind.example, errors=_ERRORS if name == "invalid-request" else ())
        found[f"problem.{name}"] = msgspec.to_builtins(problem)
    return {name: {"value": value} for name, value in found.items()}


def publish(app: FastAPI) -> None:
    """Serve the OpenAPI document of `app`, with the schemas and examples that `describes` refers to.

    It is for everybody, without a token. So it is built and rendered once, and not sent again to a client that has it.
    """

    @cache
    def openapi() -> dict[str, Any]:
        schema = describe()
        _, components = msgspec.json.schema_components(_PUBLISHED, ref_template="#/components/schemas/{name}")
        published = schema.setdefault("components", {})
        published.setdefault("schemas", {}).update(components)
        published["examples"] = _examples()
        return schema

    @cache
    def document() -> tuple[bytes, str]:
        rendered = msgspec.json.encode(openapi())
        return rendered, entity_tag("openapi", blake2b(rendered).hexdigest())

    async def serve(request: Request) -> Response:
        rendered, tag = document()
        headers = {"ETag": tag, "Cache-Control": f"public, max-age={_CACHE_SECONDS}"}
        if matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return Response(rendered, headers=headers, media_type="application/json")

    describe = app.openapi
    app.openapi = openapi  # type: ignore[method-assign]  # as in FastAPI's documentation, "Extending OpenAPI"
    app.add_route(OPENAPI_PATH, serve, include_in_schema=False)
