"""Failed calls say how they failed: a timeout is not retried at once, a closed connection is."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from enricher.graph.errors import GraphTimeout, GraphUnavailable
from enricher.media.addressing import AllowedHosts
from enricher.media.downloads import Downloader
from shared.http.client import CallFailed, CallTimedOut, call, http_client

PIECE = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx"


@asynccontextmanager
async def failing_peer(does: str) -> AsyncIterator[str]:
    """Yield the URL of a peer that is `silent`, `hangs up` at once or `in the middle`, or does `not listen`."""
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if does == "in the middle":
            writer.write(PIECE)
            await writer.drain()
        if does == "silent":
            await over.wait()
        writer.close()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        if does == "not listen":
            yield f"http://127.0.0.1:{port}"
            return
    async with await asyncio.start_server(handle, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}"
        over.set()


async def download_all(client: httpx.AsyncClient, url: str) -> None:
    downloads = Downloader(client, hosts=AllowedHosts((), url), idle_seconds=0.3, max_bytes=10_000)
    async with downloads.open(url, SecretStr("token")) as download:
        async for _ in download.chunks:
            pass


@pytest.mark.parametrize(
    ("does", "is_silent"), [("silent", True), ("hangs up", False), ("in the middle", False), ("not listen", False)]
)
async def test_only_a_silent_peer_is_a_timeout(does: str, *, is_silent: bool) -> None:
    async with failing_peer(does) as url, http_client(total_seconds=5, connections=2) as client:
        with pytest.raises(CallFailed) as failed:
            await call(client, "GET", url, total_seconds=0.3, headers={})
        with pytest.raises(GraphUnavailable) as unavailable:
            await download_all(client, url)

    assert isinstance(failed.value, CallTimedOut) is is_silent
    assert isinstance(unavailable.value, GraphTimeout) is is_silent


async def test_a_timeout_of_the_client_itself_is_a_timeout_too() -> None:
    async with failing_peer("silent") as url, http_client(total_seconds=0.2, connections=2) as client:
        with pytest.raises(CallTimedOut):
            await call(client, "GET", url, total_seconds=5, headers={})
