"""A client that does not read costs itself, and nobody else."""

import asyncio
import socket as sockets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.integration.push_gateway.harness import Gateway, close_of, gateway, receive, receive_seqs, token, until

BUDGET_BYTES = 64 * 1024
TEXT = "x" * 32 * 1024


@asynccontextmanager
async def unread(push: Gateway, user_id: str, **query: Any) -> AsyncIterator[ClientConnection]:
    """Connect a client that takes little before it is read from, and goes without a word."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.settimeout(0)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", push.port))
    url = push.url(user_id, token=token(user_id), **query)
    client = await connect(url, sock=raw, compression=None, proxy=None, max_queue=1, ping_interval=None)
    try:
        yield client
    finally:
        client.transport.abort()


async def fill(push: Gateway, user_id: str) -> int:
    """Push until the user's socket is no longer fed; return how many changes there are."""
    async with asyncio.timeout(20):
        while push.metric("lagging_total") == 0:
            await push.push(user_id, text=TEXT)
            await asyncio.sleep(0)
    return len(push.store.logs[user_id])


async def test_an_unread_socket_is_bounded_delays_nobody_and_continues_from_the_log() -> None:
    async with (
        gateway(gateway_write_budget_bytes=BUDGET_BYTES) as push,
        unread(push, "ada") as slow,
        push.connect("ada") as quick,
    ):
        await receive(slow)
        await receive(quick)
        filling = asyncio.create_task(fill(push, "ada"))
        seen = 0
        while not filling.done():
            seen += len(await receive_seqs(quick, 1))
        count = await filling
        slowest = 0.0
        for _ in range(20):
            began = time.perf_counter()
            await push.push("ada", text=TEXT)
            while seen < len(push.store.logs["ada"]):
                seen += len(await receive_seqs(quick, 1))
            slowest = max(slowest, time.perf_counter() - began)
            assert push.metric("buffered_bytes") <= BUDGET_BYTES + 2 * len(TEXT)

        assert slowest < 1.0
        began = time.perf_counter()
        assert await receive_seqs(slow, count + 20) == list(range(1, count + 21))
        assert time.perf_counter() - began < 2.0, "once it reads, it is fed without pauses"


async def test_a_lagging_socket_is_closed_and_its_client_resumes() -> None:
    async with (
        gateway(gateway_write_budget_bytes=BUDGET_BYTES, gateway_lagging_seconds=0.3) as push,
        unread(push, "ada") as slow,
    ):
        assert (await receive(slow))["type"] == "hello"
        count = await fill(push, "ada")
        await until(lambda: push.metric("closes_total", code="4008") == 1)

        async with asyncio.timeout(10):
            seen = [message["seq"] async for message in _messages(slow)]
        assert (await close_of(slow))[0] == 4008
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < count
        async with push.connect("ada", after=len(seen), epoch="e1") as again:
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
        async with gateway(gateway_write_budget_bytes=BUDGET_BYTES) as push:
            await receive(await clients.enter_async_context(unread(push, "ada")))
            await fill(push, "ada")
            stopping_at = time.monotonic()
        assert time.monotonic() - stopping_at < 3.5
