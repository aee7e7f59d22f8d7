"""A request for a stream, at a moment that real sockets do not let us choose."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import httpx
from prometheus_client import CollectorRegistry

from push_gateway.delivery.session import Client
from push_gateway.delivery.session_lifecycle import SessionLifecycle
from push_gateway.metrics import Metrics
from push_gateway.transport.admission import Admission
from push_gateway.transport.handshake import SessionRequest
from push_gateway.transport.sse.endpoint import EventStreamEndpoint, event_stream_app
from shared.contracts.inbox import Who
from shared.security.user_tokens import UserToken

TOKEN = UserToken("ada", datetime(2100, 1, 1, tzinfo=UTC))


class StoppedWhileAuthenticating:
    """Admits everybody, but the gateway is told to stop before it has."""

    def __init__(self) -> None:
        self.streams: EventStreamEndpoint | None = None

    @contextmanager
    def counted(self) -> Iterator[None]:
        yield None

    async def authenticate(self, request: SessionRequest) -> Client:
        assert request.user_id == "ada"
        assert self.streams is not None
        self.streams.stop()
        return Client(user_id="ada", who=Who(id="laptop"), after=None, epoch=None, token=TOKEN, token_expires_at=1e9)


class NoSessions:
    def create(self, *_: Any) -> None:
        raise AssertionError("a stream begins that nobody will close")


async def test_no_stream_starts_if_the_gateway_stops_while_the_token_is_verified() -> None:
    admission = StoppedWhileAuthenticating()
    streams = EventStreamEndpoint(
        cast("Admission", admission),
        cast("SessionLifecycle", NoSessions()),
        Metrics(CollectorRegistry()),
        allowed_origins=[],
        write_buffer_bytes=1024,
    )
    admission.streams = streams
    transport = httpx.ASGITransport(event_stream_app(streams, []))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/sse/ada?token=a-token")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
