"""Slow handshakes, and many at once, are limited."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.push_gateway.harness import gateway, receive, until


async def test_handshakes_over_the_limit_are_refused() -> None:
    async with gateway(gateway_max_opening=3) as gw, AsyncExitStack() as idle:
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", gw.port)
            idle.callback(writer.close)
        with pytest.raises(InvalidStatus) as refused:
            await gw.connect("ada")
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "1"
        assert gw.metric("turned_away_total") == 1
        await idle.aclose()
        await until(lambda: gw.metric("opening") == 0)

        async with AsyncExitStack() as sockets:
            for number in range(10):
                socket = await sockets.enter_async_context(gw.connect(f"user-{number}"))
                assert (await receive(socket))["type"] == "hello", "sessions do not count as handshakes"


async def test_a_handshake_that_takes_too_long_is_closed() -> None:
    async with gateway(gateway_opening_seconds=0.3) as gw:
        reader, writer = await asyncio.open_connection("127.0.0.1", gw.port)
        writer.write(b"GET /ws/ada HTTP/1.1\r\n")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()
