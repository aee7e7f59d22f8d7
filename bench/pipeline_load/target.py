"""The system that is measured: where it is, and starting one."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

_START_SECONDS = 180.0
_STOP_SECONDS = 30.0


class Unusable(Exception):
    """The load must not or cannot be sent there; the text says why."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses and secrets, as `switchboard up --json` prints them; other keys are ignored."""

    webhooks: str
    api: str
    ws: str
    app_secret: str
    admin_token: str


def on_this_machine(target: Target) -> Target:
    """Return `target` with URLs that end without a slash.

    Raises:
        Unusable: a host is not loopback: load is for one's own machine.
    """
    for url in (target.webhooks, target.api, target.ws):
        host = urlsplit(url).hostname or ""
        if host != "localhost" and not _is_loopback(host):
            raise Unusable(f"{url!r} is not on this machine: only loopback addresses are put under load")
    return msgspec.structs.replace(
        target, webhooks=target.webhooks.rstrip("/"), api=target.api.rstrip("/"), ws=target.ws.rstrip("/")
    )


def from_line(line: bytes | str) -> Target:
    """Return the target that a line of `switchboard up --json` describes.

    Raises:
        Unusable: it is no such line.
    """
    try:
        return on_this_machine(msgspec.json.decode(line, type=Target))
    except msgspec.MsgspecError as error:
        raise Unusable(f"not a line of `switchboard up --json`: {error}") from error


@asynccontextmanager
async def started(command: Path) -> AsyncIterator[Target]:
    """Run `switchboard up --processes` on free ports with data of its own; stopped and removed when the context ends.

    Raises:
        Unusable: it did not get ready.
    """
    with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as folder:
        log_path = Path(folder) / "stderr.log"
        with log_path.open("wb") as log_file:
            process = await asyncio.create_subprocess_exec(
                *(str(command), "up", "--processes", "--json", "--no-simulator", "--port", "0"),
                *("--data-dir", f"{folder}/data"),
                stdout=asyncio.subprocess.PIPE,
                stderr=log_file,
            )
        drain: asyncio.Task[None] | None = None
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
            if not line:
                raise Unusable(f"{command} did not start:\n{log_path.read_text(errors='replace')[-2000:]}")
            target = from_line(line)
            drain = asyncio.create_task(_drain(process.stdout))
            yield target
        except TimeoutError as error:
            raise Unusable(f"{command} was not ready within {_START_SECONDS:.0f} s") from error
        finally:
            await _stopped(process)
            if drain is not None:
                drain.cancel()


async def _drain(stream: asyncio.StreamReader) -> None:
    """Read what else it prints, so that a full pipe never stops it."""
    while await stream.read(65536):
        pass


async def _stopped(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
