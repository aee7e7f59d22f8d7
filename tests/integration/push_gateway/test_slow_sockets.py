"""A client that does not read affects only itself."""

import asyncio
import socket as sockets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.integration.push_gateway.harness import Gateway, gateway, receive, receive_seqs, token, until, wait_closed

WRITE_BUFFER_BYTES = 64 * 1024
TEXT = "x" * 32 * 1024


@asynccontextmanager
async def unread(gw: Gateway, user_id: str, **query: Any) -> AsyncIterator[ClientConnection]:
    """Connect a client with a small receive buffer, and abort its connection at the end."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.settimeout(0)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", gw.port))
    url = gw.url(user_id, token=token(user_id), **query)
    client = await connect(url, sock=raw, compression=None, proxy=None, max_queue=1, ping_interval=None)
    try:
        yield client
    finally:
        client.transport.abort()


async def fill(gw: Gateway, user_id: str) -> int:
    """Publish changes until the user's session pauses; return how many there are."""
    async with asyncio.timeout(20):
        while gw.metric("lagging_total") == 0:
            await gw.push_changes(user_id, text=TEXT)
            await asyncio.sleep(0)
    return len(gw.store.logs[user_id])


async def test_an_unread_socket_is_bounded_delays_nobody_and_continues_from_the_log() -> None:
    async with (
        gateway(gateway_write_budget_bytes=WRITE_BUFFER_BYTES) as gw,
        unread(gw, "ada") as slow,
        gw.connect("ada") as quick,
    ):
        await receive(slow)
        await receive(quick)
        filling = asyncio.create_task(fill(gw, "ada"))
        seen = 0
        while not filling.done():
            seen += len(await receive_seqs(quick, 1))
        count = await filling
        slowest = 0.0
        for _ in range(20):
            began = time.perf_counter()
            await gw.push_changes("ada", text=TEXT)
            while seen < len(gw.store.logs["ada"]):
                seen += len(await receive_seqs(quick, 1))
            slowest = max(slowest, time.perf_counter() - began)
            assert gw.metric("buffered_bytes") <= WRITE_BUFFER_BYTES + 2 * len(TEXT)

        assert slowest < 1.0
        began = time.perf_counter()
        assert await receive_seqs(slow, count + 20) == list(range(1, count + 21))
        assert time.perf_counter() - began < 2.0, "once it reads, nothing delays it"


async def test_a_lagging_socket_is_closed_and_its_client_resumes() -> None:
    async with (
        gateway(gateway_write_budget_bytes=WRITE_BUFFER_BYTES, gateway_lagging_seconds=0.3) as gw,
        unread(gw, "ada") as slow,
    ):
        assert (await receive(slow))["type"] == "hello"
        count = await fill(gw, "ada")
        await until(lambda: gw.metric("closes_total", code="4008") == 1)

        async with asyncio.timeout(10):
            seen = [message["seq"] async for message in _messages(slow)]
        assert (await wait_closed(slow))[0] == 4008
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < count
        async with gw.connect("ada", after=len(seen), epoch="e1") as again:
            assert await receive_seqs(again, count - len(seen)) == list(range(len(seen) + 1, count + 1))


async def _messages(socket: ClientConnection) -> Any:
    while True:
        try:
            message = await receive(socket)
        except ConnectionClosed:
            return
        if "seq" in message:
            yield message


async def test_an_unread_socket_does_not_delay_shutdown() -> None:
    async with AsyncExitStack() as clients:
        async with gateway(gateway_write_budget_bytes=WRITE_BUFFER_BYTES) as gw:
            await receive(await clients.enter_async_context(unread(gw, "ada")))
            await fill(gw, "ada")
            stopping_at = time.monotonic()
        assert time.monotonic() - stopping_at < 3.5
