"""CPU time of a call to the Graph API: httpx on its own transport and on aiohttp's, side by side.

Run from the root: python -m bench.graph_client [calls]. The server is a separate process that responds like the Graph
API. Both warmed-up clients take turns at the same calls, with 1, 20 and 100 concurrent calls.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Any

import httpx
from pydantic import SecretStr

from enricher.graph.client import GraphClient
from shared.contracts.internal import PageKey
from shared.http.client import http_client
from shared.security.app_secrets import AppSecrets, parse_app_secrets

SERVER = """
import asyncio, sys
BODY = b'{"name":"Ada Lovelace","first_name":"Ada","last_name":"Lovelace","profile_pic":"https://cdn.example/a","id":"1"}'
USAGE = b'X-App-Usage: {"call_count":28,"total_cputime":25,"total_time":25}\\r\\n'
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n" + USAGE
RESPONSE = HEAD + b"Content-Length: %d\\r\\n\\r\\n" % len(BODY) + BODY
class Graph(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.read = transport, b""
    def data_received(self, data):
        self.read += data
        while b"\\r\\n\\r\\n" in self.read:
            _, _, self.read = self.read.partition(b"\\r\\n\\r\\n")
            self.transport.write(RESPONSE)
async def main():
    server = await asyncio.get_running_loop().create_server(Graph, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
ROUNDS = 5
LEVELS = (1, 20, 100)


def own_transport() -> httpx.AsyncClient:
    """Return httpx on its own transport."""
    return httpx.AsyncClient(limits=httpx.Limits(max_connections=100), timeout=60.0, follow_redirects=False)


def aiohttp_transport() -> httpx.AsyncClient:
    """Return httpx on aiohttp's transport, as the service uses it."""
    return http_client(total_seconds=60.0, connections=100)


CLIENTS: dict[str, Callable[[], httpx.AsyncClient]] = {
    "httpx, its own transport": own_transport,
    "httpx on aiohttp": aiohttp_transport,
}


@asynccontextmanager
async def server() -> Any:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


def graph_client(connection: httpx.AsyncClient, url: str) -> GraphClient:
    return GraphClient(
        connection,
        url=url,
        instagram_url=url,
        version="v25.0",
        app_secrets=AppSecrets(parse_app_secrets(["app-secret"])),
        timeout_seconds=60.0,
        on_usage=lambda _, __: None,
        utc_now=lambda: datetime.now(UTC),
    )


async def calls(graph: GraphClient, number: int, concurrency: int) -> tuple[float, float]:
    """Make `number` calls; return microseconds of CPU time and of wall-clock time per call."""
    token = SecretStr("EAAB-token")
    left = iter(range(number))

    async def caller() -> None:
        for at in left:
            profile = await graph.profile(PageKey(platform="facebook", page_id="page"), f"{at}", token)
            assert profile.name

    started, started_cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(concurrency)))
    return (time.process_time() - started_cpu) / number * 1e6, (time.perf_counter() - started) / number * 1e6


async def main(number: int) -> None:
    print(f"{'':26}" + "".join(f"{concurrency:>4} parallel" for concurrency in LEVELS) + "   (us CPU a call; us wall)")
    async with server() as url:
        opened = {name: make() for name, make in CLIENTS.items()}
        graphs = {name: graph_client(connection, url) for name, connection in opened.items()}
        results: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for concurrency in LEVELS:
            for graph in graphs.values():
                await calls(graph, max(number // 4, concurrency), concurrency)
            for _ in range(ROUNDS):
                for name, graph in graphs.items():
                    results.setdefault((name, concurrency), []).append(await calls(graph, number, concurrency))
        for name in graphs:
            cells = [
                f"{median(cpu for cpu, _ in found):7.0f};{median(wall for _, wall in found):6.0f}  "
                for found in (results[name, concurrency] for concurrency in LEVELS)
            ]
            print(f"{name:26}" + " ".join(cells))
        for connection in opened.values():
            await connection.aclose()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000))
