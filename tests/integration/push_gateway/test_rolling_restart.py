"""Gateways under load are restarted in turn and killed: every client gets every change once, in order.

Each user has several devices on different gateways; some use server-sent events.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from push_gateway.core.close_codes import CloseCode
from tests.fakes.store import FakeStore, fake_store
from tests.integration.push_gateway.gateway_processes import GatewayProcess, gateway_processes
from tests.integration.push_gateway.harness import token, until
from tests.integration.push_gateway.sse_client import EventStream

GATEWAYS = 3
USERS = 60
STREAMS = 20
CLIENTS = 180
"""More than 50 per gateway, so that their closes are spread."""
PAUSE_SECONDS = 0.01


@dataclass(eq=False)
class Client:
    """Follows the protocol's rules for clients and records what it receives."""

    user: str
    gateways: list[GatewayProcess]
    rng: random.Random
    seqs: list[int] = field(default_factory=list)
    retry_after_ms: list[int] = field(default_factory=list)
    position: int | None = None
    last_event_id: str = ""
    """For an event stream: a browser sends it when it reconnects by itself."""
    resumed: int = 0
    connected: int = 0
    resets: int = 0

    async def run(self, listen: Callable[["Client", GatewayProcess], Awaitable[int | None]]) -> None:
        """Connect to gateways in turn with `listen`, which returns when to reconnect if the server said so."""
        turn = self.rng.randrange(GATEWAYS)
        while True:
            turn += 1
            retry_after_ms = await listen(self, self.gateways[turn % GATEWAYS])
            wait_seconds = self.rng.uniform(0.05, 0.2)
            if retry_after_ms is not None:
                self.retry_after_ms.append(retry_after_ms)
                wait_seconds = retry_after_ms / 1000
            await asyncio.sleep(wait_seconds)

    def receive(self, message: Any) -> None:
        match message["type"]:
            case "hello":
                self.connected += 1
                self.resumed += message["data"]["resumed"]
                if self.position is None:
                    self.position = message["data"]["seq"]
            case "reset":
                self.resets += 1
            case "new_message":
                self.seqs.append(message["seq"])
                self.position = message["seq"]


async def listen_on_websocket(client: Client, gateway: GatewayProcess) -> int | None:
    after = "" if client.position is None else f"&after={client.position}&epoch=e1"
    url = gateway.ws_url(client.user, token(client.user), after)
    try:
        async with connect(url, proxy=None, open_timeout=5, close_timeout=1) as socket:
            while True:
                client.receive(json.loads(await socket.recv()))
    except ConnectionClosed as closed:
        if closed.rcvd is not None and closed.rcvd.code == 1012:
            return int(closed.rcvd.reason.removeprefix("retry_after_ms="))
    except (OSError, InvalidHandshake, TimeoutError, EOFError):
        pass
    return None


async def listen_on_event_stream(http: httpx.AsyncClient, client: Client, gateway: GatewayProcess) -> int | None:
    headers = {"Last-Event-ID": client.last_event_id} if client.last_event_id else {}
    url = gateway.sse_url(client.user, token(client.user))
    try:
        async with http.stream("GET", url, headers=headers) as response:
            if response.status_code != HTTPStatus.OK:
                return None
            events = EventStream(response)
            while (event := await events.next(60)).type != "close":
                client.receive(event.data)
                client.last_event_id = events.last_event_id
            return int(event.data["retry_after_ms"]) if event.data["code"] == CloseCode.RESTARTING else None
    except (httpx.HTTPError, TimeoutError, StopAsyncIteration):
        return None


@pytest.mark.timeout(240)
async def test_nothing_is_missed_when_gateways_are_restarted_in_turn_and_one_is_killed() -> None:
    rng = random.Random(7)
    async with (
        fake_store() as store,
        httpx.AsyncClient(timeout=60, trust_env=False) as http,
        gateway_processes(GATEWAYS, store, shutdown_grace_seconds=3.0, heartbeat_seconds=1.0) as gateways,
    ):
        clients = [Client(f"user-{number % USERS}", gateways, rng) for number in range(CLIENTS)]
        streaming = clients[:STREAMS]
        running = [
            asyncio.create_task(
                client.run(partial(listen_on_event_stream, http) if client in streaming else listen_on_websocket)
            )
            for client in clients
        ]
        await until(lambda: all(client.connected for client in clients), 60)
        load = asyncio.create_task(_load(store, gateways, rng))
        try:
            for gateway in gateways:
                assert await gateway.stop() == 0
                await gateway.start()
            await gateways[0].kill()
            await gateways[0].start()
        finally:
            load.cancel()
        await until(lambda: all(client.position == len(store.logs[client.user]) for client in clients), 60)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    assert all(client.resumed >= 1 for client in streaming), "by Last-Event-ID alone"
    assert min(len(log) for log in store.logs.values()) > 5, "there was load"
    for client in clients:
        assert client.seqs == list(range(1, len(store.logs[client.user]) + 1)), client.user
        assert client.resets == 0
    waits = [wait for client in clients for wait in client.retry_after_ms]
    assert len(waits) > CLIENTS * 0.8, "they were told when to reconnect"
    assert max(waits) - min(waits) > 1_000
    assert len(set(waits)) > len(waits) * 0.3, "and not all at once"


async def _load(store: FakeStore, gateways: list[GatewayProcess], rng: random.Random) -> None:
    """Commit changes of random users; each gateway receives most of them, some late and some twice."""
    while True:
        events = [store.append(f"user-{rng.randrange(USERS)}") for _ in range(4)]
        for gateway in gateways:
            received = [event for event in events if rng.random() > 0.02]
            if rng.random() < 0.1:
                rng.shuffle(received)
            gateway.publish(received + received[:1])
        await asyncio.sleep(PAUSE_SECONDS)
