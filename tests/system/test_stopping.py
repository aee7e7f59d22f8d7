"""Stopping: in good order, in time, with status 0, whenever it is asked for."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from tests.system.ledger import assert_balanced
from tests.system.running import COMMAND, eventually, running_system

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("arguments", [[], ["--processes"]], ids=["one process", "four processes"])
async def test_a_running_system_stops_within_ten_seconds(tmp_path: Path, arguments: list[str]) -> None:
    async with running_system(tmp_path, "--no-simulator", *arguments) as system:
        pids = [system.pid(name) for name in ("switchboard", "postgres")]
        await assert_balanced(system, received=0)
        began = time.monotonic()
        system.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(system.process.wait(), 15) == 0
        took = time.monotonic() - began

    assert took < 10
    assert not any(is_running(pid) for pid in pids), "a server was left behind"
    assert not (tmp_path / "pids.json").exists()


async def test_a_start_that_is_interrupted_leaves_nothing_running(tmp_path: Path) -> None:
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
    _, said = await asyncio.wait_for(process.communicate(), 30)

    assert process.returncode == 1
    assert b"--no-simulator" in said
    assert b"a-real-one" not in said
