"""How many frames a second one gateway process delivers, on real sockets, each event to one random user.

Run from the root: python -m bench.gateway [sockets] [seconds]. The whole gateway with the broker of one process: events are
made here, so what an AMQP client costs is not in it. The clients are another process that counts bytes.
"""

import asyncio
import json
import random
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import uvloop

from push_gateway import frames
from shared.contracts import InboxPersistedV1
from tests.integration.push_gateway.harness import Gateway, gateway, token

DEFAULT_SOCKETS, DEFAULT_SECONDS = 1_000, 3.0
EVENTS_PER_MESSAGE = 64
FRAME_BYTES = 450
LONGEST_WAIT_SECONDS = 60.0


def user_of(number: int) -> str:
    return f"user-{number}"


class Sink(asyncio.Protocol):
    """One client: shakes hands, then counts what comes."""

    received_bytes = 0
    open_sockets = 0

    def __init__(self, number: int) -> None:
        self.number = number
        self.head: bytes | None = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        user = user_of(self.number)
        assert isinstance(transport, asyncio.Transport)
        transport.write(
            f"GET /ws/{user}?token={token(user)} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if self.head is None:
            Sink.received_bytes += len(data)
            return
        self.head += data
        if b'"heartbeat_seconds"' in self.head:
            self.head = None
            Sink.open_sockets += 1


async def be_the_clients(port: int, sockets: int) -> None:
    """Print `open`, then the bytes received so far whenever that has changed; ends with stdin."""
    loop = asyncio.get_running_loop()
    for number in range(sockets):
        await loop.create_connection(lambda number=number: Sink(number), "127.0.0.1", port)  # type: ignore[misc]  # mypy and default arguments
    while Sink.open_sockets < sockets:
        await asyncio.sleep(0.01)
    print("open", flush=True)
    told = 0
    while True:
        await asyncio.sleep(0.01)
        if told != Sink.received_bytes:
            told = Sink.received_bytes
            print(told, flush=True)


async def publish(push: Gateway, sockets: int, seconds: float) -> tuple[int, int]:
    """Publish for `seconds`; return events and the bytes that the clients must get."""
    seqs = dict.fromkeys(map(user_of, range(sockets)), 0)
    users = list(seqs)
    now = datetime.now(UTC)
    events = expected_bytes = 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        batch = []
        for _ in range(EVENTS_PER_MESSAGE):
            user = random.choice(users)
            seqs[user] += 1
            data = msgspec.Raw(json.dumps({"seq": seqs[user], "text": "x" * (FRAME_BYTES - 60)}).encode())
            batch.append(
                InboxPersistedV1(
                    id="0" * 32,
                    occurred_at=now,
                    received_at=now,
                    user_id=user,
                    seq=seqs[user],
                    kind="new_message",
                    data=data,
                )
            )
            expected_bytes += len(frames.sequenced("new_message", seqs[user], data).wire)
        events += len(batch)
        await push.broker.publish(batch)
        await asyncio.sleep(0)
    return events, expected_bytes


async def measure(sockets: int, seconds: float) -> None:
    changes = {"gateway_max_sockets": sockets + 1, "heartbeat_seconds": 300.0}
    async with gateway(**changes) as push:
        clients = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.gateway",
            "--clients",
            str(push.port),
            str(sockets),
            stdout=subprocess.PIPE,
        )
        try:
            assert clients.stdout is not None
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                await clients.stdout.readline()
                before = resource.getrusage(resource.RUSAGE_SELF)
                began = time.perf_counter()
                events, expected_bytes = await publish(push, sockets, seconds)
                while int(await clients.stdout.readline()) < expected_bytes:
                    pass
            took = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_SELF)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(
                json.dumps(
                    {
                        "sockets": sockets,
                        "delivered_per_second": round(events / took),
                        "cpu_microseconds_per_frame": round(cpu / events * 1e6, 1),
                        "rss_kib_per_socket": round(_rss_kib() / sockets, 1),
                        "log_queries": len(push.store.queries),
                    }
                )
            )
        finally:
            clients.kill()
            await clients.wait()


def _rss_kib() -> int:
    fields = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS"))


def main() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65_536)), hard))
    arguments = sys.argv[1:]
    if arguments[:1] == ["--clients"]:
        uvloop.run(be_the_clients(int(arguments[1]), int(arguments[2])))
    else:
        sockets = int(arguments[0]) if arguments else DEFAULT_SOCKETS
        uvloop.run(measure(sockets, float(arguments[1]) if len(arguments) > 1 else DEFAULT_SECONDS))


if __name__ == "__main__":
    main()
