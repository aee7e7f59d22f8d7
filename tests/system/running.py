"""Starts the whole system as a user does, and connects to both ends: webhooks in, frames and REST out."""

import asyncio
import hmac
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

START_TIMEOUT_SECONDS = 90.0
WAIT_SECONDS = 30.0
"""Generous, so that a busy machine fails no test."""
COMMAND = Path(sys.executable).with_name("switchboard")


@dataclass
class System:
    """A running system."""

    urls: dict[str, Any]
    data_dir: Path
    process: asyncio.subprocess.Process
    http: httpx.AsyncClient
    user: str = "agent"
    """The user of the test."""
    page_id: str = "1001"
    """The user's page."""

    def pid(self, service: str) -> int:
        return int(json.loads((self.data_dir / "pids.json").read_text())[service])

    async def connect_page(self, platform: str, page_id: str, user_id: str, **more: Any) -> None:
        response = await self.http.put(
            f"{self.urls['api']}/accounts/{platform}/{page_id}",
            json={"user_id": user_id, **more},
            headers={"Authorization": f"Bearer {self.urls['admin_token']}"},
        )
        assert response.is_success, response.text

    async def token(self, user_id: str, ttl_seconds: int = 3600) -> str:
        response = await self.http.post(
            f"{self.urls['api']}/tokens",
            json={"user_id": user_id, "ttl_seconds": ttl_seconds},
            headers={"Authorization": f"Bearer {self.urls['admin_token']}"},
        )
        assert response.is_success, response.text
        return str(response.json()["token"])

    async def post(self, platform: str, body: bytes | dict[str, Any]) -> int:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        digest = hmac.new(self.urls["app_secret"].encode(), raw, sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}
        response = await self.http.post(f"{self.urls['webhooks']}/{platform}", content=raw, headers=headers)
        return response.status_code

    async def get(self, path: str, token: str, **query: Any) -> Any:
        response = await self.http.get(
            f"{self.urls['api']}{path}", params=query, headers={"Authorization": f"Bearer {token}"}
        )
        assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
        return response.json()

    def socket_url(self, user_id: str, token: str, **query: Any) -> str:
        more = "".join(f"&{name}={value}" for name, value in query.items() if value is not None)
        return f"{self.urls['ws']}/{user_id}?token={token}{more}"


@asynccontextmanager
async def running_system(
    data_dir: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[System]:
    """Run `switchboard up` on an existing folder; assert that it stops in time, with status 0.

    Args:
        data_dir: the folder.
        arguments: additional arguments of the command line.
        environment: replaces the servers and settings of our own environment.
    """
    clean = {name: value for name, value in os.environ.items() if not is_ours(name)}
    with (data_dir / "up.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            COMMAND, "up", "--json", "--port", "0", "--data-dir", str(data_dir), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=log, env={**clean, **(environment or {})}, limit=2**20,
        )  # fmt: skip
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_SECONDS)
        assert line, (data_dir / "up.log").read_text()
        async with httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=64)) as http:
            yield System(json.loads(line), data_dir, process, http)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
    assert status == 0, (data_dir / "up.log").read_text()


def is_ours(name: str) -> bool:
    """Return whether a variable affects `switchboard up`."""
    return name.startswith("SWITCHBOARD_") or name in ("AMQP_URL", "DATABASE_URL")


async def eventually(condition: Callable[[], Any], *, within_seconds: float = WAIT_SECONDS, what: str = "") -> None:
    """Return once `condition` (which may be a coroutine function) is true; fail after `within_seconds`."""
    deadline = asyncio.get_running_loop().time() + within_seconds
    while True:
        result = condition()
        if asyncio.iscoroutine(result):
            result = await result
        if result:
            return
        assert asyncio.get_running_loop().time() < deadline, f"not within {within_seconds:g} s: {what or condition}"
        await asyncio.sleep(0.02)


class Client:
    """A client that keeps every frame, and reconnects with `after` and `epoch`."""

    def __init__(self, system: System, user_id: str, token: str, *, after: int | None = None) -> None:
        self._system = system
        self._user_id = user_id
        self._token = token
        self.after = after
        self.epoch: str | None = None
        self.frames: list[dict[str, Any]] = []
        self.connections = 0
        self.resets = 0
        self.hello = asyncio.Event()

    @property
    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.frames]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [frame["data"]["message"] for frame in self.frames if frame["type"] == "new_message"]

    async def run(self) -> None:
        """Receive frames until cancelled."""
        while True:
            url = self._system.socket_url(self._user_id, self._token, after=self.after, epoch=self.epoch)
            try:
                async with connect(url, open_timeout=5, max_size=None) as socket:
                    self.connections += 1
                    await self._listen(socket)
            except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
                pass
            await asyncio.sleep(0.1)

    async def _listen(self, socket: ClientConnection) -> None:
        async for text in socket:
            frame = json.loads(text)
            match frame["type"]:
                case "hello":
                    self.epoch = frame["data"]["epoch"]
                    if self.after is None:
                        self.after = frame["data"]["seq"]
                    self.hello.set()
                case "reset":
                    self.resets += 1
                    self.after = frame["data"]["seq"]
                case _ if "seq" in frame and frame["seq"] is not None:
                    self.frames.append(frame)
                    self.after = frame["seq"]


@asynccontextmanager
async def connected_client(system: System, user_id: str, *, after: int | None = None) -> AsyncIterator[Client]:
    """Connect a client for `user_id`; yields it once it has received `hello`."""
    client = Client(system, user_id, await system.token(user_id), after=after)
    task = asyncio.create_task(client.run())
    try:
        await asyncio.wait_for(client.hello.wait(), 10)
        yield client
    finally:
        task.cancel()
        await asyncio.wait((task,))
