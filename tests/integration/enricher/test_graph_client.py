"""The Graph API client over real HTTP: host, credentials, and invalid responses."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from enricher.graph.client import GraphClient
from enricher.graph.errors import GraphCallRejected, GraphTimeout, GraphUnavailable, RateLimited, TokenRefused
from enricher.graph.usage import Usage
from shared.contracts.internal import PageKey
from shared.http.client import MAX_RESPONSE_BYTES, http_client
from shared.http.server import serving
from shared.security.app_secrets import AppSecrets, parse_app_secrets

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ACCOUNT = PageKey(platform="instagram", page_id="1041")
PERSON = "7.0_a-B"


class Host:
    """One host of the Graph API. The token decides about the response."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.usages: list[Usage] = []

    async def respond(self, request: Request) -> Response:
        self.requests.append(request)
        match request.headers["authorization"]:
            case "Bearer slow":
                await asyncio.sleep(5)
            case "Bearer moved":
                return RedirectResponse("/v25.0/elsewhere")
            case "Bearer large":
                return Response(b"x" * (MAX_RESPONSE_BYTES + 1))
            case "Bearer dead":
                return JSONResponse({"error": {"code": 190}}, status_code=200)
            case "Bearer limited":
                usage = '{"1041":[{"type":"instagram","call_count":100,"estimated_time_to_regain_access":7}]}'
                headers = {"X-App-Usage": '{"call_count":28}', "X-Business-Use-Case-Usage": usage}
                return JSONResponse({"error": {"code": 80002}}, status_code=400, headers=headers)
            case "Bearer page":
                return Response(b"<html>Sorry</html>", status_code=200)
        return JSONResponse({"name": "Ada", "username": "ada"})


@asynccontextmanager
async def client(
    *, instagram_app_secret: str | None = None, app_secrets: Sequence[str] = ("the-app-secret-of-tests",)
) -> AsyncIterator[tuple[GraphClient, Host, Host]]:
    hosts = Host(), Host()
    apps = [Starlette(routes=[Route("/{version}/{person}", host.respond)]) for host in hosts]
    async with (
        serving(apps[0], host="127.0.0.1", port=0, grace_seconds=1) as port,
        serving(apps[1], host="127.0.0.1", port=0, grace_seconds=1) as instagram_port,
        http_client(total_seconds=0.5, connections=2) as connection,
    ):
        graph = GraphClient(
            connection,
            url=f"http://127.0.0.1:{port}/",
            instagram_url=f"http://127.0.0.1:{instagram_port}",
            version="v25.0",
            app_secrets=AppSecrets(parse_app_secrets(app_secrets)),
            instagram_app_secret=None if instagram_app_secret is None else SecretStr(instagram_app_secret),
            timeout_seconds=0.5,
            on_usage=lambda _, usage: hosts[0].usages.append(usage),
            utc_now=lambda: NOW,
        )
        yield graph, *hosts


@pytest.mark.parametrize(("token", "is_instagram_login"), [("EAAB-1", False), ("IGAA-1", True)])
async def test_the_token_decides_about_the_host(token: str, is_instagram_login: bool) -> None:  # noqa: FBT001 - a case
    async with client() as (graph, facebook, instagram):
        profile = await graph.profile(ACCOUNT, PERSON, SecretStr(token))

        assert (profile.name, profile.username, profile.fetched_at) == ("Ada", "ada", NOW)
        called, other = (instagram, facebook) if is_instagram_login else (facebook, instagram)
        assert other.requests == []
        [request] = called.requests
        assert request.url.path == "/v25.0/7.0_a-B"
        assert dict(request.query_params) == {
            "fields": "name,username,profile_pic",
            "appsecret_proof": hmac.new(b"the-app-secret-of-tests", token.encode(), sha256).hexdigest(),
        }
        assert request.headers["authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(("token", "secret"), [("EAAB-1", b"the-app-secret-of-tests"), ("IGAA-1", b"instagram-secret")])
async def test_calls_are_signed_with_the_secret_of_the_tokens_app(token: str, secret: bytes) -> None:
    async with client(instagram_app_secret="instagram-secret") as (graph, *hosts):
        await graph.profile(ACCOUNT, PERSON, SecretStr(token))

        [request] = [request for host in hosts for request in host.requests]
        assert request.query_params["appsecret_proof"] == hmac.new(secret, token.encode(), sha256).hexdigest()


@pytest.mark.parametrize(
    ("token", "error"),
    [
        pytest.param("slow", GraphTimeout, id="slow"),
        pytest.param("page", GraphUnavailable, id="not JSON"),
        pytest.param("moved", GraphUnavailable, id="a redirect"),
        pytest.param("dead", TokenRefused, id="an error with status 200"),
    ],
)
async def test_an_invalid_response_is_a_typed_error(token: str, error: type[Exception]) -> None:
    async with client() as (graph, facebook, _):
        with pytest.raises(error) as raised:
            await graph.profile(ACCOUNT, PERSON, SecretStr(token))

        assert len(facebook.requests) == 1, "redirects are not followed, nothing is retried"
        assert token == "slow" or token not in str(raised.value).split()


async def test_usage_headers_of_an_error_are_reported() -> None:
    async with client() as (graph, facebook, _):
        with pytest.raises(RateLimited):
            await graph.profile(ACCOUNT, PERSON, SecretStr("limited"))
        await graph.profile(ACCOUNT, PERSON, SecretStr("healthy"))

        assert facebook.usages == [Usage(app_percent=28, page_percent=100, regain_seconds=420), Usage()]


async def test_a_response_that_is_too_large_is_not_read() -> None:
    async with client() as (graph, _, _):
        with pytest.raises(GraphUnavailable, match="more than"):
            await graph.profile(ACCOUNT, PERSON, SecretStr("large"))


@pytest.mark.parametrize(
    ("app_secrets", "token", "secret"),
    [
        (["whatsapp=the-whatsapp-secret", "instagram=the-instagram-secret"], "EAAB-1", b"the-instagram-secret"),
        (
            ["the-secret-of-every-app", f"instagram@{ACCOUNT.page_id}=the-secret-of-its-app"],
            "EAAB-1",
            b"the-secret-of-its-app",
        ),
        (["the-secret-of-every-app", "instagram@5=the-secret-of-another"], "EAAB-1", b"the-secret-of-every-app"),
        ([f"instagram@{ACCOUNT.page_id}=the-secret-of-its-app"], "IGAA-1", b"the-secret-of-its-app"),
        (["instagram=the-platform-secret"], "IGAA-1", b"the-instagram-secret"),
        (["whatsapp=the-whatsapp-secret"], "EAAB-1", b"the-whatsapp-secret"),
    ],
)
async def test_calls_are_signed_with_the_secret_that_speaks_for_the_page(
    app_secrets: Sequence[str], token: str, secret: bytes
) -> None:
    async with client(instagram_app_secret="the-instagram-secret", app_secrets=app_secrets) as (graph, *hosts):
        await graph.profile(ACCOUNT, PERSON, SecretStr(token))

        [request] = [request for host in hosts for request in host.requests]
        assert request.query_params["appsecret_proof"] == hmac.new(secret, token.encode(), sha256).hexdigest()


@pytest.mark.parametrize("participant_id", ["", "..", ".", "a/b", "a?b", "a b", "ä", "a\n"])
async def test_an_invalid_id_is_rejected_without_a_call(participant_id: str) -> None:
    async with client() as (graph, facebook, instagram):
        with pytest.raises(GraphCallRejected):
            await graph.profile(ACCOUNT, participant_id, SecretStr("EAAB"))

        assert facebook.requests == instagram.requests == []


async def test_whatsapp_has_no_profile_lookup() -> None:
    async with client() as (graph, facebook, _):
        with pytest.raises(GraphCallRejected):
            await graph.profile(PageKey(platform="whatsapp", page_id="1041"), PERSON, SecretStr("EAAB"))

        assert facebook.requests == []
