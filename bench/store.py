"""Messages a second into the store's handler, on an embedded Postgres with its safe defaults.

    python -m bench.store [--seconds 3] [--users 1000] [--batches 1 20 200]

From the root of the repository. No broker: measured is the handling alone, from events in memory to committed rows,
rendered frames and marks. Processor time is given beside the rates: it is what other work on the machine changes least.
"""

import argparse
import asyncio
import gc
import os
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

import uvloop
from prometheus_client import CollectorRegistry

from shared.contracts import Event, InboxEnrichedV1, MessageItem, Profile, conversation_id, derive_id
from store.core.erased import IdentityDigests
from store.handlers import InboxHandler
from store.jobs.outbox import OutboxPublisher
from store.metrics import Metrics
from store.migrations import migrate
from store.repository.postgres.database import Database
from switchboard.provision.postgres import embedded_postgres

_START = datetime(2026, 1, 2, tzinfo=UTC)


class Nowhere:
    """Where published events go: nowhere."""

    async def publish(self, events: Sequence[Event]) -> None:
        del events


def _now() -> datetime:
    return datetime.now(UTC)


def event(number: int, users: int, run: str) -> InboxEnrichedV1:
    user, person = f"user-{number % users}", f"person-{number % (users * 20)}"
    at = _START + timedelta(milliseconds=number)
    return InboxEnrichedV1(
        id=derive_id("bench", run, str(number)),
        occurred_at=at,
        received_at=at,
        webhook_id=derive_id("bench webhook", run, str(number)),
        item_index=0,
        user_id=user,
        platform="facebook",
        page_id=f"page-{number % users}",
        participant_id=person,
        conversation_id=conversation_id("facebook", user, person),
        participant=Profile(name="Ada Lovelace", fetched_at=_START),
        item=MessageItem(
            message_id=f"m_{run}_{number}",
            direction="incoming",
            sender_id=person,
            content="A message of an ordinary length, as people write them to shops. " * 2,
            created_at=at,
        ),
    )


def server_seconds(pid: int) -> float:
    """Return the processor time of the server and of its processes, those that ended included."""
    ticks = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = entry.read_text().rsplit(")", 1)[1].split()
            if entry.parent.name == str(pid):
                ticks += sum(int(field) for field in fields[11:15])
            elif fields[1] == str(pid):
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def measure(url: str, size: int, *, seconds: float, users: int, server: int) -> None:
    database = Database(url, pool_size=4, command_timeout_seconds=10)
    metrics = Metrics(CollectorRegistry())
    outbox = OutboxPublisher(
        database, Nowhere(), utc_now=_now, metrics=metrics, scan_interval_seconds=1, mark_interval_seconds=0.5
    )
    handler = InboxHandler(
        database=database, publish_changes=outbox.publish, digests=IdentityDigests([]), utc_now=_now, metrics=metrics
    )
    watermarks = asyncio.create_task(outbox.run_watermarks())
    run = f"{size}-{os.getpid()}"
    await handler([event(number, users, f"warm-{run}") for number in range(max(size, users))])
    taken: list[float] = []
    server_before = server_seconds(server)
    number, cpu, spent = 0, 0.0, 0.0
    while spent < seconds:
        batch = [event(number + i, users, run) for i in range(size)]
        number += size
        started, cpu_started = perf_counter(), process_time()
        await handler(batch)
        taken.append(perf_counter() - started)
        cpu += process_time() - cpu_started
        spent += taken[-1]
    server_cpu = server_seconds(server) - server_before
    watermarks.cancel()
    await database.close()
    taken.sort()
    print(
        f"batch {size:>3}: {number / spent:>8,.0f} messages/s   p50 {statistics.median(taken) * 1e3:6.2f} ms"
        f"   p99 {taken[int(len(taken) * 0.99)] * 1e3:6.2f} ms   {cpu / number * 1e6:5.0f} µs of Python"
        f" and {server_cpu / number * 1e6:5.0f} µs of Postgres each"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 20, 200])
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchboard-bench-")))
        folder.chmod(0o755)
        server = stack.enter_context(embedded_postgres(folder))
        assert server.pid is not None
        asyncio.run(migrate(server.url))
        gc.freeze()
        for size in options.batches:
            uvloop.run(
                measure(server.url, size, seconds=min(options.seconds, 30), users=options.users, server=server.pid)
            )


if __name__ == "__main__":
    main()
