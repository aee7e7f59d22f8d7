"""How a request for a medium ended is counted as it was."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from enricher.media.routes import Limits, MediaEndpoint
from enricher.media.service import MediaService, MediaStream
from enricher.metrics import Metrics
from shared.contracts.internal import MediaRequest
from shared.security.user_tokens import UserToken
from tests.builders import NOON

LIMITS = Limits(total_seconds=60, idle_seconds=60, cache_seconds=60)


class Desk(MediaService):
    """Fails as told, or waits for ever."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.began = asyncio.Event()

    @asynccontextmanager
    async def opened(self, _: MediaRequest) -> AsyncIterator[MediaStream]:
        self.began.set()
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()
        yield MediaStream("image/png", "inline", None, anything())


async def anything() -> AsyncIterator[bytes]:
    yield b""


class Everybody:
    async def verify(self, token: str) -> UserToken:
        return UserToken(user_id=token, expires_at=NOON)


class Request:
    """One to the endpoint, whose client leaves when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.registry = CollectorRegistry()
        self.desk = Desk(error)
        self.leaves = asyncio.Event()
        self.sent: list[Any] = []
        metrics = Metrics(self.registry)
        self.endpoint = MediaEndpoint(self.desk, Everybody(), limits=LIMITS, metrics=metrics, clock=lambda: 0.0)

    async def made(self) -> None:
        path = {"conversation_id": "2f1c7d0a9b3e4f55", "id": "1", "index": "0"}
        head = [(b"authorization", b"Bearer user-1")]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": head, "path_params": path}
        await self.endpoint(scope, self._receive, self._send)

    def ended(self, outcome: str) -> float | None:
        return self.registry.get_sample_value("switchboard_enricher_media_total", {"outcome": outcome})

    async def _receive(self) -> Any:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)


async def test_a_bug_is_not_counted_as_a_client_that_left() -> None:
    request = Request(ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        await request.made()

    assert (request.ended("internal-error"), request.ended("abandoned")) == (1, None)


async def test_a_client_that_left_is_not_counted_as_a_bug() -> None:
    request = Request()
    making = asyncio.create_task(request.made())
    await request.desk.began.wait()

    request.leaves.set()
    await making

    assert (request.ended("internal-error"), request.ended("abandoned")) == (None, 1)
    assert request.sent == []


async def test_a_service_that_stops_abandons_what_it_is_doing() -> None:
    request = Request()
    making = asyncio.create_task(request.made())
    await request.desk.began.wait()

    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making

    assert request.ended("abandoned") == 1
