"""Measures how many frames per second one gateway process delivers on real sockets, each event to one random user.

Run from the root: python -m bench.gateway [sockets [events]]. It runs a complete gateway with the in-process broker and
publishes the events itself, so the cost of an AMQP client is not included. The clients are another process that counts
bytes.
"""

import asyncio
import json
import random
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from push_gateway.core import frames
from shared.contracts import InboxPersistedV1
from tests.integration.push_gateway.harness import gateway, token

DEFAULT_SOCKETS, DEFAULT_EVENTS = 1_000, 100_000
EVENTS_PER_MESSAGE = 64
FRAME_BYTES = 450
TIMEOUT_SECONDS = 60.0


def user_id(number: int) -> str:
    return f"user-{number}"


class CountingClient(asyncio.Protocol):
    """One client: performs the handshake, then counts what it receives."""

    received_bytes = 0
    open_sockets = 0

    def __init__(self, number: int) -> None:
        self.number = number
        self.head: bytes | None = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        user = user_id(self.number)
        cast("asyncio.Transport", transport).write(
            f"GET /ws/{user}?token={token(user)} HTTP/1.1\r\nHost: bench\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if self.head is None:
            CountingClient.received_bytes += len(data)
            return
        self.head += data
        if b'"heartbeat_seconds"' in self.head:
            self.head = None
            CountingClient.open_sockets += 1


async def run_clients(port: int, sockets: int) -> None:
    """Once all sockets are open, print 0, then the number of bytes received whenever it has changed."""
    loop = asyncio.get_running_loop()
    for number in range(sockets):
        await loop.create_connection(partial(CountingClient, number), "127.0.0.1", port)
    reported = -1
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            await asyncio.sleep(0.01)
            if CountingClient.open_sockets == sockets and reported != CountingClient.received_bytes:
                reported = CountingClient.received_bytes
                print(reported, flush=True)


def make_events(sockets: int, count: int) -> tuple[list[list[InboxPersistedV1]], int]:
    """Return `count` events of random users, in messages, and how many bytes the clients will receive."""
    seqs = [0] * sockets
    now = datetime.now(UTC)
    messages: list[list[InboxPersistedV1]] = []
    expected_bytes = 0
    for number in range(count):
        user = random.randrange(sockets)
        seqs[user] += 1
        data = msgspec.Raw(json.dumps({"seq": seqs[user], "text": "x" * (FRAME_BYTES - 60)}).encode())
        event = InboxPersistedV1(
            id="0" * 32,
            occurred_at=now,
            received_at=now,
            user_id=user_id(user),
            seq=seqs[user],
            kind="new_message",
            data=data,
        )
        expected_bytes += len(frames.sequenced_frame("new_message", seqs[user], data).wire)
        if number % EVENTS_PER_MESSAGE == 0:
            messages.append([])
        messages[-1].append(event)
    return messages, expected_bytes


async def measure(sockets: int, events: int) -> None:
    async with gateway(gateway_max_sockets=sockets + 1, heartbeat_seconds=300.0) as gw:
        empty_kib = rss_kib()
        clients = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.gateway", "--clients", str(gw.port), str(sockets), stdout=subprocess.PIPE
        )
        assert clients.stdout is not None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await clients.stdout.readline()
                kib_per_socket = (rss_kib() - empty_kib) / sockets
                messages, expected_bytes = make_events(sockets, events)
                began, cpu_began = time.perf_counter(), time.process_time()
                for message in messages:
                    await gw.broker.publish(message)
                    await asyncio.sleep(0)
                while int(await clients.stdout.readline()) < expected_bytes:
                    pass
            took, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        finally:
            clients.kill()
            await clients.wait()
        result = {
            "sockets": sockets,
            "events": events,
            "delivered_per_second": round(events / took),
            "cpu_microseconds_per_frame": round(cpu / events * 1e6, 1),
            "kib_per_socket": round(kib_per_socket, 1),
            "log_queries": len(gw.store.log_requests),
        }
        print(json.dumps(result))


def rss_kib() -> int:
    fields = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS"))


def main() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65_536)), hard))
    arguments = sys.argv[1:]
    if arguments[:1] == ["--clients"]:
        uvloop.run(run_clients(int(arguments[1]), int(arguments[2])))
    else:
        sockets = int(arguments[0]) if arguments else DEFAULT_SOCKETS
        uvloop.run(measure(sockets, int(arguments[1]) if len(arguments) > 1 else DEFAULT_EVENTS))


if __name__ == "__main__":
    main()
