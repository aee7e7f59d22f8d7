"""Problem details: one format, and each service's own types."""

import json

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message
from structlog.testing import capture_logs

from shared.http.problems import ProblemCatalog, ProblemRaised, ProblemType

CATALOG = ProblemCatalog(
    {
        "bad-request": ProblemType(400, "Not understood."),
        "not-found": ProblemType(404, "There is no such thing."),
        "taken": ProblemType(409, "Somebody has it."),
        "internal-error": ProblemType(500, "Something went wrong here."),
    },
    headers={"Cache-Control": "no-store"},
)


async def taken(_: Request) -> Response:
    raise ProblemRaised("taken", "It is Ada's.", headers={"Retry-After": "2"}, errors=[{"field": "a", "message": "b"}])


async def broken(_: Request) -> Response:
    raise RuntimeError("a secret")


async def ask(method: str, path: str) -> httpx.Response:
    routes = [Route("/taken", taken), Route("/broken", broken)]
    app = Starlette(routes=routes, exception_handlers=CATALOG.exception_handlers)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.request(method, path)


async def test_a_raised_problem_ends_the_request_with_its_details() -> None:
    answer = await ask("GET", "/taken")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("2", "no-store")
    assert answer.json() == {
        "type": "urn:switchboard:problem:taken",
        "title": "Somebody has it.",
        "status": 409,
        "detail": "It is Ada's.",
        "errors": [{"field": "a", "message": "b"}],
    }


async def test_what_the_framework_refuses_is_the_problem_of_its_status_or_a_bad_request() -> None:
    nowhere, refused = await ask("GET", "/nowhere"), await ask("POST", "/taken")

    assert nowhere.json()["type"] == "urn:switchboard:problem:not-found"
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:switchboard:problem:bad-request")
    assert refused.headers["allow"] in {"GET, HEAD", "HEAD, GET"}


async def test_a_bug_says_nothing_about_itself() -> None:
    answer = await ask("GET", "/broken")

    assert answer.status_code == 500
    assert json.loads(answer.content) == {
        "type": "urn:switchboard:problem:internal-error",
        "title": "Something went wrong here.",
        "status": 500,
    }


async def test_a_client_that_leaves_before_its_body_has_arrived_is_no_bug() -> None:
    async def reads(request: Request) -> Response:
        return Response(await request.body())

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    app = Starlette(routes=[Route("/", reads, methods=["POST"])], exception_handlers=CATALOG.exception_handlers)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", "root_path": ""}
    with capture_logs() as logs:
        await app(scope, gone, send)

    assert sent[0]["status"] == 400
    assert [line["log_level"] for line in logs] == ["info"]
