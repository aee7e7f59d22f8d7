"""What it costs that messages can be found, beside what it costs to store them, in processor time.

Run from the root: python -m bench.search_indexing [--messages 20000]. The server is one of its own.
"""

import argparse
import asyncio
import gc
import os
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

import uvloop
from prometheus_client import CollectorRegistry

from bench.store import Nowhere, event, server_seconds
from store.core.erased import IdentityDigests
from store.handlers import InboxHandler
from store.jobs.outbox import OutboxPublisher
from store.jobs.search_indexer import SearchIndexer
from store.metrics import Metrics
from store.migrations import migrate
from store.repository.postgres.database import Database
from switchboard.provision.postgres import embedded_postgres


def _now() -> datetime:
    return datetime.now(UTC)


class _Stopwatch:
    """Wall-clock and processor seconds since it was made."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._started = (perf_counter(), process_time(), server_seconds(server))

    def line(self, name: str, messages: int) -> str:
        wall, python, postgres = self._started
        return (
            f"{name:>28}: {messages / (perf_counter() - wall):>8,.0f} messages/s"
            f"   {(process_time() - python) / messages * 1e6:5.0f} µs of Python"
            f" and {(server_seconds(self._server) - postgres) / messages * 1e6:5.0f} µs of Postgres each"
        )


async def measure(url: str, messages: int, users: int, batch: int, server: int) -> None:
    """Store messages, then index them, and print what each has cost."""
    database = Database(url, pool_size=4, command_timeout_seconds=10)
    metrics = Metrics(CollectorRegistry())
    outbox = OutboxPublisher(
        database, Nowhere(), utc_now=_now, metrics=metrics, scan_interval_seconds=1, mark_interval_seconds=0.5
    )
    handler = InboxHandler(
        database=database, publish_changes=outbox.publish, digests=IdentityDigests([]), utc_now=_now, metrics=metrics
    )
    indexer = SearchIndexer(database, metrics=metrics)
    run = f"{batch}-{os.getpid()}"
    await handler([event(number, users, f"warm-{run}") for number in range(users)])
    await indexer.catch_up()
    stopwatch = _Stopwatch(server)
    for start in range(0, messages, batch):
        await handler([event(number, users, run) for number in range(start, min(messages, start + batch))])
    print(stopwatch.line(f"stored, {batch} at a time", messages))
    stopwatch = _Stopwatch(server)
    await indexer.catch_up()
    print(stopwatch.line("made findable afterwards", messages))
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--users", type=int, default=200)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchboard-bench-")))
        folder.chmod(0o755)
        server = stack.enter_context(embedded_postgres(folder))
        assert server.pid is not None
        asyncio.run(migrate(server.url))
        gc.freeze()
        for batch, share in ((200, 1), (20, 1), (1, 10)):
            messages = min(options.messages, 1_000_000) // share
            uvloop.run(measure(server.url, messages, options.users, batch, server.pid))


if __name__ == "__main__":
    main()
