"""The HTTP server of every service, with clients that send slowly, too much, or never to the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse

from shared.http.intake import Intake, IntakeLimits
from shared.http.server import serving

WAIT_SECONDS = 20.0
KIB = 1024
HEAD = b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


@dataclass
class App:
    """Reads bodies and answers: at `/early` before, at `/wait` after `release`, at `/stream` without end."""

    release: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    disconnects: int = 0
    read: list[int] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        try:
            if not request.url.path.startswith("/early"):
                self.read.append(len(await request.body()))
        except ClientDisconnect:
            self.disconnects += 1
            return
        if request.url.path == "/wait":
            self.waiting += 1
            await self.release.wait()
        if request.url.path == "/stream":
            await self._stream(receive, send)
        else:
            await PlainTextResponse("fine")(scope, receive, send)

    async def _stream(self, receive: Any, send: Any) -> None:
        async def wait_for_disconnect() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.waiting += 1
        disconnecting = asyncio.create_task(wait_for_disconnect())
        while not disconnecting.done():
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.01)
        self.disconnects += 1


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        with suppress(ConnectionResetError):
            await self._writer.drain()

    async def post(self, path: bytes, body: bytes, *, declared_bytes: int | None = None) -> None:
        await self.send(HEAD % (path, len(body) if declared_bytes is None else declared_bytes) + body)

    async def response(self) -> tuple[int, str]:
        """Return the status and the whole head of the next response."""
        head = (await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), WAIT_SECONDS)).decode().lower()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length:"))
        await asyncio.wait_for(self._reader.readexactly(length), WAIT_SECONDS)
        return int(head.split()[1]), head

    async def closed(self) -> bytes:
        """Wait until the server has closed the connection, and return what it had sent."""
        try:
            return await asyncio.wait_for(self._reader.read(), WAIT_SECONDS)
        except ConnectionResetError:
            return b""

    async def leave(self) -> None:
        self._writer.close()


@dataclass
class Running:
    app: App
    intake: Intake
    registry: CollectorRegistry
    connect: Callable[[], Any]

    def holds(self, count: int) -> bool:
        return self.intake.bytes_in_flight >= count

    def refused(self, reason: str) -> float:
        return self.registry.get_sample_value("switchboard_requests_refused_total", {"reason": reason}) or 0.0


@asynccontextmanager
async def running(**limits: Any) -> AsyncIterator[Running]:
    app, registry = App(), CollectorRegistry()
    intake = Intake(IntakeLimits(**limits), registry)
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(app, host="127.0.0.1", port=0, grace_seconds=1, intake=intake))

        async def connect() -> Client:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            return Client(reader, writer)

        yield Running(app, intake, registry, connect)
        app.release.set()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - the state of the server, which tells nobody
            await asyncio.sleep(0.005)


async def test_a_body_that_stays_away_is_refused_and_its_application_told() -> None:
    async with running(body_grace_seconds=0.3) as server:
        client = await server.connect()
        await client.post(b"read", b"", declared_bytes=4_000_000)
        status, head = await client.response()

        assert status == 408
        assert "connection: close" in head
        assert await client.closed() == b""
        await until(lambda: server.app.disconnects == 1)
        assert server.refused("slow_body") == 1


async def test_a_body_that_trickles_is_refused_however_often_a_byte_arrives() -> None:
    async with running(body_grace_seconds=0.2, body_bytes_per_second=10_000) as server:
        client = await server.connect()
        await client.post(b"read", b"", declared_bytes=4_000_000)

        async def trickle() -> None:
            while True:
                await client.send(b"x")
                await asyncio.sleep(0.01)

        trickling = asyncio.create_task(trickle())
        status, _ = await client.response()
        trickling.cancel()
        await asyncio.wait({trickling})

        assert status == 408


async def test_a_body_that_arrives_at_the_rate_may_take_longer_than_the_grace() -> None:
    async with running(body_grace_seconds=0.3, body_bytes_per_second=1.0) as server:
        client = await server.connect()
        await client.post(b"read", b"x" * 100, declared_bytes=101)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await until(lambda: loop.time() - began > 0.5)
        await client.send(b"x")

        assert (await client.response())[0] == 200


async def test_a_body_is_refused_after_the_total_time_however_fast_it_is() -> None:
    async with running(body_seconds=0.5, body_grace_seconds=0.1, body_bytes_per_second=1.0) as server:
        client = await server.connect()
        await client.post(b"read", b"x" * 100_000, declared_bytes=4_000_000)

        assert (await client.response())[0] == 408


async def test_a_body_that_was_answered_early_may_not_keep_the_connection_open() -> None:
    async with running(body_grace_seconds=0.3) as server:
        client = await server.connect()
        await client.post(b"early", b"x", declared_bytes=4_000_000)

        assert (await client.response())[0] == 200
        assert await client.closed() == b"", "the request has its answer already"
        await until(lambda: server.intake.bytes_in_flight == 0)


async def test_a_body_that_was_answered_early_is_read_to_its_end_and_the_connection_goes_on() -> None:
    async with running(idle_seconds=2.0) as server:
        client = await server.connect()
        await client.post(b"early", b"x" * 100, declared_bytes=300_000)
        assert (await client.response())[0] == 200
        await client.send(b"x" * 299_900 + HEAD % (b"read", 3) + b"123")

        assert (await client.response())[0] == 200
        assert server.app.read == [3]
        await client.post(b"early", b"", declared_bytes=3)
        assert (await client.response())[0] == 200
        await client.send(b"123")
        await until(lambda: server.intake.bytes_in_flight == 0)
        assert await client.closed() == b"", "the idle connection ends"


async def test_a_connection_that_only_sends_blank_lines_ends() -> None:
    async with running(idle_seconds=0.5) as server:
        client = await server.connect()
        await client.post(b"read", b"123")
        assert (await client.response())[0] == 200
        await client.send(b"\r\n")

        assert await client.closed() == b""
        assert server.intake.bytes_in_flight == 0


async def test_a_head_that_takes_too_long_is_refused() -> None:
    async with running(head_seconds=0.3) as server:
        silent, slow = await server.connect(), await server.connect()
        await slow.send(b"GET / HTTP/1.1\r\n")

        assert (await slow.response())[0] == 408
        assert await silent.closed() == b""
        assert server.refused("slow_head") == 1


async def test_a_head_without_end_is_refused() -> None:
    async with running(head_bytes=4 * KIB) as server:
        client = await server.connect()
        await client.send(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 8 * KIB)

        assert (await client.response())[0] == 431
        await until(lambda: server.intake.bytes_in_flight == 0)


async def test_the_slowest_body_gives_way_when_there_are_too_many_bytes() -> None:
    async with running(bytes_in_flight=64 * KIB, body_grace_seconds=60.0) as server:
        clients: list[Client] = []
        for _ in range(4):
            clients.append(await server.connect())
            await clients[-1].post(b"read", b"x" * 14 * KIB, declared_bytes=4_000_000)
            await until(partial(server.holds, len(clients) * 14 * KIB))
        newcomer = await server.connect()
        await newcomer.post(b"read", b"x" * 14 * KIB)

        assert (await newcomer.response())[0] == 200
        status, head = await clients[0].response()
        assert (status, "retry-after: 2" in head) == (503, True)
        assert server.refused("overloaded") == 1
        assert server.intake.bytes_in_flight <= 64 * KIB
        for client in clients[1:]:
            await client.leave()
        await until(lambda: server.intake.bytes_in_flight == 0)


async def test_a_body_is_refused_while_the_requests_in_progress_hold_all_bytes() -> None:
    async with running(bytes_in_flight=64 * KIB) as server:
        clients = [await server.connect() for _ in range(3)]
        for client in clients:
            await client.post(b"wait", b"x" * 20 * KIB)
        await until(lambda: server.app.waiting == 3)
        newcomer, probe = await server.connect(), await server.connect()
        await newcomer.post(b"read", b"x" * 20 * KIB)
        await probe.send(b"GET /early HTTP/1.1\r\nHost: x\r\n\r\n")

        assert (await newcomer.response())[0] == 503
        assert (await probe.response())[0] == 200, "probes have no body"
        server.app.release.set()
        for client in clients:
            assert (await client.response())[0] == 200
        assert server.app.read == [20 * KIB] * 3
        await until(lambda: server.intake.bytes_in_flight == 0)


async def test_requests_that_are_sent_ahead_are_answered_in_order_and_their_bytes_let_go() -> None:
    async with running() as server:
        client = await server.connect()
        await client.send(b"".join(HEAD % (b"read", count) + b"x" * count for count in range(1, 30)))

        for _ in range(1, 30):
            assert (await client.response())[0] == 200
        assert server.app.read == list(range(1, 30))
        await until(lambda: server.intake.bytes_in_flight == 0)


async def test_a_client_that_leaves_with_requests_sent_ahead_ends_the_one_in_progress() -> None:
    async with running() as server:
        client = await server.connect()
        await client.post(b"stream", b"123")
        await until(lambda: server.app.waiting == 1)
        await client.post(b"read", b"456")
        await until(lambda: server.intake.bytes_in_flight > 100)
        await client.leave()

        await until(lambda: server.app.disconnects == 1)
        await until(lambda: server.intake.bytes_in_flight == 0)
        assert server.app.read == [3]
