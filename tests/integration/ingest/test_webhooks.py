"""Ingest over real HTTP, with the broker in process."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from hashlib import sha256
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from ingest.app import lifespan
from ingest.settings import Settings
from shared.contracts import AnyEvent, WebhookReceivedV1
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.local import LocalBroker
from shared.messaging.outcomes import DONE, Outcome
from shared.messaging.topology import ENRICHER_WEBHOOKS
from shared.security.app_secrets import parse_app_secrets
from shared.settings import InvalidSettings, load

BODY = b'{"object":"page","entry":[{"id":"1","messaging":[{"message":{"text":"\\u00e9 \\ud83c\\udf89 a\\/b"}}]}]}'
WAIT_SECONDS = 20.0
SECRETS: dict[str, Any] = {
    "app_secrets": "the-first-app-secret,the-second-app-secret",
    "verify_tokens": "a-verify-token-of-ours",
}


class Handler:
    """Records webhooks, or raises `error`."""

    def __init__(self) -> None:
        self.seen: list[AnyEvent] = []
        self.error: Exception | None = None
        self.delay_seconds = 0.0

    async def __call__(self, events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        await asyncio.sleep(self.delay_seconds)
        if self.error:
            raise self.error
        self.seen += events
        return [DONE] * len(events)


@pytest.fixture
def handler() -> Handler:
    return Handler()


@asynccontextmanager
async def ingest(handler: Handler | None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    configured = Settings(ingest_port=0, **{**SECRETS, **settings})
    async with (
        LocalBroker() as broker,
        broker.consume(ENRICHER_WEBHOOKS, handler) if handler else nullcontext(),
        lifespan(configured, broker, registry=CollectorRegistry()) as ports,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['ingest']}") as client,
    ):
        yield client


@asynccontextmanager
async def connection(client: httpx.AsyncClient) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect without a client library, to send requests that never end."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    try:
        yield reader, writer
    finally:
        writer.close()


def signed(body: bytes, secret: str = "the-second-app-secret") -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()}


async def test_a_signed_webhook_is_published_byte_for_byte_and_answered_200(handler: Handler) -> None:
    async with ingest(handler) as client:
        response = await client.post("/webhooks/facebook", content=BODY, headers=signed(BODY))

    assert response.status_code == 200
    [event] = handler.seen
    assert isinstance(event, WebhookReceivedV1)
    assert event.body == BODY
    assert event.platform == "facebook"
    assert [hop.service for hop in event.hops] == ["ingest"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no signature"),
        pytest.param(signed(BODY, "other"), id="another secret"),
        pytest.param({"X-Hub-Signature-256": "sha256="}, id="empty"),
        pytest.param({"X-Hub-Signature-256": "sha1=" + "0" * 40}, id="the old header's value"),
        pytest.param({"X-Hub-Signature-256": b"sha256=" + b"\xe9" * 64}, id="not ASCII"),
    ],
)
async def test_an_unsigned_or_forged_webhook_is_refused(handler: Handler, headers: dict[str, str]) -> None:
    async with ingest(handler) as client:
        response = await client.post("/webhooks/facebook", content=BODY, headers=headers)

    assert response.status_code == 401
    assert handler.seen == []


async def test_a_secret_is_accepted_on_the_paths_of_its_platforms_only(handler: Handler) -> None:
    secrets = "facebook+instagram=the-first-app-secret,whatsapp@1=the-second-app-secret"
    async with ingest(handler, app_secrets=secrets) as client:
        answers = [
            (await client.post(f"/webhooks/{platform}", content=BODY, headers=signed(BODY, secret))).status_code
            for secret in ("the-first-app-secret", "the-second-app-secret")
            for platform in ("facebook", "instagram", "whatsapp")
        ]

    assert answers == [200, 200, 401, 401, 401, 200]
    ids = [each.id for each in parse_app_secrets(secrets.split(","))]
    assert [event.signed_by for event in handler.seen if isinstance(event, WebhookReceivedV1)] == [ids[0], *ids]


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"\xff\xfe", b'{"object":"user"}'])
async def test_a_signed_body_of_any_content_is_accepted(handler: Handler, body: bytes) -> None:
    async with ingest(handler) as client:
        response = await client.post("/webhooks/whatsapp", content=body, headers=signed(body))

    assert response.status_code == 200
    assert len(handler.seen) == 1


@pytest.mark.parametrize("path", ["/webhooks/facebook/", "/webhooks/", "/healthz/", "//evil.example/healthz/"])
async def test_no_path_is_redirected_to_the_host_of_the_request(handler: Handler, path: str) -> None:
    async with ingest(handler) as client:
        for method in ("GET", "POST"):
            response = await client.request(method, f"{client.base_url}{path}", headers={"Host": "evil.example"})
            assert response.status_code == 404
            assert "Location" not in response.headers


async def test_a_body_over_the_limit_is_refused_with_or_without_a_declared_length(handler: Handler) -> None:
    body = b"x" * 1001

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    async with ingest(handler, max_body_bytes=1000) as client:
        declared = await client.post("/webhooks/facebook", content=body, headers=signed(body))
        streamed = await client.post("/webhooks/facebook", content=chunks(), headers=signed(body))
        at_limit = await client.post("/webhooks/facebook", content=body[:1000], headers=signed(body[:1000]))

    assert (declared.status_code, streamed.status_code, at_limit.status_code) == (413, 413, 200)


@pytest.mark.parametrize("error", [DependencyUnavailable("Postgres is unavailable"), TransientError("later")])
async def test_a_webhook_that_cannot_be_published_is_answered_503_with_retry_after(
    handler: Handler, error: Exception
) -> None:
    handler.error = error
    async with ingest(handler) as client:
        response = await client.post("/webhooks/facebook", content=BODY, headers=signed(BODY))

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


async def test_a_confirm_that_takes_too_long_is_answered_503(handler: Handler) -> None:
    handler.delay_seconds = 0.5
    async with ingest(handler, publish_timeout_seconds=0.05) as client:
        response = await client.post("/webhooks/facebook", content=BODY, headers=signed(BODY))

    assert response.status_code == 503


async def test_without_a_handler_a_webhook_is_answered_503() -> None:
    async with ingest(None) as client:
        response = await client.post("/webhooks/facebook", content=BODY, headers=signed(BODY))

    assert response.status_code == 503


async def test_the_challenge_is_returned_unchanged(handler: Handler) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "a-verify-token-of-ours", "hub.challenge": "0042<b>"}
    async with ingest(handler) as client:
        response = await client.get("/webhooks/instagram", params=query)
        wrong = await client.get("/webhooks/instagram", params={**query, "hub.verify_token": "no"})
        missing = await client.get("/webhooks/instagram")
        unknown = await client.get("/webhooks/telegram", params=query)

    assert (response.status_code, response.text) == (200, "0042<b>")
    assert response.headers["Content-Type"].startswith("text/plain")
    assert (wrong.status_code, missing.status_code, unknown.status_code) == (403, 403, 404)


async def test_operations_report_health_and_count_webhooks(handler: Handler) -> None:
    async with ingest(handler) as client:
        await client.post("/webhooks/facebook", content=BODY, headers=signed(BODY))
        health, ready, metrics = [await client.get(path) for path in ("/healthz", "/readyz", "/metrics")]

    assert (health.status_code, ready.status_code) == (200, 200)
    assert 'switchboard_ingest_webhooks_total{platform="facebook",status="200"} 1.0' in metrics.text


@pytest.mark.parametrize("signature", ["", "X-Hub-Signature-256: sha1=00\r\n", "X-Hub-Signature-256: sha256=zz\r\n"])
async def test_a_body_without_a_signature_is_refused_before_it_arrives(handler: Handler, signature: str) -> None:
    async with ingest(handler) as client, connection(client) as (reader, writer):
        writer.write(
            f"POST /webhooks/facebook HTTP/1.1\r\nHost: x\r\n{signature}Content-Length: 4000000\r\n\r\n".encode()
        )
        status_line = await asyncio.wait_for(reader.readline(), WAIT_SECONDS)

    assert status_line == b"HTTP/1.1 401 Unauthorized\r\n"


OVERLOADED = 'switchboard_ingest_requests_refused_total{reason="overloaded"}'
FORGED = f"X-Hub-Signature-256: sha256={'0' * 64}\r\n"


async def test_a_body_that_does_not_arrive_is_refused(handler: Handler) -> None:
    async with ingest(handler, body_seconds=1) as client, connection(client) as (reader, writer):
        writer.write(f"POST /webhooks/facebook HTTP/1.1\r\nHost: x\r\n{FORGED}Content-Length: 4000000\r\n\r\n".encode())
        status_line = await asyncio.wait_for(reader.readline(), WAIT_SECONDS)

        assert status_line == b"HTTP/1.1 408 Request Timeout\r\n"
        await asyncio.wait_for(reader.read(), WAIT_SECONDS)


async def test_bodies_that_do_not_arrive_keep_no_webhook_out(handler: Handler) -> None:
    limits = {"max_bytes_in_flight": 2**20, "max_body_bytes": 2**19}
    async with ingest(handler, **limits) as client, AsyncExitStack() as stack:
        for _ in range(4):
            _, writer = await stack.enter_async_context(connection(client))
            head = f"POST /webhooks/facebook HTTP/1.1\r\nHost: x\r\n{FORGED}Content-Length: {2**19}\r\n\r\n"
            writer.write(head.encode() + b"x" * (2**19 - 1))
        async with asyncio.timeout(WAIT_SECONDS):
            while OVERLOADED not in (await client.get("/metrics")).text:  # noqa: ASYNC110 - of another task
                await asyncio.sleep(0.01)
        response = await client.post("/webhooks/facebook", content=BODY, headers=signed(BODY))

    assert response.status_code == 200


def test_a_process_must_have_room_for_bodies() -> None:
    with pytest.raises(InvalidSettings, match="MAX_BYTES_IN_FLIGHT must be at least twice SWITCHBOARD_MAX_BODY_BYTES"):
        load(Settings, **SECRETS, max_bytes_in_flight=2**20, max_body_bytes=2**20)
