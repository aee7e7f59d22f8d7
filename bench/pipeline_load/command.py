"""The command line, and the sequence of phases."""

import argparse
import asyncio
import gc
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import uvloop

from bench.pipeline_load import measures, users, webhooks
from bench.pipeline_load.loops import Sent, closed_loop, open_loop
from bench.pipeline_load.recording import Recorder
from bench.pipeline_load.recording_process import RecorderProcess
from bench.pipeline_load.report import Report, as_json, as_table
from bench.pipeline_load.target import CannotMeasure, Target, parse_target, require_loopback, start_system

_POLL_SECONDS = 0.1
_PREBUILT_PER_SECOND = 10_000
_WARM_UP_IN_FLIGHT = 8


def run(arguments: Sequence[str], *, description: str | None) -> int:
    """Run the command; return its exit status: 0 if nothing was lost or repeated, 1 if so, 2 if it cannot measure."""
    options = _parser(description).parse_args(arguments)
    try:
        report = uvloop.run(_measure(options))
    except CannotMeasure as problem:
        print(f"cannot measure: {problem}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped", file=sys.stderr)
        return 130
    print(as_json(report) if options.json else as_table(report))
    return 1 if report.verdict.problems else 0


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pipeline", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    where = parser.add_argument_group("the system (loopback addresses only)")
    where.add_argument("--start", action="store_true", help="run `switchboard up --processes` for the measurement")
    where.add_argument("--up-json", metavar="FILE", help="the line printed by `switchboard up --json`; - is stdin")
    for name in ("webhooks", "api", "ws", "app-secret", "admin-token"):
        where.add_argument(f"--{name}", help="as in that line")
    load = parser.add_argument_group("the load")
    load.add_argument(
        "--users", type=_between(int, 1, 2000), default=8, help="users, each with a page and a socket (8)"
    )
    load.add_argument("--customers", type=_between(int, 1, 100_000), default=25, help="customers per page (25)")
    load.add_argument(
        "--in-flight", type=_between(int, 1, 1024), default=64, help="closed loop: concurrent webhooks (64)"
    )
    load.add_argument("--closed-seconds", type=_between(float, 0, 600), default=10.0, help="0 skips it (10)")
    load.add_argument(
        "--rate", type=_between(float, 0.1, 10_000), default=100.0, help="open loop: webhooks per second (100)"
    )
    load.add_argument("--open-seconds", type=_between(float, 0, 600), default=20.0, help="0 skips it (20)")
    load.add_argument(
        "--warm-up", type=_between(int, 0, 100_000), default=300, help="webhooks that are not measured (300)"
    )
    load.add_argument(
        "--prebuilt", type=_between(int, 1, 1_000_000), help="webhooks for the closed loop (10,000 per second)"
    )
    load.add_argument(
        "--drain-seconds", type=_between(float, 0, 600), default=30.0, help="how long to wait after a phase (30)"
    )
    load.add_argument("--socket-process", action="store_true", help="read the sockets in another process")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    return parser


def _between(kind: Callable[[str], float], minimum: float, maximum: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(f"{text} is not between {minimum} and {maximum}")
        return value

    return number


@asynccontextmanager
async def _target(options: argparse.Namespace) -> AsyncIterator[Target]:
    if options.start:
        async with start_system(Path(sys.executable).parent / "switchboard") as target:
            yield target
        return
    if options.up_json:
        yield parse_target(await asyncio.to_thread(_first_line, options.up_json))
        return
    given = {name: getattr(options, name) for name in Target.__struct_fields__}
    missing = [f"--{name.replace('_', '-')}" for name, value in given.items() if not value]
    if missing:
        raise CannotMeasure(
            f"give --start, --up-json, or all of the addresses and secrets; missing: {', '.join(missing)}"
        )
    yield require_loopback(Target(**given))


def _first_line(path: str) -> bytes:
    try:
        with Path("/dev/stdin" if path == "-" else path).open("rb") as lines:
            return lines.readline()
    except OSError as error:
        raise CannotMeasure(str(error)) from error


async def _measure(options: argparse.Namespace) -> Report:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with _target(options) as target:
        return await _load(target, options)


async def _load(target: Target, options: argparse.Namespace) -> Report:
    run_id = uuid4().hex[:10]
    pages = users.pages(run_id, options.users)
    connected = await users.connect_users(target, run_id, pages)
    in_closed = options.prebuilt or int(options.closed_seconds * _PREBUILT_PER_SECOND)
    in_open = int(options.rate * options.open_seconds)
    number = options.warm_up + in_closed + in_open
    requests = webhooks.build_requests(target, run_id, pages, customers=options.customers, number=number)
    gc.collect()
    gc.freeze()  # collections need not traverse the prepared requests

    recorder_kind = RecorderProcess if options.socket_process else Recorder
    connections = max(options.in_flight, 256 if options.open_seconds else 1)
    async with (
        recorder_kind(target.ws, connected, webhooks.message_prefix(run_id)) as recorder,
        webhooks.Sender(target, requests, connections=connections) as sender,
    ):
        phases = _Phases(recorder, options.drain_seconds)
        warm_up = iter(range(options.warm_up))
        await phases.run(
            "warm-up", closed_loop(sender, warm_up, in_flight=_WARM_UP_IN_FLIGHT, seconds=options.drain_seconds)
        )
        if options.closed_seconds:
            of_closed = iter(range(options.warm_up, options.warm_up + in_closed))
            await phases.run(
                f"closed, {options.in_flight} in flight",
                closed_loop(sender, of_closed, in_flight=options.in_flight, seconds=options.closed_seconds),
            )
        if options.open_seconds:
            of_open = iter(range(options.warm_up + in_closed, number))
            await phases.run(
                f"open, {options.rate:g}/s",
                open_loop(sender, of_open, rate=options.rate, seconds=options.open_seconds),
            )
        return await phases.report()


class _Phases:
    """Runs phases in sequence, each until every accepted webhook has arrived or the drain time is over."""

    def __init__(self, recorder: Recorder | RecorderProcess, drain_seconds: float) -> None:
        self._recorder = recorder
        self._drain_seconds = drain_seconds
        self._sent: dict[str, Sent] = {}
        self._drained_in = 0.0

    async def run(self, name: str, phase: Awaitable[Sent]) -> None:
        print(f"{name} …", file=sys.stderr)
        cpu = _cpu_seconds()
        sent = self._sent[name] = await phase
        ended = time.perf_counter()
        sent.cpu_seconds = _cpu_seconds() - cpu
        expected = sum(len(sent.accepted) for sent in self._sent.values())
        while await self._recorder.count() < expected and time.perf_counter() - ended < self._drain_seconds:  # noqa: ASYNC110 - the count may come from another process
            await asyncio.sleep(_POLL_SECONDS)
        self._drained_in = time.perf_counter() - ended

    async def report(self) -> Report:
        recordings = await self._recorder.collected()
        arrived = measures.arrivals(recordings)
        accepted = {index for sent in self._sent.values() for index in sent.accepted}
        attempted = {index for sent in self._sent.values() for index in sent.begun}
        return Report(
            phases=[measures.phase(name, sent, arrived) for name, sent in self._sent.items() if name != "warm-up"],
            verdict=measures.verdict(accepted, attempted, recordings),
            drain_seconds=round(self._drained_in, 2),
        )


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
