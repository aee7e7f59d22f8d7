"""`GET|POST /webhooks/{platform}`: Starlette routes, since nothing here may parse the body (docs/adr/0006)."""

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
from shared.contracts import PLATFORMS, Platform
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.ports import Publisher

log = structlog.get_logger(__name__)


class BodyTooLarge(Exception):
    """The body is larger than we take."""


@dataclass(frozen=True, kw_only=True)
class WebhookRoutes:
    """The two handlers and what they need."""

    publisher: Publisher
    metrics: Metrics
    now: Callable[[], datetime]
    app_secrets: Sequence[bytes]
    verify_tokens: Sequence[bytes]
    max_body_bytes: int
    publish_timeout_seconds: float
    retry_after_seconds: int

    async def verify(self, request: Request) -> Response:
        """Answer the platform's verification request: the challenge exactly as it came, or 403."""
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
        """Take one webhook: 200 once it is safe, 503 (the platform sends it again) when that cannot be known."""
        platform = _platform(request)
        if platform is None:
            return _unknown_platform()
        try:
            body = await self._body(request)
        except BodyTooLarge:
            return self._answer(platform, PlainTextResponse(f"at most {self.max_body_bytes} bytes", 413))
        except ClientDisconnect:
            return self._answer(platform, Response(status_code=400))
        if not core.is_signed(body, request.headers.get("x-hub-signature-256"), self.app_secrets):
            return self._answer(platform, PlainTextResponse("X-Hub-Signature-256 is missing or wrong", 401))
        event = core.received(platform, body, now=self.now(), traceparent=request.headers.get("traceparent"))
        try:
            with self.metrics.publish_seconds.time():
                async with asyncio.timeout(self.publish_timeout_seconds):
                    await self.publisher.publish([event])
        except (DependencyUnavailable, TransientError, TimeoutError) as error:
            log.warning("webhook not taken", webhook_id=event.id, reason=str(error) or type(error).__name__)
            retry_after = {"Retry-After": str(self.retry_after_seconds)}
            return self._answer(platform, PlainTextResponse("try again later", 503, headers=retry_after))
        return self._answer(platform, Response(status_code=200))

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

    def _answer(self, platform: Platform, response: Response) -> Response:
        self.metrics.webhooks.labels(platform, response.status_code).inc()
        return response


def _platform(request: Request) -> Platform | None:
    name = request.path_params["platform"]
    return cast("Platform", name) if name in PLATFORMS else None


def _unknown_platform() -> Response:
    return PlainTextResponse(f"unknown platform: use one of {', '.join(PLATFORMS)}", 404)
