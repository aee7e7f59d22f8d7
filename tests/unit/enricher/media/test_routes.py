"""Requests for media are counted by how they ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from enricher.media.routes import MediaEndpoint, MediaLimits
from enricher.media.service import MediaService, MediaStream
from enricher.metrics import Metrics
from shared.contracts.internal import MediaRequest
from shared.security.user_tokens import UserToken
from tests.builders import NOON

LIMITS = MediaLimits(total_seconds=60, idle_seconds=60, cache_seconds=60)


class BlockedService(MediaService):
    """Raises the given error, or never opens the file."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.started = asyncio.Event()

    @asynccontextmanager
    async def open(self, _: MediaRequest) -> AsyncIterator[MediaStream]:
        self.started.set()
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()
        yield MediaStream("image/png", "inline", None, no_chunks())


async def no_chunks() -> AsyncIterator[bytes]:
    yield b""


class AnyTokenVerifier:
    async def verify(self, token: str) -> UserToken:
        return UserToken(user_id=token, expires_at=NOON)


class EndpointRequest:
    """A request to the endpoint. The client disconnects when `disconnect` is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.registry = CollectorRegistry()
        self.service = BlockedService(error)
        self.disconnect = asyncio.Event()
        self.sent: list[Any] = []
        self.endpoint = MediaEndpoint(
            self.service,
            AnyTokenVerifier(),
            limits=LIMITS,
            metrics=Metrics(self.registry),
            monotonic=lambda: 0.0,
        )

    async def send(self) -> None:
        path = {"conversation_id": "2f1c7d0a9b3e4f55", "id": "1", "index": "0"}
        headers = [(b"authorization", b"Bearer user-1")]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "path_params": path}
        await self.endpoint(scope, self._receive, self._send)

    def count(self, outcome: str) -> float | None:
        return self.registry.get_sample_value("switchboard_enricher_media_total", {"outcome": outcome})

    async def _receive(self) -> Any:
        await self.disconnect.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


async def test_a_bug_does_not_count_as_abandoned() -> None:
    request = EndpointRequest(ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        await request.send()

    assert (request.count("internal-error"), request.count("abandoned")) == (1, None)


async def test_a_disconnect_counts_as_abandoned() -> None:
    request = EndpointRequest()
    sending = asyncio.create_task(request.send())
    await request.service.started.wait()

    request.disconnect.set()
    await sending

    assert (request.count("internal-error"), request.count("abandoned")) == (None, 1)
    assert request.sent == []


async def test_a_request_cancelled_by_shutdown_counts_as_abandoned() -> None:
    request = EndpointRequest()
    sending = asyncio.create_task(request.send())
    await request.service.started.wait()

    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending

    assert request.count("abandoned") == 1
