"""How long a reader of a large inbox waits: lists, pages and searches of one user with many messages, over HTTP.

Run from the root: python -m bench.read_side [--messages 1000000] [--conversations 50000]. The store is the real one, in
this process, as is who asks: their time is in what is told. The Postgres server is one of its own, in a temporary
folder, or the one that --url names.
"""

import argparse
import asyncio
import gc
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import httpx
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bench.large_inbox.filling import USER, Inbox, fill
from bench.large_inbox.reading import Reader
from shared.messaging.local import LocalBroker
from shared.security.user_tokens import mint
from shared.settings import load
from store.app import lifespan
from store.migrations import migrate
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from store.settings import Settings
from switchboard.provision.postgres import embedded_postgres

_SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of this run, on loopback
_SIZES = Statement("""
    SELECT relname, pg_size_pretty(pg_relation_size(oid)) FROM pg_class
    WHERE relname ~ '^(messages|message_search|person_search|conversations)' ORDER BY relname
""")


async def measure(url: str, inbox: Inbox, *, runs: int) -> None:
    """Print the times of all that is asked, and the sizes of what it is read from."""
    settings = load(
        Settings,
        database_url=url,
        store_port=0,
        store_internal_port=0,
        admin_tokens="admin-token-of-this-run",
        service_tokens="service-token-of-this-run",
        encryption_keys="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        jwt_secret=_SECRET,
    )
    token, _ = mint(SecretStr(_SECRET), USER, now=datetime.now(UTC), ttl=timedelta(hours=6))
    async with (
        LocalBroker() as broker,
        lifespan(settings, broker, registry=CollectorRegistry()) as ports,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['store']}", timeout=30) as client,
    ):
        timings = await Reader(client, {"Authorization": f"Bearer {token}"}, inbox).timings(runs=runs)
    print(*timings, sep="\n")
    for allowed in sorted({timing.allowed_seconds for timing in timings}):
        slowest = max((t for t in timings if t.allowed_seconds == allowed), key=lambda t: t.p95_seconds)
        print(f"slowest 95th percentile of those that may take {allowed * 1e3:.0f} ms: {slowest}")
    database = Database(url, pool_size=1, command_timeout_seconds=30)
    async with database.reading() as connection:
        for relation, size in await connection.execute(_SIZES):
            print(f"{relation:36} {size}")
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--conversations", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=100, help="of every kind of question")
    parser.add_argument("--url", help="an empty database; it is filled")
    parser.add_argument("--filled", action="store_true", help="the database at --url is filled already")
    options = parser.parse_args()
    messages = min(options.messages, 5_000_000)
    inbox = Inbox(messages, min(options.conversations, messages))
    with ExitStack() as stack:
        url = options.url
        if url is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchboard-bench-")))
            folder.chmod(0o755)
            url = stack.enter_context(embedded_postgres(folder)).url
        if not options.filled:
            asyncio.run(migrate(url))
            started = perf_counter()
            asyncio.run(fill(url, inbox))
            seconds = perf_counter() - started
            print(f"{inbox.messages:,} messages in {inbox.conversations:,} conversations: {seconds:.0f} s")
        gc.freeze()
        uvloop.run(measure(url, inbox, runs=min(options.runs, 10_000)))


if __name__ == "__main__":
    main()
