"""`GET|POST /webhooks/{platform}`: Starlette routes, because nothing here may parse the body (docs/adr/0006)."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from ingest import core
from ingest.metrics import Metrics
from shared.contracts import PLATFORMS, Platform, WebhookReceivedV1
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.ports import Publisher
from shared.security.app_secrets import AppSecret

log = structlog.get_logger(__name__)


class BodyTooLarge(Exception):
    """The body is larger than `max_body_bytes`."""


@dataclass(frozen=True, kw_only=True)
class WebhookRoutes:
    """The two endpoints and what they need.

    Attributes:
        publisher: where webhooks go.
        metrics: where they are counted.
        utc_now: returns the time (UTC).
        app_secrets: the secrets whose signatures are accepted, each on the paths of its platforms only.
        verify_tokens: the tokens that are accepted in verification requests.
        max_body_bytes: larger bodies are refused with 413.
        publish_timeout_seconds: how long publishing may take before the answer is 503.
        retry_after_seconds: the `Retry-After` of a 503.
    """

    publisher: Publisher
    metrics: Metrics
    utc_now: Callable[[], datetime]
    app_secrets: Sequence[AppSecret]
    verify_tokens: Sequence[bytes]
    max_body_bytes: int
    publish_timeout_seconds: float
    retry_after_seconds: int

    async def verify(self, request: Request) -> Response:
        """Answer the platform's verification request with its challenge, unchanged, or with 403."""
        if _platform(request) is None:
            return _unknown_platform()
        query = request.query_params
        challenge = query.get("hub.challenge")
        if challenge is None or not core.is_verification(
            query.get("hub.mode"), query.get("hub.verify_token"), self.verify_tokens
        ):
            return PlainTextResponse("hub.mode, hub.verify_token or hub.challenge is missing or wrong", 403)
        return PlainTextResponse(challenge, headers={"X-Content-Type-Options": "nosniff"})

    async def receive(self, request: Request) -> Response:
        """Receive one webhook: 200 once it is safe, 503 if that is not known, so that the platform sends it again."""
        platform = _platform(request)
        if platform is None:
            return _unknown_platform()
        response = await self._received(platform, request)
        self.metrics.webhooks.labels(platform, response.status_code).inc()
        return response

    async def _received(self, platform: Platform, request: Request) -> Response:
        signature = request.headers.get("x-hub-signature-256")
        if not core.is_signature(signature):
            return _unsigned()
        try:
            body = await self._body(request)
        except BodyTooLarge:
            return PlainTextResponse(f"at most {self.max_body_bytes} bytes", 413)
        except ClientDisconnect:
            return Response(status_code=400)
        secret = core.signer(body, signature, [each for each in self.app_secrets if platform in each.platforms])
        if secret is None:
            return _unsigned()
        traceparent = request.headers.get("traceparent")
        event = core.webhook_received(platform, body, signed_by=secret.id, now=self.utc_now(), traceparent=traceparent)
        return await self._published(event)

    async def _published(self, event: WebhookReceivedV1) -> Response:
        try:
            with self.metrics.publish_seconds.time():
                async with asyncio.timeout(self.publish_timeout_seconds):
                    await self.publisher.publish([event])
        except (DependencyUnavailable, TransientError, TimeoutError) as error:
            log.warning("webhook not published", webhook_id=event.id, reason=str(error) or type(error).__name__)
            return PlainTextResponse("try again later", 503, headers={"Retry-After": str(self.retry_after_seconds)})
        return Response(status_code=200)

    async def _body(self, request: Request) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.max_body_bytes:
            raise BodyTooLarge
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self.max_body_bytes:
                raise BodyTooLarge
            chunks.append(chunk)
        return b"".join(chunks)


def _platform(request: Request) -> Platform | None:
    name = request.path_params["platform"]
    return cast("Platform", name) if name in PLATFORMS else None


def _unsigned() -> Response:
    return PlainTextResponse("X-Hub-Signature-256 is missing or wrong", 401)


def _unknown_platform() -> Response:
    return PlainTextResponse(f"unknown platform: use one of {', '.join(PLATFORMS)}", 404)
