"""Many sockets on one gateway process: how fast they open, what an idle one costs, and how all come back after a crash.

The gateway is a process of its own, with the broker of one process; this process is its store, and two others are the
clients, one user a socket. Clients keep the rules of docs/protocol.md: a growing, random pause before each attempt.
"""

import argparse
import asyncio
import base64
import json
import random
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any, cast

import uvloop

from tests.integration.push_gateway.harness import token, until
from tests.integration.push_gateway.processes import GatewayProcess, gateway_processes
from tests.integration.push_gateway.store import FakeStore, fake_store

CLIENT_PROCESSES = 2
OPENING_AT_ONCE = 100
"""In one client process, the first time; after the crash each comes when its pause is over."""
MISSED = 3
"""Changes of each user while the gateway was dead."""
LONGEST_WAIT_SECONDS = 120.0
IDLE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_PING, _CLOSE = 0x89, 0x88


def user_of(number: int) -> str:
    return f"user-{number}"


class Client(asyncio.Protocol):
    """One client: shakes hands, follows the log, answers pings; `gone` is set when its connection is lost."""

    def __init__(self, number: int) -> None:
        self.user = user_of(number)
        self.token = token(self.user, seconds=3600)
        self.position: int | None = None
        self.transport: asyncio.Transport | None = None
        self.is_open = False
        self.attempts = 0
        self.failures = 0
        self.buffer = b""
        self.is_upgraded = False
        self.settled = asyncio.Event()
        """Whether `hello` came, or the connection was lost before."""
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        after = "" if self.position is None else f"&after={self.position}&epoch=e1"
        key = base64.b64encode(random.randbytes(16)).decode()
        self.transport.write(
            f"GET /ws/{self.user}?token={self.token}{after} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.is_open = self.is_upgraded = False
        self.buffer = b""
        self.settled.set()
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        self.buffer += data
        if not self.is_upgraded:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.transport.abort()
                return
            self.is_upgraded, self.buffer = True, rest
        while (frame := self._frame()) is not None:
            self._receive(*frame)

    def _frame(self) -> tuple[int, bytes] | None:
        if len(self.buffer) < 2:
            return None
        size, start = self.buffer[1], 2
        if size in (126, 127):
            start = 4 if size == 126 else 10
            size = int.from_bytes(self.buffer[2:start], "big")
        if len(self.buffer) < start + size:
            return None
        frame = self.buffer[0], self.buffer[start : start + size]
        self.buffer = self.buffer[start + size :]
        return frame

    def _receive(self, opcode: int, payload: bytes) -> None:
        assert self.transport is not None
        if opcode == _PING:
            self.transport.write(bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        elif opcode == _CLOSE:
            self.transport.close()
        else:
            message = json.loads(payload)
            if message["type"] == "hello":
                self.is_open, self.failures = True, 0
                self.position = message["data"]["seq"] if self.position is None else self.position
                self.settled.set()
            elif "seq" in message:
                assert self.position is not None
                assert message["seq"] == self.position + 1, "a hole, or a repetition"
                self.position = message["seq"]


async def keep_connected(client: Client, port: int, opening: asyncio.Semaphore) -> None:
    loop = asyncio.get_running_loop()
    paced: AbstractAsyncContextManager[Any] = opening
    while True:
        client.settled.clear()
        client.gone.clear()
        client.transport = None
        async with paced:
            client.attempts += 1
            try:
                async with asyncio.timeout(15):
                    await loop.create_connection(lambda: client, "127.0.0.1", port)
                    await client.settled.wait()
            except TimeoutError:
                if client.transport is None:
                    client.gone.set()
                else:
                    client.transport.abort()
            except OSError:
                client.gone.set()
        await client.gone.wait()
        paced = nullcontext()
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**client.failures)
        client.failures += 1
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))


async def be_clients(port: int, first: int, count: int) -> None:
    """Print how things stand whenever that has changed, as a line of JSON."""
    opening = asyncio.Semaphore(OPENING_AT_ONCE)
    clients = [Client(number) for number in range(first, first + count)]
    tasks = [asyncio.create_task(keep_connected(client, port, opening)) for client in clients]
    told: dict[str, int] = {}
    while True:
        await asyncio.sleep(0.1)
        positions = [client.position for client in clients]
        state = {
            "open": sum(client.is_open for client in clients),
            "least_position": min((-1 if position is None else position) for position in positions),
            "attempts": sum(client.attempts for client in clients),
        }
        if state != told:
            told = state
            print(json.dumps(state), flush=True)
        for task in tasks:
            if task.done():
                task.result()


class ClientProcess:
    """What a process of clients has last said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.state: dict[str, int] = {"open": 0, "least_position": -1, "attempts": 0}

    async def follow(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.state = json.loads(line)


@asynccontextmanager
async def client_processes(port: int, sockets: int) -> AsyncIterator[list[ClientProcess]]:
    shares = [sockets // CLIENT_PROCESSES + (number < sockets % CLIENT_PROCESSES) for number in range(CLIENT_PROCESSES)]
    processes: list[ClientProcess] = []
    following: list[asyncio.Task[None]] = []
    try:
        for number, share in enumerate(shares):
            arguments = ["--be-clients", str(port), str(sum(shares[:number])), str(share)]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.sockets", *arguments, stdout=asyncio.subprocess.PIPE
            )
            processes.append(ClientProcess(process))
            following.append(asyncio.create_task(processes[-1].follow()))
        yield processes
    finally:
        for client in processes:
            client.process.kill()
            await client.process.wait()
        await asyncio.gather(*following)


async def until_all(clients: list[ClientProcess], sockets: int, position: int) -> None:
    def is_so() -> bool:
        if any(client.process.returncode is not None for client in clients):
            raise RuntimeError("a process of clients has died")
        states = [client.state for client in clients]
        is_there = all(state["least_position"] >= position for state in states)
        return is_there and sum(state["open"] for state in states) == sockets

    try:
        await until(is_so, LONGEST_WAIT_SECONDS)
    except TimeoutError as error:
        raise RuntimeError(f"not there in time: {[client.state for client in clients]}") from error


async def measure(sockets: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(fake_store())
        [gateway] = await stack.enter_async_context(
            gateway_processes(1, store, gateway_max_sockets=sockets + 100, log_level="warning")
        )
        empty_kib = gateway.rss_kib
        began = time.perf_counter()
        clients = await stack.enter_async_context(client_processes(gateway.ports["gateway"], sockets))
        await until(lambda: any(client.state["open"] for client in clients), LONGEST_WAIT_SECONDS)
        first_at, cpu_before = time.perf_counter(), gateway.cpu_seconds
        await until_all(clients, sockets, 0)
        opened_seconds, opening_cpu = time.perf_counter() - first_at, gateway.cpu_seconds - cpu_before
        opening_queries = len(store.queries) + len(store.tops_queries)
        cpu_before = gateway.cpu_seconds
        await asyncio.sleep(IDLE_SECONDS)
        idle_cpu = gateway.cpu_seconds - cpu_before
        return {
            "sockets": sockets,
            "seconds_until_the_first": round(first_at - began, 2),
            "opened_per_second": round(sockets / opened_seconds),
            "gateway_cpu_milliseconds_per_opening": round(opening_cpu / sockets * 1000, 2),
            "queries_while_opening": opening_queries,
            "idle_cpu_percent": round(idle_cpu / IDLE_SECONDS * 100, 1),
            "rss_mib": round(gateway.rss_kib / 1024, 1),
            "rss_kib_per_socket": round((gateway.rss_kib - empty_kib) / sockets, 1),
            **await storm(gateway, store, clients, sockets),
        }


async def storm(
    gateway: GatewayProcess, store: FakeStore, clients: list[ClientProcess], sockets: int
) -> dict[str, Any]:
    """Kill the gateway, commit changes, start it again; measure until everybody has everything."""
    for number in range(sockets):
        for _ in range(MISSED):
            store.append(user_of(number), "x" * 300)
    store.queries.clear()
    store.tops_queries.clear()
    attempts = sum(client.state["attempts"] for client in clients)
    killed_at = time.perf_counter()
    await gateway.kill()
    await gateway.start()
    listening_at = time.perf_counter()
    await until_all(clients, sockets, MISSED)
    resumed_at = time.perf_counter()
    return {
        "gateway_cpu_seconds_until_then": round(gateway.cpu_seconds, 1),
        "restart_seconds": round(listening_at - killed_at, 2),
        "seconds_from_kill_until_all_have_resumed": round(resumed_at - killed_at, 2),
        "seconds_from_listening_until_all_have_resumed": round(resumed_at - listening_at, 2),
        "attempts_per_socket": round((sum(c.state["attempts"] for c in clients) - attempts) / sockets, 2),
        "turned_away": round(await gateway.metric("turned_away_total")),
        "log_queries": len(store.queries),
        "users_per_log_query": round(sum(len(query.positions) for query in store.queries) / max(1, len(store.queries))),
        "tops_queries": len(store.tops_queries),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sockets", description=__doc__)
    parser.add_argument("--sockets", type=int, default=2_000, help="how many, over all clients (default: %(default)s)")
    parser.add_argument("--be-clients", nargs=3, type=int, metavar=("PORT", "FIRST", "COUNT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65_536)), hard))
    if arguments.be_clients:
        uvloop.run(be_clients(*arguments.be_clients))
        return
    if arguments.sockets + 500 > hard:
        parser.error(f"this system allows {hard} open files a process (ulimit -Hn): too few for so many sockets")
    print(json.dumps(uvloop.run(measure(arguments.sockets)), indent=2))


if __name__ == "__main__":
    main()
