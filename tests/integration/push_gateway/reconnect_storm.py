"""What a crowd costs one gateway process: opening, being idle, and coming back after the gateway was killed."""

import asyncio
import time
from dataclasses import dataclass

from tests.integration.push_gateway.client_processes import Crowd, allow_sockets, crowd, user_of
from tests.integration.push_gateway.gateway_processes import GatewayProcess, gateway_processes
from tests.integration.push_gateway.store import FakeStore, fake_store

MISSED = 3
"""Changes of each user while the gateway was dead."""


@dataclass(frozen=True, kw_only=True)
class Crowded:
    """The cost of having them."""

    seconds_until_the_first: float
    opened_per_second: float
    gateway_cpu_milliseconds_per_opening: float
    queries_while_opening: int
    idle_cpu_percent: float
    rss_mib: float
    rss_kib_per_socket: float


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The cost of losing them all, from SIGKILL until each has everything."""

    gateway_cpu_seconds: float
    restart_seconds: float
    seconds_from_kill: float
    seconds_from_listening: float
    attempts_per_socket: float
    turned_away: int
    faults: int
    """Holes, repetitions and resets that the clients saw, from the first moment on."""
    tops_queries: int
    log_queries: int
    users_read: int
    """In all log queries together."""


async def crowded_then_resumed(
    sockets: int, *, idle_seconds: float, longest_wait_seconds: float
) -> tuple[Crowded, Resumed]:
    """Open `sockets`, let them be idle, kill the gateway, commit changes of every user, and start it again.

    Raises:
        RuntimeError: the system does not allow that many.
        AssertionError: somebody did not get everything within `longest_wait_seconds`.
    """
    allow_sockets(sockets)
    async with (
        fake_store() as store,
        # The store that everybody waits for is on the same machine: were it given up on, it would be asked twice.
        gateway_processes(
            1, store, gateway_max_sockets=sockets + 100, log_level="warning", store_timeout_seconds=60
        ) as [gateway],
    ):
        empty_kib, began = gateway.rss_kib, time.perf_counter()
        async with crowd(gateway.ports["gateway"], sockets) as clients:
            await clients.until_the_first(longest_wait_seconds)
            first_at, cpu_at_first = time.perf_counter(), gateway.cpu_seconds
            await clients.until_all_are_at(0, longest_wait_seconds)
            open_at, cpu_when_open = time.perf_counter(), gateway.cpu_seconds
            queries = len(store.queries) + len(store.tops_queries)
            await asyncio.sleep(idle_seconds)
            crowded = Crowded(
                seconds_until_the_first=round(first_at - began, 2),
                opened_per_second=round(sockets / (open_at - first_at)),
                gateway_cpu_milliseconds_per_opening=round((cpu_when_open - cpu_at_first) / sockets * 1000, 2),
                queries_while_opening=queries,
                idle_cpu_percent=round((gateway.cpu_seconds - cpu_when_open) / idle_seconds * 100, 1),
                rss_mib=round(gateway.rss_kib / 1024, 1),
                rss_kib_per_socket=round((gateway.rss_kib - empty_kib) / sockets, 1),
            )
            return crowded, await _resumed(gateway, store, clients, sockets, longest_wait_seconds)


async def _resumed(
    gateway: GatewayProcess, store: FakeStore, clients: Crowd, sockets: int, longest_wait_seconds: float
) -> Resumed:
    await gateway.kill()
    killed_at, attempts = time.perf_counter(), clients.total("attempts")
    for number in range(sockets):
        for _ in range(MISSED):
            store.append(user_of(number), "x" * 300)
    store.queries.clear()
    store.tops_queries.clear()
    await gateway.start()
    listening_at = time.perf_counter()
    await clients.until_all_are_at(MISSED, longest_wait_seconds)
    resumed_at = time.perf_counter()
    users = [len(query.positions) for query in store.queries]
    return Resumed(
        gateway_cpu_seconds=round(gateway.cpu_seconds, 1),
        restart_seconds=round(listening_at - killed_at, 2),
        seconds_from_kill=round(resumed_at - killed_at, 2),
        seconds_from_listening=round(resumed_at - listening_at, 2),
        attempts_per_socket=round((clients.total("attempts") - attempts) / sockets, 2),
        turned_away=round(await gateway.metric("turned_away_total")),
        faults=clients.total("faults"),
        tops_queries=len(store.tops_queries),
        log_queries=len(users),
        users_read=sum(users),
    )
