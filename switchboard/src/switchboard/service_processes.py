"""The four services as processes of their own: started, watched, started again when they die, stopped in good order."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import structlog

from shared.errors import StartupRefused

log = structlog.get_logger(__name__)

MODULES = {"store": "store", "push-gateway": "push_gateway", "enricher": "enricher", "ingest": "ingest"}
"""Service to module, in the order they are started; none needs another to be up."""
_REFUSED = (2, 3)
"""Exit statuses of a service that would refuse again: unusable settings, a schema that does not fit."""
_FIRST_BACKOFF_SECONDS = 0.2
_LONGEST_BACKOFF_SECONDS = 5.0
_STEADY_SECONDS = 10.0
"""A process that lived this long starts over with the shortest back-off."""
_READY_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 12.0


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What is known of the services while they run; `pids` changes when one is started again."""

    pids: dict[str, int]
    failed: asyncio.Future[str]
    """Set when a service refuses to run: a sentence."""
    on_change: Callable[[Mapping[str, int]], None]
    stopping: asyncio.Event


@asynccontextmanager
async def service_processes(
    environment: Mapping[str, str], *, log_dir: Path, on_change: Callable[[Mapping[str, int]], None]
) -> AsyncIterator[Watched]:
    """Run every service while the context lasts; a process that dies is started again with the same environment.

    Args:
        environment: what the services read; includes their ports.
        log_dir: an existing folder; one log file a service.
        on_change: called with all pids whenever one has changed.
    """
    loop = asyncio.get_running_loop()
    watched = Watched(pids={}, failed=loop.create_future(), on_change=on_change, stopping=asyncio.Event())
    watchers = [
        asyncio.create_task(_keep_running(name, environment, log_dir / f"{name}.log", watched)) for name in MODULES
    ]
    try:
        yield watched
    finally:
        watched.stopping.set()
        await asyncio.gather(*watchers)


async def _keep_running(name: str, environment: Mapping[str, str], log_path: Path, watched: Watched) -> None:
    backoff = _FIRST_BACKOFF_SECONDS
    loop = asyncio.get_running_loop()
    while not watched.stopping.is_set():
        with log_path.open("ab") as log_file:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", MODULES[name], env=dict(environment), stdout=log_file, stderr=log_file
            )
        started = loop.time()
        watched.pids[name] = process.pid
        watched.on_change(watched.pids)
        if await _ended_or_stopped(process, watched.stopping):
            return
        if process.returncode in _REFUSED:
            if not watched.failed.done():
                watched.failed.set_result(f"{name} refuses to run: {_last_line(log_path)}")
            return
        if loop.time() - started > _STEADY_SECONDS:
            backoff = _FIRST_BACKOFF_SECONDS
        log.warning("service died", name=name, status=process.returncode, restart_in_seconds=backoff)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watched.stopping.wait(), backoff)
        backoff = min(backoff * 2, _LONGEST_BACKOFF_SECONDS)


async def _ended_or_stopped(process: asyncio.subprocess.Process, stopping: asyncio.Event) -> bool:
    """Wait until the process dies (False), or stop it when asked to (True)."""
    ended = asyncio.create_task(process.wait())
    asked = asyncio.create_task(stopping.wait())
    await asyncio.wait((ended, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if ended.done() and not stopping.is_set():
        return False
    if not ended.done():
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(ended), _STOP_TIMEOUT_SECONDS)
        except TimeoutError:
            log.warning("service did not stop in time", pid=process.pid)
            process.kill()
            await ended
    return True


async def until_ready(urls: Mapping[str, str], failed: asyncio.Future[str]) -> None:
    """Return once every one of `urls` (service to its /readyz) answers 200.

    Raises:
        StartupRefused: a service refuses to run, or is not ready within a minute.
    """
    waiting = dict(urls)
    deadline = asyncio.get_running_loop().time() + _READY_TIMEOUT_SECONDS
    while waiting:
        if failed.done():
            raise StartupRefused(failed.result())
        if asyncio.get_running_loop().time() > deadline:
            raise StartupRefused(f"not ready after {_READY_TIMEOUT_SECONDS:g} s: {', '.join(waiting)}; see the logs")
        waiting = {name: url for name, url in waiting.items() if not await _answers(url)}
        await asyncio.sleep(0.05)


async def _answers(url: str) -> bool:
    def ask() -> bool:
        try:
            with urlopen(url, timeout=1) as answer:  # noqa: S310 - a loopback URL that we made
                return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own word for well
        except (URLError, OSError):
            return False

    return await asyncio.to_thread(ask)


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "its log is empty"
