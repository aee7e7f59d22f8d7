"""Tokens of an identity provider that publishes its keys, over real HTTP."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from shared.errors import DependencyUnavailable
from shared.security.key_set import KeySet
from shared.security.user_tokens import InvalidUserToken, UserTokenSettings, UserTokenVerifier, verifier

KEY = generate_private_key(65537, 2048)
ISSUER, AUDIENCE = "https://id.example", "inbox"


def token(kid: str | None, key: RSAPrivateKey = KEY, audience: str = AUDIENCE) -> str:
    claims = {"sub": "42", "iss": ISSUER, "aud": audience, "exp": datetime.now(UTC) + timedelta(minutes=5)}
    return jwt.encode(claims, key, "RS256", headers={"kid": kid} if kid else None)


class Provider:
    """Publishes `kids`; answers when `answers` is set."""

    def __init__(self, server: HTTPServer) -> None:
        self.kids = ["k1"]
        self.fetches = 0
        self.status = 200
        self.answers = Event()
        self.answers.set()
        self.url = server.url_for("/keys")
        server.expect_request("/keys").respond_with_handler(self._answer)

    def verifier(self) -> UserTokenVerifier:
        return verifier(UserTokenSettings(jwks_url=self.url, jwt_issuer=ISSUER, jwt_audience=AUDIENCE))  # type: ignore[arg-type]  # pydantic parses the URL

    def _answer(self, _: Request) -> Response:
        self.fetches += 1
        self.answers.wait(5)
        keys = [RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {"kid": kid, "use": "sig"} for kid in self.kids]
        return Response(json.dumps({"keys": keys}), self.status, content_type="application/json")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with HTTPServer(threaded=True) as server:
        one = Provider(server)
        yield one
        one.answers.set()


async def test_tokens_of_a_published_key_are_valid_and_the_keys_are_fetched_once(provider: Provider) -> None:
    tokens = provider.verifier()

    verified = await asyncio.gather(*(tokens.verify(token("k1")) for _ in range(20)))

    assert {one.user_id for one in verified} == {"42"}
    assert provider.fetches == 1


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(token("k1", generate_private_key(65537, 2048)), id="forged"),
        pytest.param(token("k1", audience="other"), id="for somebody else"),
        pytest.param(token(None), id="no kid"),
        pytest.param(jwt.encode({"sub": "42"}, "s" * 32, headers={"kid": "k1"}), id="a secret's algorithm"),
        pytest.param("a.b.c", id="garbage"),
    ],
)
async def test_a_token_that_the_provider_did_not_sign_is_refused(provider: Provider, bad: str) -> None:
    with pytest.raises(InvalidUserToken):
        await provider.verifier().verify(bad)


async def test_unknown_keys_cause_one_fetch_per_cool_down(provider: Provider) -> None:
    tokens = provider.verifier()
    for number in range(5):
        with pytest.raises(InvalidUserToken):
            await tokens.verify(token(f"unknown-{number}"))

    assert provider.fetches == 1


async def test_a_known_key_does_not_wait_while_the_provider_hangs(provider: Provider) -> None:
    clock = [0.0]
    keys = KeySet(provider.url, monotonic=lambda: clock[0])
    assert await keys.key("k1") is not None
    clock[0] = 31.0
    provider.answers.clear()
    unknown = [asyncio.create_task(keys.key(f"unknown-{number}")) for number in range(50)]
    async with asyncio.timeout(5):
        while provider.fetches < 2:  # noqa: ASYNC110 - the state of another thread
            await asyncio.sleep(0.005)

    began = time.monotonic()
    assert await keys.key("k1") is not None
    await asyncio.to_thread(lambda: None)
    assert time.monotonic() - began < 0.5, "neither it nor the threads of others wait"

    unknown[0].cancel()
    provider.answers.set()
    assert await asyncio.gather(*unknown[1:]) == [None] * 49, "a caller that gives up does not affect the others"
    assert provider.fetches == 2


async def test_a_failed_fetch_is_not_repeated_before_the_cool_down_is_over(provider: Provider) -> None:
    clock = [0.0]
    keys = KeySet(provider.url, monotonic=lambda: clock[0])
    provider.status = 503
    for _ in range(5):
        with pytest.raises(DependencyUnavailable):
            await keys.key("k1")
    assert provider.fetches == 1

    provider.status = 200
    clock[0] = 30.0
    assert await keys.key("k1") is not None


async def test_waiting_for_a_provider_that_hangs_is_bounded(provider: Provider) -> None:
    keys = KeySet(provider.url, fetch_seconds=0.1)
    provider.answers.clear()

    with pytest.raises(DependencyUnavailable):
        await asyncio.wait_for(keys.key("k1"), 2)


async def test_keys_are_renewed_before_they_expire_and_withdrawn_ones_are_dropped(provider: Provider) -> None:
    clock = [0.0]
    keys = KeySet(provider.url, monotonic=lambda: clock[0])
    assert await keys.key("k1") is not None

    provider.kids = ["k2"]
    clock[0] = 301.0
    assert await keys.key("k1") is not None, "still known, and fetched meanwhile"
    assert await keys.key("k2") is not None
    assert await keys.key("k1") is None
    assert provider.fetches == 2


async def test_no_key_outlives_its_lifespan_while_the_provider_is_unavailable(provider: Provider) -> None:
    clock = [0.0]
    keys = KeySet(provider.url, monotonic=lambda: clock[0])
    assert await keys.key("k1") is not None
    provider.status = 503
    clock[0] = 600.0

    with pytest.raises(DependencyUnavailable):
        await keys.key("k1")
