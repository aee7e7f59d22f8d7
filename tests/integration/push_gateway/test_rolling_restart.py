"""Several gateways under load, stopped in turn and killed: every client gets everything, in order, once."""

import asyncio
import json
import random
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.integration.push_gateway.harness import token, until
from tests.integration.push_gateway.processes import GatewayProcess, gateway_processes
from tests.integration.push_gateway.store import FakeStore, fake_store

GATEWAYS = 3
CLIENTS = 180
"""More than fifty a gateway: so many are not sent away all at once."""
PAUSE_SECONDS = 0.01


@dataclass
class Client:
    """Keeps the protocol's rules for clients, and what it was sent."""

    user: str
    gateways: list[GatewayProcess]
    rng: random.Random
    seqs: list[int] = field(default_factory=list)
    retry_after_ms: list[int] = field(default_factory=list)
    position: int | None = None
    connected: int = 0
    resets: int = 0

    async def run(self) -> None:
        turn = self.rng.randrange(GATEWAYS)
        while True:
            wait_seconds = self.rng.uniform(0.05, 0.2)
            after = "" if self.position is None else f"&after={self.position}&epoch=e1"
            url = self.gateways[turn % GATEWAYS].ws_url(self.user, token(self.user), after)
            turn += 1
            try:
                async with connect(url, proxy=None, open_timeout=5, close_timeout=1) as socket:
                    await self._read(socket)
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == 1012:
                    self.retry_after_ms.append(int(closed.rcvd.reason.removeprefix("retry_after_ms=")))
                    wait_seconds = self.retry_after_ms[-1] / 1000
            except (OSError, InvalidHandshake, TimeoutError, EOFError):
                pass
            await asyncio.sleep(wait_seconds)

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            message = json.loads(await socket.recv())
            match message["type"]:
                case "hello":
                    self.connected += 1
                    if self.position is None:
                        self.position = message["data"]["seq"]
                case "reset":
                    self.resets += 1
                case "new_message":
                    self.seqs.append(message["seq"])
                    self.position = message["seq"]


async def test_nothing_is_missed_when_gateways_are_restarted_in_turn_and_one_is_killed() -> None:
    rng = random.Random(7)
    async with (
        fake_store() as store,
        gateway_processes(GATEWAYS, store, shutdown_grace_seconds=3.0, heartbeat_seconds=1.0) as gateways,
    ):
        clients = [Client(f"user-{number % 60}", gateways, rng) for number in range(CLIENTS)]
        running = [asyncio.create_task(client.run()) for client in clients]
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

    assert min(len(log) for log in store.logs.values()) > 5, "there was load"
    for client in clients:
        assert client.seqs == list(range(1, len(store.logs[client.user]) + 1)), client.user
        assert client.resets == 0
    waits = [wait for client in clients for wait in client.retry_after_ms]
    assert len(waits) > CLIENTS * 0.8, "they were told when to come back"
    assert max(waits) - min(waits) > 1_000
    assert len(set(waits)) > len(waits) * 0.3, "and not all at once"


async def _load(store: FakeStore, gateways: list[GatewayProcess], rng: random.Random) -> None:
    """Commit changes of random users; each gateway hears most of them, some late and some twice."""
    while True:
        events = [store.append(f"user-{rng.randrange(60)}") for _ in range(4)]
        for gateway in gateways:
            heard = [event for event in events if rng.random() > 0.02]
            if rng.random() < 0.1:
                rng.shuffle(heard)
            gateway.publish(heard + heard[:1])
        await asyncio.sleep(PAUSE_SECONDS)
