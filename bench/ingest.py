"""Measures how many webhooks per second one ingest process takes, and its memory while strangers send bodies.

Run from the root: python -m bench.ingest [folder of another version]. Ingest is a process of its own with the
in-process broker. With another version, both take turns in one run: compare the ratios.
"""

import asyncio
import contextlib
import hmac
import os
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import cast

import uvloop
from prometheus_client import CollectorRegistry

from ingest.app import lifespan
from ingest.settings import Settings
from shared.contracts import AnyEvent
from shared.messaging.local import LocalBroker
from shared.messaging.outcomes import DONE, Outcome
from shared.messaging.topology import ENRICHER_WEBHOOKS

ROUNDS, ROUND_SECONDS, CONNECTIONS = 8, 2.0, 32
SECRET = b"an-app-secret-of-32-bytes-or-more"
WEBHOOK = b"x" * 1024
SLOW_BODIES, SLOW_BYTES, PATIENCE_SECONDS = 500, 256 * 1024, 75.0
LARGE_BODIES, LARGE_BYTES = 60, 4 * 1024 * 1024
SIGNATURE = "X-Hub-Signature-256: sha256="
FORGED = f"{SIGNATURE}{'0' * 64}\r\n"


async def handle(events: Sequence[AnyEvent]) -> Sequence[Outcome]:
    return [DONE] * len(events)


async def serve() -> None:
    """Run ingest, print its port, and stop when standard input ends."""
    settings = Settings(ingest_port=0, app_secrets=SECRET.decode(), verify_tokens="a-token-of-32-bytes-for-the-bench")  # type: ignore[arg-type]
    async with (
        LocalBroker() as broker,
        broker.consume(ENRICHER_WEBHOOKS, handle),
        lifespan(settings, broker, registry=CollectorRegistry()) as ports,
    ):
        print(ports["ingest"], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@dataclass
class Ingest:
    """A running ingest process."""

    pid: int
    port: int

    def memory_mib(self, field: str = "VmRSS") -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) / 1024


@asynccontextmanager
async def ingest(folder: Path) -> AsyncIterator[Ingest]:
    path = os.pathsep.join(str(folder / part) for part in ("services/ingest/src", "shared/src"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.ingest", "serve",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Ingest(process.pid, int(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


def head(length: int, signature: str) -> bytes:
    return f"POST /webhooks/facebook HTTP/1.1\r\nHost: bench\r\n{signature}Content-Length: {length}\r\n\r\n".encode()


class Sender(asyncio.Protocol):
    """Sends the same webhook again as soon as it is answered."""

    answered = 0

    def __init__(self) -> None:
        signature = hmac.new(SECRET, WEBHOOK, sha256).hexdigest()
        self.request = head(len(WEBHOOK), f"{SIGNATURE}{signature}\r\n") + WEBHOOK

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        assert data.startswith(b"HTTP/1.1 200"), data
        Sender.answered += 1
        self.transport.write(self.request)


async def webhooks_per_second(target: Ingest) -> float:
    loop = asyncio.get_running_loop()
    senders = [(await loop.create_connection(Sender, "127.0.0.1", target.port))[1] for _ in range(CONNECTIONS)]
    before, began = Sender.answered, loop.time()
    await asyncio.sleep(ROUND_SECONDS)
    rate = (Sender.answered - before) / (loop.time() - began)
    for sender in senders:
        sender.transport.abort()
    return rate


class Stranger(asyncio.Protocol):
    """Sends a request that does not end."""

    is_open = False

    def __init__(self, data: bytes) -> None:
        self.data = data

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.is_open = True
        self.transport.write(self.data)

    def connection_lost(self, _: Exception | None) -> None:
        self.is_open = False


@asynccontextmanager
async def strangers(target: Ingest, count: int, data: bytes) -> AsyncIterator[list[Stranger]]:
    loop = asyncio.get_running_loop()
    sending = [
        (await loop.create_connection(lambda: Stranger(data), "127.0.0.1", target.port))[1] for _ in range(count)
    ]
    try:
        yield sending
    finally:
        for one in sending:
            one.transport.abort()


async def slow_bodies(folder: Path) -> str:
    data = head(LARGE_BYTES, FORGED) + b"x" * SLOW_BYTES
    async with ingest(folder) as target:
        idle = target.memory_mib()
        async with strangers(target, SLOW_BODIES, data) as sending:
            await asyncio.sleep(PATIENCE_SECONDS)
            peak, still_open = target.memory_mib("VmHWM"), sum(one.is_open for one in sending)
        return f"{peak:.0f} MiB at most, {still_open} open after {PATIENCE_SECONDS:g} s (at first {idle:.0f} MiB)"


async def large_bodies(folder: Path, signature: str) -> str:
    data = head(LARGE_BYTES, signature) + b"x" * (LARGE_BYTES - 1)
    async with ingest(folder) as target:
        idle = target.memory_mib()
        async with strangers(target, LARGE_BODIES, data):
            await asyncio.sleep(5)
        return f"{target.memory_mib('VmHWM'):.0f} MiB at most (at first {idle:.0f} MiB)"


async def compare_rates(folders: dict[str, Path]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        targets = {name: await stack.enter_async_context(ingest(folder)) for name, folder in folders.items()}
        rates: dict[str, list[float]] = {name: [] for name in targets}
        for _ in range(ROUNDS):
            for name, target in targets.items():
                rates[name].append(await webhooks_per_second(target))
    for name, found in rates.items():
        ratio = statistics.median(one / this for one, this in zip(found, rates["this"], strict=True))
        print(f"{name:5}  {statistics.median(found):6.0f} webhooks/s  x {ratio:.3f}", flush=True)


async def main(folders: dict[str, Path]) -> None:
    await compare_rates(folders)
    for name, folder in folders.items():
        print(f"{name:5}  {SLOW_BODIES} slow bodies: {await slow_bodies(folder)}")
        print(f"{name:5}  {LARGE_BODIES} unsigned bodies of 4 MiB but a byte: {await large_bodies(folder, '')}")
        print(
            f"{name:5}  {LARGE_BODIES} forged bodies of 4 MiB but a byte: {await large_bodies(folder, FORGED)}",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        uvloop.run(serve())
    else:
        root = Path(__file__).parents[1]
        uvloop.run(main(dict(zip(("this", "other"), [root, *map(Path, sys.argv[1:2])], strict=False))))
