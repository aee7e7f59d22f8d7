"""Many minimal clients of one gateway, one user per socket, in processes of their own.

They follow the rules of docs/protocol.md: they back off with jitter before each attempt and resume from their position.
What a client must never receive is counted, not raised: an error would close the connection and hide the fault.
"""

import asyncio
import base64
import json
import random
import resource
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, cast

import uvloop

from tests.integration.push_gateway.harness import token, until

CLIENT_PROCESSES = 2
MAX_HANDSHAKES = 100
"""Per client process, at first; after a crash each client connects when its backoff is over."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_PING, _CLOSE = 0x89, 0x88
_FILES_BESIDE_SOCKETS = 500


def allow_sockets(count: int) -> None:
    """Allow this process and its children to open `count` sockets.

    Raises:
        RuntimeError: The hard limit of the system is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _FILES_BESIDE_SOCKETS
    if needed > hard:
        raise RuntimeError(f"{count} sockets need {needed} open files per process, but {hard} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


def user_id(number: int) -> str:
    return f"user-{number}"


class Client(asyncio.Protocol):
    """One client: performs the handshake, follows the log, and answers pings."""

    def __init__(self, number: int) -> None:
        self.user = user_id(number)
        self.token = token(self.user, seconds=3600)
        self.position: int | None = None
        self.transport: asyncio.Transport | None = None
        self.is_open = False
        self.attempts = 0
        self.failures = 0
        self.faults = 0
        """Gaps, duplicates and resets, none of which may occur."""
        self.buffer = b""
        self.is_upgraded = False
        self.handshake_done = asyncio.Event()
        """Set when `hello` has arrived or the connection is lost."""
        self.disconnected = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        after = "" if self.position is None else f"&after={self.position}&epoch=e1"
        key = base64.b64encode(random.randbytes(16)).decode()
        self.transport.write(
            f"GET /ws/{self.user}?token={self.token}{after} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.is_open = self.is_upgraded = False
        self.buffer = b""
        self.handshake_done.set()
        self.disconnected.set()

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
        while (frame := self._next_frame()) is not None:
            self._receive(*frame)

    def _next_frame(self) -> tuple[int, bytes] | None:
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
            self._on_message(json.loads(payload))

    def _on_message(self, message: dict[str, Any]) -> None:
        if message["type"] == "hello":
            self.is_open, self.failures = True, 0
            self.position = message["data"]["seq"] if self.position is None else self.position
            self.handshake_done.set()
        elif message["type"] == "reset":
            self.faults += 1
        elif "seq" in message:
            self.faults += self.position is None or message["seq"] != self.position + 1
            self.position = message["seq"]


async def keep_connected(client: Client, port: int, opening: asyncio.Semaphore) -> None:
    loop = asyncio.get_running_loop()
    paced: AbstractAsyncContextManager[Any] = opening
    while True:
        client.handshake_done.clear()
        client.disconnected.clear()
        client.transport = None
        async with paced:
            client.attempts += 1
            try:
                async with asyncio.timeout(15):
                    await loop.create_connection(lambda: client, "127.0.0.1", port)
                    await client.handshake_done.wait()
            except TimeoutError:
                if client.transport is None:
                    client.disconnected.set()
                else:
                    client.transport.abort()
            except OSError:
                client.disconnected.set()
        await client.disconnected.wait()
        paced = nullcontext()
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2**client.failures)
        client.failures += 1
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))


async def run_clients(port: int, first: int, count: int) -> None:
    """Report the state four times per second as a line of JSON, until nobody reads it."""
    opening = asyncio.Semaphore(MAX_HANDSHAKES)
    clients = [Client(number) for number in range(first, first + count)]
    tasks = [asyncio.create_task(keep_connected(client, port, opening)) for client in clients]
    while True:
        await asyncio.sleep(0.25)
        positions = [-1 if client.position is None else client.position for client in clients]
        state = {
            "open": sum(client.is_open for client in clients),
            "least_position": min(positions),
            "greatest_position": max(positions),
            "attempts": sum(client.attempts for client in clients),
            "faults": sum(client.faults for client in clients),
        }
        print(json.dumps(state), flush=True)  # noqa: T201 - the parent process reads it
        for task in tasks:
            if task.done():
                task.result()


class ClientProcess:
    """A process of clients, with its last report."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.state = {"open": 0, "least_position": -1, "greatest_position": -1, "attempts": 0, "faults": 0}

    async def follow(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.state = json.loads(line)


class ClientPool:
    """All processes of clients."""

    def __init__(self, processes: Sequence[ClientProcess], sockets: int) -> None:
        self._processes = processes
        self._sockets = sockets

    def total(self, name: str) -> int:
        """Return the sum of `name` over all processes."""
        return sum(process.state[name] for process in self._processes)

    async def wait_for_first(self, seconds: float) -> None:
        await until(lambda: self.total("open"), seconds)

    async def wait_until_all_at(self, position: int, seconds: float) -> None:
        """Wait until every client is connected and has received exactly the changes up to `position`."""

        def is_so() -> bool:
            assert all(process.process.returncode is None for process in self._processes), "clients have died"
            states = [process.state for process in self._processes]
            are_there = all(state["least_position"] == state["greatest_position"] == position for state in states)
            return are_there and self.total("open") == self._sockets

        try:
            await until(is_so, seconds)
        except TimeoutError as error:
            states = [process.state for process in self._processes]
            raise AssertionError(f"not every client is there after {seconds:g} s: {states}") from error


@asynccontextmanager
async def connected_clients(port: int, sockets: int) -> AsyncIterator[ClientPool]:
    """Keep `sockets` clients connected while the context lasts."""
    shares = [sockets // CLIENT_PROCESSES + (number < sockets % CLIENT_PROCESSES) for number in range(CLIENT_PROCESSES)]
    processes: list[ClientProcess] = []
    following: list[asyncio.Task[None]] = []
    try:
        for number, share in enumerate(shares):
            arguments = [str(port), str(sum(shares[:number])), str(share)]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.integration.push_gateway.client_processes",
                *arguments,
                stdout=asyncio.subprocess.PIPE,
            )
            processes.append(ClientProcess(process))
            following.append(asyncio.create_task(processes[-1].follow()))
        yield ClientPool(processes, sockets)
    finally:
        for client in processes:
            if client.process.returncode is None:
                client.process.kill()
            await client.process.wait()
        await asyncio.gather(*following)


if __name__ == "__main__":
    uvloop.run(run_clients(*map(int, sys.argv[1:])))
