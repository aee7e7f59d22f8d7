"""Signed webhooks as complete HTTP requests, built before the measurement, and a minimal HTTP client."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self, cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from bench.pipeline_load.target import Target
from simulator import bodies, signing
from simulator.languages import load_languages
from simulator.pages import Page

_ID_DIGITS = 9
_PAD = "x" * 60  # makes message IDs about as long as real ones
_STALE_SECONDS = 15.0


def message_prefix(run: str) -> str:
    """Return the prefix of this run's message IDs."""
    return f"bench-{run}-"


def index_in(message_id: str, prefix: str) -> int | None:
    """Return the index of the message's webhook; None if the message is not of this run."""
    if not message_id.startswith(prefix):
        return None
    return int(message_id[len(prefix) : len(prefix) + _ID_DIGITS])


def build_requests(target: Target, run: str, of_pages: Sequence[Page], *, customers: int, number: int) -> list[bytes]:
    """Return `number` HTTP requests, each a signed webhook with one new text message.

    Webhook i goes to page i modulo pages; the `customers` of a page take turns.
    """
    url = urlsplit(target.webhooks)
    secret = SecretStr(target.app_secret)
    texts = [
        line for language in load_languages() for talk in language.conversations for who, line in talk if who != "page"
    ]
    prefix, now = message_prefix(run), datetime.now(UTC)
    requests = []
    for index in range(number):
        page = of_pages[index % len(of_pages)]
        customer = f"{2_000_000_000_000_000 + (index // len(of_pages)) % customers}"
        message_id = f"{prefix}{index:0{_ID_DIGITS}d}-{_PAD}"
        text = texts[index % len(texts)]
        webhook = bodies.text_message(page, customer, "Bench", at=now, message_id=message_id, content=text)
        raw = signing.serialize(webhook.body)
        head = (
            f"POST {url.path}/{page.platform} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
            f"User-Agent: facebookexternalua\r\n{signing.SIGNATURE_HEADER}: {signing.signature(raw, secret)}\r\n"
            f"Content-Length: {len(raw)}\r\n\r\n"
        )
        requests.append(head.encode() + raw)
    return requests


class _Connection(asyncio.Protocol):
    """A keep-alive HTTP/1.1 connection for one request at a time; parses only what it needs of a response."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.since = 0.0
        self._response: asyncio.Future[int] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's transport does not inherit from it

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.transport = None
        self._end(0)

    def post(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; the future returns the status, 0 if the connection is lost."""
        assert self.transport is not None
        self._response = asyncio.get_running_loop().create_future()
        self.since = time.perf_counter()
        self.transport.write(request)
        return self._response

    def abort_when_stale(self) -> None:
        """Abort the connection if its response is overdue."""
        if self.transport and self._response and time.perf_counter() - self.since > _STALE_SECONDS:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received = received = self._received + data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = received[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(received) < end + 4 + length:
            return
        self._received = b""
        if b"connection: close" in head and self.transport:
            self.transport.close()
            self.transport = None
        self._end(int(head[9:12]))

    def _end(self, status: int) -> None:
        if self._response is not None and not self._response.done():
            self._response.set_result(status)
        self._response = None


class Sender:
    """A pool of `connections` connections, which limits concurrent requests. Use it as a context."""

    def __init__(self, target: Target, requests: Sequence[bytes], *, connections: int) -> None:
        self._url = urlsplit(target.webhooks)
        self._requests = requests
        self._idle: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        self._all = [_Connection() for _ in range(connections)]

    async def __aenter__(self) -> Self:
        for connection in self._all:
            self._idle.put_nowait(connection)
        self._watch = asyncio.create_task(self._abort_stale())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watch.cancel()
        for connection in self._all:
            if connection.transport:
                connection.transport.abort()
        await asyncio.sleep(0)  # a transport closes in the next iteration of the loop

    async def post(self, index: int) -> int:
        """Send webhook `index`; return the status, 0 without a response."""
        connection = await self._idle.get()
        try:
            if connection.transport is None:
                await self._connect(connection)
            if connection.transport is None:
                return 0
            return await connection.post(self._requests[index])
        except OSError:
            return 0
        finally:
            self._idle.put_nowait(connection)

    async def _connect(self, connection: _Connection) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: connection, self._url.hostname or "", self._url.port or 80)

    async def _abort_stale(self) -> None:
        while True:
            await asyncio.sleep(1)
            for connection in self._all:
                connection.abort_when_stale()
