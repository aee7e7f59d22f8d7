"""A complete gateway on real sockets, with the in-process broker and a fake store that can be unavailable."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect

from push_gateway.app import lifespan
from push_gateway.settings import Settings
from shared.contracts import Event
from shared.messaging.local import LocalBroker
from shared.messaging.ports import Broker
from shared.security.user_tokens import mint
from tests.fakes.store import SERVICE_TOKEN, FakeStore, fake_store

JWT_SECRET = "a-secret-of-at-least-thirty-two-bytes"
WAIT_SECONDS = 10.0


def token(user_id: str, seconds: float = 7200.0, secret: str = JWT_SECRET) -> str:
    return mint(SecretStr(secret), user_id, now=datetime.now(UTC), ttl=timedelta(seconds=seconds))[0]


async def until(condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Wait until `condition` holds. It is the state of another task, which notifies nobody."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


@dataclass
class Gateway:
    port: int
    sse_port: int
    operations_port: int
    store: FakeStore
    broker: Any
    metrics: CollectorRegistry
    published: list[Event] = field(default_factory=list)

    def url(self, user_id: str, **query: object) -> str:
        asked = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
        return f"ws://127.0.0.1:{self.port}/ws/{quote(user_id, safe='')}?{asked}"

    def connect(self, user_id: str, *, seconds: float = 600.0, **query: object) -> connect:
        return connect(
            self.url(user_id, token=token(user_id, seconds), **query), compression=None, proxy=None, open_timeout=5
        )

    async def push_changes(self, user_id: str, count: int = 1, text: str = "") -> None:
        """Commit `count` changes and publish them."""
        await self.broker.publish([self.store.append(user_id, text) for _ in range(count)])

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.get_sample_value(f"switchboard_gateway_{name}", labels) or 0.0


@asynccontextmanager
async def gateway(
    *, broker: Broker | None = None, store: FakeStore | None = None, **changes: Any
) -> AsyncIterator[Gateway]:
    async with LocalBroker() as local, fake_store() as fake:
        served = store or fake
        settings = Settings(
            **{
                "gateway_port": 0,
                "gateway_operations_port": 0,
                "gateway_sse_port": 0,
                "store_internal_url": served.url,
                "service_tokens": SERVICE_TOKEN,
                "jwt_secret": JWT_SECRET,
                "shutdown_grace_seconds": 2.0,
                **changes,
            }
        )
        metrics = CollectorRegistry()
        async with lifespan(settings, broker or local, registry=metrics) as ports:
            yield Gateway(
                ports["gateway"], ports["gateway_sse"], ports["gateway_operations"], served, broker or local, metrics
            )


async def receive(socket: ClientConnection, seconds: float = WAIT_SECONDS, *, presence: bool = False) -> Any:
    """Return the next frame, skipping presence frames unless `presence` is set."""
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), seconds))
        if presence or message["type"] != "presence":
            return message


async def receive_seqs(socket: ClientConnection, count: int) -> list[int]:
    """Return the `seq` of the next `count` sequenced frames."""
    seqs: list[int] = []
    while len(seqs) < count:
        message = await receive(socket)
        if "seq" in message:
            assert message["data"]["n"] == message["seq"], "the frame is the row of this seq"
            seqs.append(message["seq"])
    return seqs


async def wait_closed(socket: ClientConnection, seconds: float = WAIT_SECONDS) -> tuple[int | None, str | None]:
    """Wait until the server has closed the socket and return code and reason."""
    await asyncio.wait_for(socket.wait_closed(), seconds)
    return socket.close_code, socket.close_reason
