"""The development proxy over real sockets: whatever it need not understand passes unchanged."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from switchboard.dev_proxy import dev_proxy, rewritten, route

Backend = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def behind(backend: Backend) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await backend(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def exchange(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    response = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return response


def test_the_longest_prefix_that_ends_at_a_slash_decides() -> None:
    routes = {"/api": 1, "/api/v2": 2, "/": 3}

    assert [route(path, routes) for path in ("/api", "/api/x", "/api/v2/x", "/apix", "/")] == [1, 1, 2, 3, 3]
    assert route("/internal/x", {"/api": 1}) is None


def test_an_upgrade_keeps_its_connection_header_and_nothing_else_does() -> None:
    upgrade = b"GET /ws/1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    assert rewritten(upgrade) == upgrade
    assert (
        rewritten(b"GET / HTTP/1.1\r\nconnection: keep-alive\r\nHost: a\r\n\r\n")
        == b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )


_UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
_SECOND = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(b"GET /x HTTP/1.1\r\nHost: a\r\n" + _UPGRADE, id="refused upgrade"),
        pytest.param(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" + _UPGRADE, id="with a body"),
        pytest.param(
            b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", id="to something else"
        ),
    ],
)
async def test_an_upgrade_that_is_refused_lets_no_second_request_through(request_head: bytes) -> None:
    """The backend keeps its connections alive unless it is asked to close them, as a server of HTTP/1.1 does."""
    seen: list[bytes] = []

    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen.append(head.split()[1])
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
                await writer.drain()
                if b"Connection: close" in head:
                    break

    async with behind(backend) as port, dev_proxy({"/x": port}, host="127.0.0.1", port=0) as (_, front):
        response = await exchange(front, request_head + _SECOND)

    assert seen == [b"/x"]
    assert response.startswith(b"HTTP/1.1 200 OK")
    assert response.count(b"fine") == 1


async def test_an_accepted_upgrade_is_a_tunnel_also_for_what_came_early() -> None:
    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
        writer.write(await reader.readexactly(5))
        await writer.drain()

    async with behind(backend) as port, dev_proxy({"/x": port}, host="127.0.0.1", port=0) as (_, front):
        response = await exchange(front, b"GET /x HTTP/1.1\r\nHost: a\r\n" + _UPGRADE + b"early")

    assert response.endswith(b"\r\n\r\nearly")


async def test_a_body_and_its_response_pass_byte_for_byte() -> None:
    seen = bytearray()

    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.extend(await reader.readexactly(200_000))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + head)
        await writer.drain()

    body = bytes(range(256)) * 1000
    async with behind(backend) as port, dev_proxy({"/x": port}, host="127.0.0.1", port=0) as (_, front):
        response = await exchange(front, b"POST /x?y=/z HTTP/1.1\r\nContent-Length: 200000\r\n\r\n" + body[:200_000])

    assert bytes(seen) == body[:200_000]
    assert response.startswith(b"HTTP/1.1 200 OK")
    assert b"Connection: close" in response


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        pytest.param(b"GET /elsewhere HTTP/1.1\r\n\r\n", b"404", id="no route"),
        pytest.param(b"nonsense\r\n\r\n", b"400", id="not HTTP"),
        pytest.param(b"GET /x HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", b"431", id="huge head"),
        pytest.param(b"GET /x HTTP/1.1\r\n\r\n", b"503", id="nobody behind"),
    ],
)
async def test_a_request_that_cannot_be_forwarded_gets_an_error_response(request_head: bytes, status: bytes) -> None:
    async with dev_proxy({"/x": 1}, host="127.0.0.1", port=0) as (_, front):
        response = await exchange(front, request_head)

    assert response.split()[1] == status


async def test_without_routes_a_client_is_asked_to_retry() -> None:
    async def backend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + await reader.readuntil(b"\r\n\r\n"))

    routes: dict[str, int] = {}
    async with behind(backend) as port, dev_proxy(routes, host="127.0.0.1", port=0) as (_, front):
        early = await exchange(front, b"GET /x HTTP/1.1\r\n\r\n")
        routes["/x"] = port
        late = await exchange(front, b"GET /x HTTP/1.1\r\n\r\n")

    assert early.split()[1] == b"503"
    assert b"Retry-After: 1" in early
    assert late.split()[1] == b"200"


async def test_stopping_cuts_every_connection_except_those_to_draining_ports() -> None:
    """The cut connection has sent half a request, which its service does not read."""
    gone = asyncio.Event()

    async def waiting(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        gone.set()

    async def parting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await gone.wait()
        writer.write(b"good bye")

    async with behind(waiting) as cut, behind(parting) as kept, asyncio.timeout(5):
        async with dev_proxy({"/": cut, "/ws": kept}, host="127.0.0.1", port=0) as (proxy, front):
            reader, writer = await asyncio.open_connection("127.0.0.1", front)
            writer.write(b"GET /ws HTTP/1.1\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n")
            unfinished = await asyncio.open_connection("127.0.0.1", front)
            unfinished[1].write(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
            silent = await asyncio.open_connection("127.0.0.1", front)
            while set(proxy._connections.values()) != {kept, cut, None}:  # noqa: ASYNC110 - nothing wakes us for that
                await asyncio.sleep(0.001)
            proxy.stop(all_but=[kept])

            assert await unfinished[0].read() == b""
            assert await silent[0].read() == b""
            assert await reader.read() == b"good bye"
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", front)
        for _, open_writer in (unfinished, silent, (reader, writer)):
            open_writer.close()


async def test_leaving_the_context_ends_open_connections() -> None:
    async def backend(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with behind(backend) as port:
        async with dev_proxy({"/": port}, host="127.0.0.1", port=0) as (_, front):
            reader, writer = await asyncio.open_connection("127.0.0.1", front)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await asyncio.sleep(0.05)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
