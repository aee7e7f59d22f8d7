"""The system to measure: its addresses, and how to start one."""

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


class CannotMeasure(Exception):
    """The load cannot or must not be sent; the text says why."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses and secrets, as printed by `switchboard up --json`; other keys are ignored."""

    webhooks: str
    api: str
    ws: str
    app_secret: str
    admin_token: str


def require_loopback(target: Target) -> Target:
    """Return `target` with URLs without a trailing slash.

    Raises:
        CannotMeasure: a host is not a loopback address. Load is only sent to this machine.
    """
    for url in (target.webhooks, target.api, target.ws):
        host = urlsplit(url).hostname or ""
        if host != "localhost" and not _is_loopback(host):
            raise CannotMeasure(f"{url!r} is not on this machine: load is only sent to loopback addresses")
    return msgspec.structs.replace(
        target, webhooks=target.webhooks.rstrip("/"), api=target.api.rstrip("/"), ws=target.ws.rstrip("/")
    )


def parse_target(line: bytes | str) -> Target:
    """Return the target of a line printed by `switchboard up --json`.

    Raises:
        CannotMeasure: it is not such a line.
    """
    try:
        return require_loopback(msgspec.json.decode(line, type=Target))
    except msgspec.MsgspecError as error:
        raise CannotMeasure(f"not a line of `switchboard up --json`: {error}") from error


@asynccontextmanager
async def start_system(command: Path) -> AsyncIterator[Target]:
    """Run `switchboard up --processes` on free ports and a temporary data folder while the context lasts.

    Raises:
        CannotMeasure: it does not become ready.
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
                raise CannotMeasure(f"{command} did not start:\n{log_path.read_text(errors='replace')[-2000:]}")
            target = parse_target(line)
            drain = asyncio.create_task(_drain(process.stdout))
            yield target
        except TimeoutError as error:
            raise CannotMeasure(f"{command} was not ready within {_START_SECONDS:.0f} s") from error
        finally:
            await _stop(process)
            if drain is not None:
                drain.cancel()


async def _drain(stream: asyncio.StreamReader) -> None:
    """Read further output, so that a full pipe never blocks the process."""
    while await stream.read(65536):
        pass


async def _stop(process: asyncio.subprocess.Process) -> None:
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
