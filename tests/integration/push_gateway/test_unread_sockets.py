"""Two hundred clients never read: the others are served in time, and memory stays bounded."""

import asyncio
import socket as sockets
import time

from websockets.asyncio.client import ClientConnection, connect

from tests.fakes.store import FakeStore, fake_store
from tests.integration.push_gateway.gateway_processes import GatewayProcess, gateway_processes
from tests.integration.push_gateway.harness import receive, receive_seqs, token

USERS = [f"user-{number}" for number in range(4)]
UNREAD_PER_USER = 50
TEXT = "x" * 16 * 1024
WRITE_BUFFER_BYTES = 64 * 1024
MAX_DELAY_SECONDS = 1.0
GROWTH_KIB = 8 * 1024
"""Less than the write buffers of half of them, and a tenth of what they are sent during the measurement."""


async def test_unread_sockets_delay_nobody_and_cost_bounded_memory() -> None:
    async with (
        fake_store() as store,
        gateway_processes(
            1,
            store,
            gateway_max_sockets_per_user=60,
            gateway_write_budget_bytes=WRITE_BUFFER_BYTES,
            gateway_lagging_seconds=300,
        ) as [gateway],
    ):
        unread = [await _connect_unread(gateway, user) for user in USERS for _ in range(UNREAD_PER_USER)]
        readers = {user: await connect(gateway.ws_url(user, token(user)), proxy=None) for user in USERS}
        for reader in readers.values():
            assert (await receive(reader))["type"] == "hello"

        slowest = 0.0
        async with asyncio.timeout(60):
            while await gateway.metric("lagging_total") < len(unread):
                slowest = max(slowest, await _push_to_all(gateway, store, readers, 20))
        full_kib = gateway.rss_kib
        for _ in range(10):
            slowest = max(slowest, await _push_to_all(gateway, store, readers, 10))
        grown_kib = gateway.rss_kib - full_kib

        assert slowest < MAX_DELAY_SECONDS
        assert grown_kib < GROWTH_KIB, f"{full_kib} KiB, then {grown_kib} KiB more"
        assert await gateway.metric("sockets") == len(unread) + len(readers)
        assert await gateway.metric("buffered_bytes") < len(unread) * (WRITE_BUFFER_BYTES + 2 * len(TEXT))
        for reader in readers.values():
            await reader.close()
        for client in unread:
            client.close()


async def test_unread_sockets_are_closed_and_their_memory_is_released() -> None:
    async with (
        fake_store() as store,
        gateway_processes(
            1,
            store,
            gateway_max_sockets_per_user=60,
            gateway_write_budget_bytes=WRITE_BUFFER_BYTES,
            gateway_lagging_seconds=1.0,
        ) as [gateway],
    ):
        unread = [await _connect_unread(gateway, user) for user in USERS for _ in range(UNREAD_PER_USER)]
        readers = {user: await connect(gateway.ws_url(user, token(user)), proxy=None) for user in USERS}
        for reader in readers.values():
            assert (await receive(reader))["type"] == "hello"

        slowest = 0.0
        async with asyncio.timeout(60):
            while await gateway.metric("closes_total", 'code="4008"') < len(unread):
                slowest = max(slowest, await _push_to_all(gateway, store, readers, 10))
            while await gateway.metric("sockets") > len(readers):
                slowest = max(slowest, await _push_to_all(gateway, store, readers, 1))

        assert slowest < MAX_DELAY_SECONDS
        assert await gateway.metric("closes_total") == len(unread), "nobody else"
        assert await gateway.metric("buffered_bytes") < len(readers) * (WRITE_BUFFER_BYTES + 2 * len(TEXT))
        for reader in readers.values():
            await reader.close()
        for client in unread:
            client.close()


async def _push_to_all(
    gateway: GatewayProcess, store: FakeStore, readers: dict[str, ClientConnection], count: int
) -> float:
    """Push to every user, one change at a time; return the longest time that a reader waited for one."""
    slowest = 0.0
    for _ in range(count):
        began = time.perf_counter()
        gateway.publish([store.append(user, TEXT) for user in readers])
        for user, reader in readers.items():
            assert await receive_seqs(reader, 1) == [len(store.logs[user])]
        slowest = max(slowest, time.perf_counter() - began)
    return slowest


async def _connect_unread(gateway: GatewayProcess, user: str) -> sockets.socket:
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", gateway.ports["gateway"]))
    request = (
        f"GET /ws/{user}?token={token(user)} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await loop.sock_sendall(raw, request.encode())
    return raw
