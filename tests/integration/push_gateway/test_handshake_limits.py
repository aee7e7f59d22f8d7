"""Slow handshakes, and many at once, are limited."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.integration.push_gateway.harness import gateway, receive, token, until

SIGNED = jwt.encode(
    {"sub": "ada", "exp": 2**40, "iat": 0, "iss": "idp", "aud": "us"},
    ec.generate_private_key(ec.SECP256R1()),
    "ES256",
    headers={"kid": "ours"},
)
UPGRADE = (
    b"GET /ws/ada?token=x HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
FROM_ONE, FROM_ANOTHER = ("X-Forwarded-For", "203.0.113.1"), ("X-Forwarded-For", "198.51.100.7")


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


async def test_one_address_with_all_handshakes_keeps_no_other_out() -> None:
    async with gateway(gateway_max_opening=20) as gw, AsyncExitStack() as crowd:
        for _ in range(60):
            _, writer = await asyncio.open_connection("127.0.0.1", gw.port)
            crowd.callback(writer.close)
        await until(lambda: gw.metric("turned_away_total") == 40)

        for number in range(5):
            async with connect(
                gw.url(f"user-{number}", token=token(f"user-{number}")), proxy=None, local_addr=("127.0.0.2", 0)
            ) as socket:
                assert (await receive(socket))["type"] == "hello"
        assert gw.metric("gave_way_total") >= 1


async def test_clients_behind_a_trusted_proxy_have_shares_of_their_own() -> None:
    async with (
        never_answering() as key_set,
        gateway(
            gateway_max_opening=3,
            trusted_proxies="127.0.0.0/8",
            jwt_secret=None,
            jwt_issuer="idp",
            jwt_audience="us",
            jwks_url=key_set,
        ) as gw,
        AsyncExitStack() as sockets,
    ):
        for _ in range(3):
            crowd = connect(gw.url("ada", token=SIGNED), proxy=None, additional_headers=[FROM_ONE])
            await sockets.enter_async_context(crowd)  # and waits for the keys
        assert gw.metric("opening") == 3

        other = connect(gw.url("ada", token=SIGNED), proxy=None, additional_headers=[FROM_ANOTHER])
        await sockets.enter_async_context(other)
        assert gw.metric("gave_way_total") == 1


@asynccontextmanager
async def never_answering() -> AsyncIterator[str]:
    """Serve a key set that never arrives."""
    released = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
        released.set()


async def test_a_handshake_that_takes_too_long_is_closed() -> None:
    async with gateway(gateway_opening_seconds=0.3) as gw:
        reader, writer = await asyncio.open_connection("127.0.0.1", gw.port)
        writer.write(b"GET /ws/ada HTTP/1.1\r\n")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()


async def test_a_refused_client_counts_until_its_connection_has_ended() -> None:
    async with gateway() as gw:
        reader, writer = await asyncio.open_connection("127.0.0.1", gw.port)
        try:
            writer.write(UPGRADE)
            await asyncio.wait_for(reader.readuntil(b"\x0f\xa1"), 10)  # close code 4001, which it never answers
            assert gw.metric("opening") == 1
        finally:
            writer.close()
        await until(lambda: gw.metric("opening") == 0)
