"""How long a quiet user waits while another does its worst, and how long alone: lists over HTTP, phases in turn.

Run from the root: python -m bench.noisy_neighbour [--messages 200000] [--rounds 5]. The store and its Postgres are the
real ones; each user is a process of its own, with plain sockets, so that little of the machine goes into asking. The
loud user has a large inbox and keeps 32 requests of a kind in flight. What the store refuses it, it asks again after
`Retry-After`.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from time import perf_counter

import uvloop
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bench.large_inbox.filling import USER, Inbox, fill, vocabulary
from shared.contracts import conversation_id
from shared.messaging.local import LocalBroker
from shared.security.user_tokens import mint
from shared.settings import load
from store.app import lifespan
from store.migrations import migrate
from store.settings import Settings
from switchboard.provision.postgres import embedded_postgres
from tests.builders import inbox_enriched, message_item

_SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of this run, on loopback
_QUIET = "quiet"
_QUIET_CONVERSATIONS = 60
_CONNECTIONS = 32
_PAUSE_SECONDS = 0.01
_QUIET_PATH = "/api/conversations"
_TIMEOUT_SECONDS = 60.0
_FREQUENT = "+".join(vocabulary()[:1])
NOISES = {
    "searches": [f"/api/search?q={_FREQUENT}&limit=100"],
    "full pages": ["/api/conversations?limit=200"],
    "log pages": ["/api/events?limit=1000&after=450000"],
    "all of them": [
        f"/api/search?q={_FREQUENT}&limit=100",
        "/api/conversations?limit=200",
        "/api/events?limit=1000&after=450000",
    ],
}


class Asker:
    """Asks over one connection, one request after the other."""

    def __init__(self, port: int, user_id: str) -> None:
        token, _ = mint(SecretStr(_SECRET), user_id, now=datetime.now(UTC), ttl=timedelta(hours=6))
        self._head = f"Host: store\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def status(self, path: str) -> int:
        """Return the status of a response that was read to its end."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\n{self._head}".encode())
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        return int(head.split(" ")[1])

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()


async def _be_loud(port: int, paths: Sequence[str], until: Event) -> None:
    asked: Counter[str] = Counter()

    async def ask(path: str) -> None:
        asker = Asker(port, USER)
        while not until.is_set():
            status = await asker.status(path)
            asked[f"{path.split('?', maxsplit=1)[0]} {status}"] += 1
            if status != 200:
                await asyncio.sleep(2)
        asker.close()

    async with asyncio.TaskGroup() as tasks:
        for path in paths:
            for _ in range(_CONNECTIONS):
                tasks.create_task(ask(path))
    print(f"    the loud user: {dict(asked)}")


def be_loud(port: int, paths: Sequence[str], until: Event) -> None:
    """Keep 32 requests for each of `paths` in flight until the event is set."""
    asyncio.run(_be_loud(port, paths, until))


async def _ask_quietly(port: int, number: int) -> list[float]:
    asker, waited = Asker(port, _QUIET), list[float]()
    for _ in range(number):
        await asyncio.sleep(_PAUSE_SECONDS)
        started = perf_counter()
        status = await asker.status(_QUIET_PATH)
        waited.append(perf_counter() - started)
        assert status == 200, f"the quiet user was refused: {status}"
    asker.close()
    return waited


def percentile(waited: Sequence[float], share: float) -> float:
    """Return the value that `share` of them do not exceed, in milliseconds."""
    return sorted(waited)[min(len(waited) - 1, int(len(waited) * share))] * 1e3


def compare(port: int, *, rounds: int, requests: int) -> None:
    """Print a row for each noise: a quiet user's lists alone and beside it, in alternating phases."""
    asyncio.run(_ask_quietly(port, 50))
    print("| noise | alone p50 | alone p95 | with noise p50 | with noise p95 | ratio of p95 |\n|" + " -- |" * 6)
    context = multiprocessing.get_context("spawn")
    for name, paths in NOISES.items():
        alone, beside = list[float](), list[float]()
        for _ in range(rounds):
            alone += asyncio.run(_ask_quietly(port, requests))
            until = context.Event()
            loud = context.Process(target=be_loud, args=(port, paths, until))
            loud.start()
            asyncio.run(asyncio.sleep(1.5))  # until the process has started and its queues are full
            beside += asyncio.run(_ask_quietly(port, requests))
            until.set()
            loud.join(_TIMEOUT_SECONDS)
        cells = [percentile(waited, share) for waited in (alone, beside) for share in (0.5, 0.95)]
        print(f"| {name} | {' | '.join(f'{cell:.1f} ms' for cell in cells)} | {cells[3] / cells[1]:.2f} |", flush=True)


async def measure(url: str, *, rounds: int, requests: int, **settings: int) -> None:
    """Run the store, fill the quiet user's inbox, and compare."""
    chosen = load(
        Settings,
        database_url=url,
        store_port=0,
        store_internal_port=0,
        admin_tokens="admin-token-of-this-run",
        service_tokens="service-token-of-this-run",
        encryption_keys="MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
        jwt_secret=_SECRET,
        **settings,
    )
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(LocalBroker())
        ports = await stack.enter_async_context(lifespan(chosen, broker, registry=CollectorRegistry()))
        await broker.publish(
            [
                inbox_enriched(
                    user_id=_QUIET,
                    page_id="quiet-page",
                    participant_id=f"p-{n}",
                    conversation_id=conversation_id("facebook", _QUIET, f"p-{n}"),
                    item=message_item(message_id=f"m-{n}", sender_id=f"p-{n}", content=f"quiet words {n}"),
                )
                for n in range(_QUIET_CONVERSATIONS)
            ]
        )
        asking = multiprocessing.get_context("spawn").Process(
            target=compare, args=(ports["store"],), kwargs={"rounds": rounds, "requests": requests}
        )
        asking.start()
        await asyncio.to_thread(asking.join)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=100, help="of the quiet user, in each phase")
    parser.add_argument("--lists-per-user", type=int, default=1)
    parser.add_argument("--searches-per-user", type=int, default=1)
    parser.add_argument("--concurrent-searches", type=int, default=2)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchboard-bench-")))
        folder.chmod(0o755)
        url = stack.enter_context(embedded_postgres(folder)).url
        asyncio.run(migrate(url))
        asyncio.run(fill(url, Inbox(options.messages, options.messages // 20)))
        uvloop.run(
            measure(
                url,
                rounds=options.rounds,
                requests=options.requests,
                lists_per_user=options.lists_per_user,
                searches_per_user=options.searches_per_user,
                concurrent_searches=options.concurrent_searches,
            )
        )


if __name__ == "__main__":
    main()
