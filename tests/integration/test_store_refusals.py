"""Both callers of a store that refuses them report the same problem and what to change."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

import enricher.app
import enricher.settings
import push_gateway.app
import push_gateway.settings
from shared.http.server import serving
from shared.messaging.local import LocalBroker
from shared.settings import load

SETTINGS = {
    "service_tokens": "service-token-of-the-tests",
    "jwt_secret": "0123456789abcdef0123456789abcdef",
    "encryption_keys": Fernet.generate_key().decode(),
    "app_secrets": "app-secret-of-the-tests",
    "enricher_port": 0,
    "gateway_port": 0,
    "gateway_sse_port": 0,
    "gateway_operations_port": 0,
    "shutdown_grace_seconds": 1.0,
}


@asynccontextmanager
async def readiness_urls(status: int, content: bytes) -> AsyncIterator[dict[str, str]]:
    """Run both services with a store that always sends this response; yield their readiness URLs."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(content, status)(scope, receive, send)

    registry = CollectorRegistry()
    async with LocalBroker() as broker, serving(answer, host="127.0.0.1", port=0, grace_seconds=1) as port:
        known = {**SETTINGS, "store_internal_url": f"http://127.0.0.1:{port}"}
        async with (
            enricher.app.lifespan(load(enricher.settings.Settings, **known), broker, registry=registry) as enriching,
            push_gateway.app.lifespan(
                load(push_gateway.settings.Settings, **known), broker, registry=registry
            ) as pushing,
        ):
            ports = {"enricher": enriching["enricher"], "gateway": pushing["gateway_operations"]}
            yield {name: f"http://127.0.0.1:{port}/readyz" for name, port in ports.items()}


async def readiness_problems(url: str) -> set[str]:
    """Wait until the service reports problems; return them without their paths."""
    async with httpx.AsyncClient() as client, asyncio.timeout(10):
        while (answer := await client.get(url)).status_code == 200:  # noqa: ASYNC110 - readiness can only be polled
            await asyncio.sleep(0.05)
    return {re.sub(r"/internal/[a-z/-]+", "PATH", problem) for problem in answer.json()["problems"]}


@pytest.mark.parametrize(
    ("status", "content", "setting"),
    [
        pytest.param(401, b"", "SWITCHBOARD_SERVICE_TOKENS", id="token"),
        pytest.param(403, b"", "SWITCHBOARD_STORE_INTERNAL_URL", id="proxy"),
        pytest.param(404, b"", "SWITCHBOARD_STORE_INTERNAL_URL", id="another server"),
        pytest.param(422, b"", "one version", id="another version"),
        pytest.param(200, b"<html>welcome</html>", "one version", id="not understood"),
    ],
)
async def test_both_services_report_the_same_problem_when_the_store_refuses_them(
    status: int, content: bytes, setting: str
) -> None:
    async with readiness_urls(status, content) as urls:
        said = {name: await readiness_problems(url) for name, url in urls.items()}

    assert said["enricher"] == said["gateway"]
    assert setting in " ".join(said["enricher"])


async def test_both_services_report_an_unavailable_store() -> None:
    async with readiness_urls(503, b"") as urls:
        said = {name: await readiness_problems(url) for name, url in urls.items()}

    assert said["enricher"] == said["gateway"] == {"The store does not answer: HTTP 503."}
