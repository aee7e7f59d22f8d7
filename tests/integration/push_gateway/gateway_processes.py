"""Gateways in processes of their own, to be measured, stopped and killed. The test is their store and broker.

A gateway reads batches of events from its standard input, as it would from its own queue: what is published while it is
down never reaches it. It exits together with its parent process.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvloop
from prometheus_client import CollectorRegistry

from push_gateway.app import lifespan
from push_gateway.settings import Settings
from shared.contracts import Event, Wire, decode, encode, join, split
from shared.messaging.local import LocalBroker
from shared.process import stop_signal
from tests.fakes.store import SERVICE_TOKEN, FakeStore
from tests.integration.push_gateway.harness import JWT_SECRET

STARTING_SECONDS = 30.0
STOPPING_SECONDS = 15.0
_LONGEST_LINE_BYTES = 16 * 1024 * 1024


class GatewayProcess:
    """One gateway; `start` after `stop` or `kill` starts a new process on the same ports."""

    def __init__(self, store_url: str, changes: dict[str, Any]) -> None:
        self._changes = {"store_internal_url": store_url, **changes}
        self._process: asyncio.subprocess.Process | None = None
        self.ports: dict[str, int] = {}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def rss_kib(self) -> int:
        fields = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS"))

    def ws_url(self, user_id: str, token: str, query: str = "") -> str:
        return f"ws://127.0.0.1:{self.ports['gateway']}/ws/{user_id}?token={token}{query}"

    def sse_url(self, user_id: str, token: str) -> str:
        return f"http://127.0.0.1:{self.ports['gateway_sse']}/sse/{user_id}?token={token}"

    async def start(self) -> None:
        known = {f"{name}_port": port for name, port in self.ports.items()}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.push_gateway.gateway_processes",
            json.dumps({**self._changes, **known}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(STARTING_SECONDS):
            line = await self._process.stdout.readline()
        self.ports = json.loads(line)

    def publish(self, events: Sequence[Event]) -> None:
        """Send `events`, if the process runs."""
        process = self._process
        if process is not None and process.returncode is None and process.stdin is not None:
            process.stdin.write(join(Wire.JSON, [encode(event) for event in events]) + b"\n")

    async def stop(self) -> int:
        """Ask it to stop; return its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOPPING_SECONDS):
            return await self._process.wait()

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    @property
    def cpu_seconds(self) -> float:
        """CPU time since the process was started."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def metric(self, name: str, label: str = "") -> float:
        """Return the sum of a metric over its labels, or over those that contain `label`."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            text = (await client.get(f"http://127.0.0.1:{self.ports['gateway_operations']}/metrics")).text
        wanted = f"switchboard_gateway_{name}"
        lines = [line for line in text.splitlines() if line.startswith((f"{wanted} ", f"{wanted}{{")) and label in line]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@asynccontextmanager
async def gateway_processes(count: int, store: FakeStore, **changes: Any) -> AsyncIterator[list[GatewayProcess]]:
    gateways = [GatewayProcess(store.url, changes) for _ in range(count)]
    try:
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        yield gateways
    finally:
        for gateway in gateways:
            await gateway.kill()


async def _run_gateway(changes: dict[str, Any]) -> None:
    stopping = asyncio.create_task(stop_signal())
    fixed = {"service_tokens": SERVICE_TOKEN, "jwt_secret": JWT_SECRET}
    free = {"gateway_port": 0, "gateway_sse_port": 0, "gateway_operations_port": 0}
    settings = Settings(**{**fixed, **free, **changes})
    async with LocalBroker() as broker, lifespan(settings, broker, registry=CollectorRegistry()) as ports:
        print(json.dumps(ports), flush=True)  # noqa: T201 - this is how the test learns the ports
        publishing = asyncio.create_task(_publish_from_stdin(broker))
        await asyncio.wait((stopping, publishing), return_when=asyncio.FIRST_COMPLETED)
        publishing.cancel()


async def _publish_from_stdin(broker: LocalBroker) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LONGEST_LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(0, "rb", buffering=0))
    while line := await reader.readline():
        await broker.publish([decode(Wire.JSON, part) for part in split(Wire.JSON, line)])


if __name__ == "__main__":
    uvloop.run(_run_gateway(json.loads(sys.argv[1])))
