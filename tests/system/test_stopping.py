"""Stopping: graceful, in time, with status 0, at any moment."""

import asyncio
import json
import os
import signal
import socket as sockets_of_the_system
import time
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect

from tests.system.ledger import assert_balanced
from tests.system.running import COMMAND, System, eventually, running_system

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def chosen_environment(arguments: list[str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of a system with these arguments: one process needs no broker."""
    found: dict[str, str] = request.getfixturevalue("environment_with_broker" if arguments else "environment")
    return found


@pytest.mark.parametrize("arguments", [[], ["--processes"]], ids=["one process", "four processes"])
async def test_a_running_system_stops_within_ten_seconds(tmp_path: Path, arguments: list[str]) -> None:
    async with running_system(tmp_path, "--no-simulator", *arguments) as system:
        pids = [system.pid(name) for name in ("switchboard", "postgres")]
        await assert_balanced(system, received=0)
        started = time.monotonic()
        system.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(system.process.wait(), 15) == 0
        duration = time.monotonic() - started

    assert duration < 10
    assert not any(is_running(pid) for pid in pids), "a server is still running"
    assert not (tmp_path / "pids.json").exists()


@pytest.mark.parametrize("arguments", [[], ["--processes"]], ids=["one process", "four processes"])
async def test_every_client_learns_through_the_proxy_when_to_reconnect(
    tmp_path: Path, chosen_environment: dict[str, str], arguments: list[str]
) -> None:
    """Also while another client never reads, and so never responds."""
    async with (
        running_system(tmp_path, "--no-simulator", *arguments, environment=chosen_environment) as system,
        AsyncExitStack() as clients,
    ):
        front = urlsplit(system.urls["inbox"]).netloc
        token = await system.token("ada")
        sockets = [
            await clients.enter_async_context(connect(f"ws://{front}/ws/ada?token={token}", proxy=None))
            for _ in range(5)
        ]
        for socket in sockets:
            assert json.loads(await asyncio.wait_for(socket.recv(), 10))["type"] == "hello"
        stream = await clients.enter_async_context(
            system.http.stream("GET", f"http://{front}/sse/ada", params={"token": token})
        )
        lines = stream.aiter_lines()
        async for line in lines:
            if line == "event: hello":
                break
        clients.callback((await _sent(front, _upgrade(f"/ws/ada?token={token}"))).close)
        started = time.monotonic()
        system.process.send_signal(signal.SIGTERM)

        for socket in sockets:
            await asyncio.wait_for(socket.wait_closed(), 10)
            assert socket.close_code == 1012
            assert (socket.close_reason or "").startswith("retry_after_ms=")
        events = [line async for line in lines if line.startswith("data: ")]
        assert json.loads(events[-1].removeprefix("data: "))["code"] == 1012
        assert await asyncio.wait_for(system.process.wait(), 15) == 0
        duration = time.monotonic() - started

    assert duration < 10


@pytest.mark.parametrize("arguments", [[], ["--processes"]], ids=["one process", "four processes"])
async def test_unfinished_requests_do_not_delay_stopping(
    tmp_path: Path, chosen_environment: dict[str, str], arguments: list[str]
) -> None:
    """Requests without their bodies, and a socket that never responds."""
    async with (
        running_system(tmp_path, "--no-simulator", *arguments, environment=chosen_environment) as system,
        AsyncExitStack() as clients,
    ):
        front = urlsplit(system.urls["inbox"]).netloc
        token = await system.token("ada")
        for path in ("/webhooks/facebook", "/api/tokens"):
            head = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n"
            clients.callback((await _sent(front, head + "the beginning")).close)
        clients.callback((await _sent(front, _upgrade(f"/ws/ada?token={token}"))).close)
        await _is_open(system)
        started = time.monotonic()
        system.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(system.process.wait(), 20) == 0
        duration = time.monotonic() - started

    # A request that were waited for would take its whole deadline, a minute. A busy machine needs some seconds.
    assert duration < 18


async def _is_open(system: System) -> None:
    """Return once the gateway has a socket; earlier requests through the proxy are then on their way."""

    async def has_one() -> bool:
        metrics = await system.http.get(f"{system.urls['operations']['push-gateway']}/metrics")
        return "switchboard_gateway_sockets 1.0" in metrics.text

    await eventually(has_one, what="the socket")


def _upgrade(path: str) -> str:
    head = "Host: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    return f"GET {path} HTTP/1.1\r\n{head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"


async def _sent(netloc: str, text: str) -> sockets_of_the_system.socket:
    """Connect, send `text`, and never read."""
    host, _, port = netloc.partition(":")
    raw = sockets_of_the_system.socket()
    raw.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, (host, int(port)))
    await loop.sock_sendall(raw, text.encode())
    return raw


async def test_an_interrupted_start_leaves_nothing_running(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "up", "--port", "0", "--no-simulator", "--data-dir", str(tmp_path), stderr=asyncio.subprocess.DEVNULL
    )
    await eventually((tmp_path / "pids.json").exists, what="the start")
    os.kill(process.pid, signal.SIGINT)

    assert await asyncio.wait_for(process.wait(), 15) == 0
    assert not (tmp_path / "pids.json").exists()


async def test_the_simulator_refuses_to_run_beside_real_credentials(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "up", "--port", "0", "--data-dir", str(tmp_path),
        env={**os.environ, "SWITCHBOARD_APP_SECRETS": "a-real-one"}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, output = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 1
    assert b"--no-simulator" in output
    assert b"a-real-one" not in output
