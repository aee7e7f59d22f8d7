"""A request for a stream, at a moment that real sockets do not let us choose."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
from prometheus_client import CollectorRegistry

from push_gateway.admission import Admission, Granted
from push_gateway.metrics import Metrics
from push_gateway.streams import Streams, streams_app


class StoppedWhileVerifying:
    """Grants everything, but the gateway is told to stop before it has."""

    def __init__(self) -> None:
        self.streams: Streams | None = None

    @contextmanager
    def counted(self) -> Iterator[None]:
        yield None

    async def verified(self, user_id: str, token: str) -> Granted:
        assert (user_id, token) == ("ada", "a-token")
        assert self.streams is not None
        self.streams.stop()
        return Granted(1e9, None)

    def session(self, *_: Any) -> None:
        raise AssertionError("a stream begins that nobody will close")


async def test_no_stream_begins_where_the_gateway_stops_while_a_token_is_verified() -> None:
    admission = StoppedWhileVerifying()
    metrics = Metrics(CollectorRegistry())
    streams = Streams(cast("Admission", admission), metrics, allowed_origins=[], write_budget_bytes=1024)
    admission.streams = streams
    transport = httpx.ASGITransport(streams_app(streams, []))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/sse/ada?token=a-token")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
