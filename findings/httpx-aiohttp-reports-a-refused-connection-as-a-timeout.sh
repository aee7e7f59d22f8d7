#!/usr/bin/env bash
# httpx-aiohttp 0.2.0 (httpx 0.28.1, aiohttp 3.14.5) raises httpx.ConnectTimeout at once for a refused connection and
# for a connection that the server closes before it answers. httpx's own transport raises ConnectError and
# RemoteProtocolError. Code that tells "slow" from "down" by the exception type decides wrongly with this transport; the
# aiohttp error in __cause__ tells the truth.
# Seen 2026-11-30: "refused ConnectError ConnectTimeout" and "dropped RemoteProtocolError ConnectTimeout", each within
# milliseconds of a 30 s timeout.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check httpx==0.28.1 httpx-aiohttp==0.2.0 aiohttp==3.14.5
cat > "$folder/run.py" <<'PYTHON'
import asyncio
import socket
import time

import httpx
from httpx_aiohttp import AiohttpTransport


async def failure(transport: httpx.AsyncBaseTransport | None, port: int) -> tuple[str, str]:
    async with httpx.AsyncClient(transport=transport, timeout=30, trust_env=False) as client:
        started = time.monotonic()
        try:
            await client.get(f"http://127.0.0.1:{port}/")
        except httpx.HTTPError as error:
            assert time.monotonic() - started < 5, "it really waited"
            return type(error).__name__, type(error.__cause__).__name__
    raise SystemExit("the request did not fail")


async def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        unused_port = free.getsockname()[1]

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(drop, "127.0.0.1", 0)
    dropping_port = server.sockets[0].getsockname()[1]
    seen = {}
    for what, port in (("refused", unused_port), ("dropped", dropping_port)):
        own, _ = await failure(None, port)
        other, cause = await failure(AiohttpTransport(), port)
        seen[what] = (own, other, cause)
        print(what, *seen[what])
    server.close()
    assert seen == {
        "refused": ("ConnectError", "ConnectTimeout", "ClientConnectorError"),
        "dropped": ("RemoteProtocolError", "ConnectTimeout", "ServerDisconnectedError"),
    }, "the behaviour has changed"


asyncio.run(main())
PYTHON
"$folder/venv/bin/python" "$folder/run.py"
