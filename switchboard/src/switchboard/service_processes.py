"""The four services as child processes: started, supervised, restarted when they die, and stopped gracefully."""

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import structlog

from shared.aio.backoff import Backoff
from shared.errors import StartupRefused
from switchboard.private_files import owner_only

log = structlog.get_logger(__name__)

MODULES = {"store": "store", "push-gateway": "push_gateway", "enricher": "enricher", "ingest": "ingest"}
"""Service to module, in the order of their start; none needs another one to be running."""
_REFUSED = (2, 3)
"""Exit statuses that a restart would not change: invalid settings, or another version's database schema."""
_BACKOFF = Backoff()
_STEADY_SECONDS = 10.0
"""The backoff starts over after a process has run for this long."""
_READY_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 12.0


@dataclass(frozen=True, kw_only=True)
class ServiceProcesses:
    """The state of the running services; `pids` changes when one is restarted."""

    pids: dict[str, int]
    failed: asyncio.Future[str]
    """The reason, as a sentence, once a service refuses to start."""
    on_change: Callable[[Mapping[str, int]], None]
    stopping: asyncio.Event


@asynccontextmanager
async def service_processes(
    environments: Mapping[str, Mapping[str, str]], *, log_dir: Path, on_change: Callable[[Mapping[str, int]], None]
) -> AsyncIterator[ServiceProcesses]:
    """Run every service while the context lasts, and restart those that die with the same environment.

    Args:
        environments: by service, what it reads, including its ports.
        log_dir: an existing folder for one log file per service.
        on_change: called with all process IDs whenever one has changed.
    """
    loop = asyncio.get_running_loop()
    processes = ServiceProcesses(pids={}, failed=loop.create_future(), on_change=on_change, stopping=asyncio.Event())
    supervisors = [
        asyncio.create_task(_supervise(name, environments[name], log_dir / f"{name}.log", processes))
        for name in MODULES
    ]
    try:
        yield processes
    finally:
        processes.stopping.set()
        await asyncio.gather(*supervisors)


async def _supervise(name: str, environment: Mapping[str, str], log_path: Path, processes: ServiceProcesses) -> None:
    failures = 0
    loop = asyncio.get_running_loop()
    while not processes.stopping.is_set():
        with owner_only(log_path).open("ab") as log_file:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                MODULES[name],
                env=dict(environment),
                stdout=log_file,
                stderr=log_file,
            )
        started = loop.time()
        processes.pids[name] = process.pid
        processes.on_change(processes.pids)
        if await _ended_or_stopped(process, processes.stopping):
            return
        if process.returncode in _REFUSED:
            if not processes.failed.done():
                processes.failed.set_result(f"{name} refuses to start: {_last_line(log_path)}")
            return
        failures = 1 if loop.time() - started > _STEADY_SECONDS else failures + 1
        delay_seconds = _BACKOFF.delay_seconds(failures, jitter=random.random())  # noqa: S311 - spreads restarts
        log.warning("service exited", name=name, status=process.returncode, restart_in_seconds=round(delay_seconds, 1))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(processes.stopping.wait(), delay_seconds)


async def _ended_or_stopped(process: asyncio.subprocess.Process, stopping: asyncio.Event) -> bool:
    """Wait until the process ends (False), or stop it once `stopping` is set (True)."""
    ended = asyncio.create_task(process.wait())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait((ended, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if ended.done() and not stopping.is_set():
        return False
    if not ended.done():
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(ended), _STOP_TIMEOUT_SECONDS)
        except TimeoutError:
            log.warning("service did not stop in time, killing it", pid=process.pid)
            process.kill()
            await ended
    return True


async def until_ready(urls: Mapping[str, str], failed: asyncio.Future[str]) -> None:
    """Return once every one of `urls` (`/readyz` by service) returns 200.

    Raises:
        StartupRefused: a service refuses to start, or is not ready within a minute.
    """
    waiting = dict(urls)
    deadline = asyncio.get_running_loop().time() + _READY_TIMEOUT_SECONDS
    while waiting:
        if failed.done():
            raise StartupRefused(failed.result())
        if asyncio.get_running_loop().time() > deadline:
            names = ", ".join(waiting)
            raise StartupRefused(f"{names}: not ready after {_READY_TIMEOUT_SECONDS:g} s. Their logs say why.")
        waiting = {name: url for name, url in waiting.items() if not await _is_ready(url)}
        await asyncio.sleep(0.05)


async def _is_ready(url: str) -> bool:
    def request() -> bool:
        try:
            with urlopen(url, timeout=1) as response:  # noqa: S310 - our own loopback URL
                return bool(response.status == 200)  # noqa: PLR2004 - HTTP OK
        except (URLError, OSError):
            return False

    return await asyncio.to_thread(request)


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "its log is empty"
