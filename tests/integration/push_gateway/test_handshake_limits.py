"""Connections that open slowly, or all at once, cost little and not for long."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.push_gateway.harness import gateway, receive, until


async def test_handshakes_over_the_limit_are_refused() -> None:
    async with gateway(gateway_max_opening=3) as push, AsyncExitStack() as idle:
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", push.port)
            idle.callback(writer.close)
        with pytest.raises(InvalidStatus) as refused:
            await push.connect("ada")
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "1"
        assert push.metric("turned_away_total") == 1
        await idle.aclose()
        await until(lambda: push.metric("opening") == 0)

        async with AsyncExitStack() as sockets:
            for number in range(10):
                socket = await sockets.enter_async_context(push.connect(f"user-{number}"))
                assert (await receive(socket))["type"] == "hello", "sessions do not count as opening"


async def test_a_handshake_that_takes_too_long_is_closed() -> None:
    async with gateway(gateway_opening_seconds=0.3) as push:
        reader, writer = await asyncio.open_connection("127.0.0.1", push.port)
        writer.write(b"GET /ws/ada HTTP/1.1\r\n")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()
