"""Very many clients of one gateway, one user a socket, in processes of their own. They do as little as clients can.

They keep the rules of docs/protocol.md: a growing, random pause before each attempt, and they come back with their
position. What a client should never be sent is counted and not raised: its connection would go, and the fault with it.
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
OPENING_AT_ONCE = 100
"""In one client process, the first time; after the crash each comes when its pause is over."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 30.0
_PING, _CLOSE = 0x89, 0x88
_FILES_BESIDE_SOCKETS = 500


def allow_sockets(count: int) -> None:
    """Let this process, and those that it starts, have `count` sockets open.

    Raises:
        RuntimeError: the system does not let it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _FILES_BESIDE_SOCKETS
    if needed > hard:
        raise RuntimeError(f"{count} sockets need {needed} open files a process, and {hard} are allowed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


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
        self.faults = 0
        """What must never come: a hole, a repetition, a reset."""
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
            f"GET /ws/{self.user}?token={self.token}{after} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
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
            self._take(json.loads(payload))

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "hello":
            self.is_open, self.failures = True, 0
            self.position = message["data"]["seq"] if self.position is None else self.position
            self.settled.set()
        elif message["type"] == "reset":
            self.faults += 1
        elif "seq" in message:
            self.faults += self.position is None or message["seq"] != self.position + 1
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
    """Say four times a second how things stand, as a line of JSON; ends by itself when nobody reads that any more."""
    opening = asyncio.Semaphore(OPENING_AT_ONCE)
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
        print(json.dumps(state), flush=True)  # noqa: T201 - the process that has started this one reads it
        for task in tasks:
            if task.done():
                task.result()


class ClientProcess:
    """What a process of clients has last said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.state = {"open": 0, "least_position": -1, "greatest_position": -1, "attempts": 0, "faults": 0}

    async def follow(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.state = json.loads(line)


class Crowd:
    """Every process of clients."""

    def __init__(self, processes: Sequence[ClientProcess], sockets: int) -> None:
        self._processes = processes
        self._sockets = sockets

    def total(self, name: str) -> int:
        """Return the sum of what the processes say of `name`."""
        return sum(process.state[name] for process in self._processes)

    async def until_the_first(self, seconds: float) -> None:
        await until(lambda: self.total("open"), seconds)

    async def until_all_are_at(self, position: int, seconds: float) -> None:
        """Return once every client is connected and has everything up to `position`, and nothing else."""

        def is_so() -> bool:
            assert all(process.process.returncode is None for process in self._processes), "clients have died"
            states = [process.state for process in self._processes]
            are_there = all(state["least_position"] == state["greatest_position"] == position for state in states)
            return are_there and self.total("open") == self._sockets

        try:
            await until(is_so, seconds)
        except TimeoutError as error:
            states = [process.state for process in self._processes]
            raise AssertionError(f"not everybody is there after {seconds:g} s: {states}") from error


@asynccontextmanager
async def crowd(port: int, sockets: int) -> AsyncIterator[Crowd]:
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
        yield Crowd(processes, sockets)
    finally:
        for client in processes:
            if client.process.returncode is None:
                client.process.kill()
            await client.process.wait()
        await asyncio.gather(*following)


if __name__ == "__main__":
    uvloop.run(be_clients(*map(int, sys.argv[1:])))
