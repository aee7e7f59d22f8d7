"""Measures what many clients cost one gateway process: connecting, idling, and resuming after it was killed."""

import asyncio
import time
from dataclasses import dataclass

from tests.fakes.store import FakeStore, fake_store
from tests.integration.push_gateway.client_processes import ClientPool, allow_sockets, connected_clients, user_id
from tests.integration.push_gateway.gateway_processes import GatewayProcess, gateway_processes

MISSED_CHANGES = 3
"""Changes per user while the gateway is dead."""


@dataclass(frozen=True, kw_only=True)
class ConnectionCost:
    """Connecting and idling."""

    seconds_until_the_first: float
    opened_per_second: float
    gateway_cpu_milliseconds_per_opening: float
    queries_while_opening: int
    idle_cpu_percent: float
    rss_mib: float
    rss_kib_per_socket: float


@dataclass(frozen=True, kw_only=True)
class ReconnectCost:
    """From SIGKILL until every client has received everything."""

    gateway_cpu_seconds: float
    restart_seconds: float
    seconds_from_kill: float
    seconds_from_listening: float
    attempts_per_socket: float
    turned_away: int
    faults: int
    """Gaps, duplicates and resets that clients received at any time."""
    tops_queries: int
    log_queries: int
    users_read: int
    """Sum over all log queries."""


async def measure_reconnect_storm(
    sockets: int, *, idle_seconds: float, timeout_seconds: float
) -> tuple[ConnectionCost, ReconnectCost]:
    """Connect clients, let them idle, kill the gateway, commit changes for every user, and start it again.

    Args:
        sockets: Number of clients, each of another user.
        idle_seconds: How long to measure idle clients.
        timeout_seconds: How long connecting, and resuming, may take.

    Raises:
        RuntimeError: The system allows fewer open files.
        AssertionError: A client did not receive everything in time.
    """
    allow_sockets(sockets)
    async with (
        fake_store() as store,
        # The store runs on the same busy machine: a timeout would make the gateway query it twice.
        gateway_processes(
            1, store, gateway_max_sockets=sockets + 100, log_level="warning", store_timeout_seconds=60
        ) as [gateway],
    ):
        empty_kib, began = gateway.rss_kib, time.perf_counter()
        async with connected_clients(gateway.ports["gateway"], sockets) as clients:
            await clients.wait_for_first(timeout_seconds)
            first_at, cpu_at_first = time.perf_counter(), gateway.cpu_seconds
            await clients.wait_until_all_at(0, timeout_seconds)
            open_at, cpu_when_open = time.perf_counter(), gateway.cpu_seconds
            queries = len(store.log_requests) + len(store.tops_requests)
            await asyncio.sleep(idle_seconds)
            connection_cost = ConnectionCost(
                seconds_until_the_first=round(first_at - began, 2),
                opened_per_second=round(sockets / (open_at - first_at)),
                gateway_cpu_milliseconds_per_opening=round((cpu_when_open - cpu_at_first) / sockets * 1000, 2),
                queries_while_opening=queries,
                idle_cpu_percent=round((gateway.cpu_seconds - cpu_when_open) / idle_seconds * 100, 1),
                rss_mib=round(gateway.rss_kib / 1024, 1),
                rss_kib_per_socket=round((gateway.rss_kib - empty_kib) / sockets, 1),
            )
            return connection_cost, await _resumed(gateway, store, clients, sockets, timeout_seconds)


async def _resumed(
    gateway: GatewayProcess, store: FakeStore, clients: ClientPool, sockets: int, timeout_seconds: float
) -> ReconnectCost:
    await gateway.kill()
    killed_at, attempts = time.perf_counter(), clients.total("attempts")
    for number in range(sockets):
        for _ in range(MISSED_CHANGES):
            store.append(user_id(number), "x" * 300)
    store.log_requests.clear()
    store.tops_requests.clear()
    await gateway.start()
    listening_at = time.perf_counter()
    await clients.wait_until_all_at(MISSED_CHANGES, timeout_seconds)
    resumed_at = time.perf_counter()
    users = [len(query.positions) for query in store.log_requests]
    return ReconnectCost(
        gateway_cpu_seconds=round(gateway.cpu_seconds, 1),
        restart_seconds=round(listening_at - killed_at, 2),
        seconds_from_kill=round(resumed_at - killed_at, 2),
        seconds_from_listening=round(resumed_at - listening_at, 2),
        attempts_per_socket=round((clients.total("attempts") - attempts) / sockets, 2),
        turned_away=round(await gateway.metric("turned_away_total")),
        faults=clients.total("faults"),
        tops_queries=len(store.tops_requests),
        log_queries=len(users),
        users_read=sum(users),
    )
