"""The front door of docker compose: the real nginx before upstreams that say what reached them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from push_gateway.settings import Settings as GatewaySettings
from tests.fixtures.front_door import CONFIGURATION, FrontDoor, front_door, name_server
from tests.system.running import eventually

_SECRET = "secret-of-a-customer"
_UPSTREAMS = ("INGEST", "ENRICHER", "STORE", "GATEWAY", "GATEWAY_SSE")


@asynccontextmanager
async def upstream(address: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Answer every request with its own head, after its body, and then close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length[1]) if length else 0)
            body = f"{address}\n".encode() + head
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, address, port)
    async with server:
        yield server.sockets[0].getsockname()[1]


@dataclass
class HeldRequests:
    """An upstream that answers nothing until it is released."""

    port: int = 0
    number: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def holding_upstream() -> AsyncIterator[HeldRequests]:
    held = HeldRequests()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.number += 1
        await held.released.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        held.port = server.sockets[0].getsockname()[1]
        yield held
        held.released.set()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=60, limits=limits, trust_env=False) as client:
        yield client


def at(door: FrontDoor, path: str) -> str:
    return f"http://127.0.0.1:{door.port}{path}"


@pytest.mark.parametrize("path", ["/webhooks/facebook", "/api/x", "/api/media/x", "/ws/alice", "/sse/alice"])
async def test_an_upstream_sees_the_host_with_its_port_and_the_clients_address(
    path: str, http: httpx.AsyncClient
) -> None:
    async with (
        upstream() as port,
        name_server("127.0.0.1") as names,
        front_door(dict.fromkeys(_UPSTREAMS, port), names=names) as door,
    ):
        seen = (await http.get(at(door, path))).text.lower()

    assert f"\r\nhost: 127.0.0.1:{door.port}\r\n" in seen
    assert "\r\nx-forwarded-for: 127.0.0.1\r\n" in seen


async def test_a_recreated_upstream_is_found_at_its_new_address(http: httpx.AsyncClient) -> None:
    async with (
        upstream("127.0.0.2") as port,
        upstream("127.0.0.3", port),
        name_server("127.0.0.2") as names,
        front_door({"STORE": port}, names=names) as door,
    ):
        before = await http.get(at(door, "/api/x"))
        names.address = "127.0.0.3"

        async def is_found() -> bool:
            return (await http.get(at(door, "/api/x"))).text.startswith("127.0.0.3")

        await eventually(is_found, what="the new address")

    assert before.text.startswith("127.0.0.2")


async def test_an_address_with_too_many_webhooks_at_once_gets_429_and_its_other_requests_do_not(
    http: httpx.AsyncClient,
) -> None:
    async with (
        holding_upstream() as held,
        upstream() as port,
        name_server("127.0.0.1") as names,
        front_door({"INGEST": held.port, "STORE": port}, names=names) as door,
        asyncio.TaskGroup() as group,
    ):
        requests = [group.create_task(http.post(at(door, "/webhooks/facebook"), content=b"{}")) for _ in range(150)]
        await eventually(lambda: sum(task.done() for task in requests) >= 50, what="50 refusals")
        elsewhere = await http.get(at(door, "/api/x"))
        held.released.set()
    responses = [task.result() for task in requests]
    refused = [response for response in responses if response.status_code == 429]

    assert {response.status_code for response in responses} >= {200, 429}
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert json.loads(refused[0].content)["status"] == 429
    assert elsewhere.status_code == 200


async def test_a_flood_of_requests_to_the_api_gets_429_and_webhooks_go_on(http: httpx.AsyncClient) -> None:
    """The requests are pipelined, and nobody is behind them, so that they come far faster than the limit anywhere."""
    request = b"GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with (
        upstream() as port,
        name_server("127.0.0.1") as names,
        front_door({"INGEST": port}, names=names) as door,
    ):

        async def is_limited() -> bool:
            reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(request * 900 + last)
            responses = await asyncio.wait_for(reader.read(-1), 60)
            writer.close()
            return b"HTTP/1.1 429 " in responses

        await eventually(is_limited, what="429")
        webhook = await http.post(at(door, "/webhooks/facebook"), content=b"{}")

    assert webhook.status_code == 200


async def test_a_trusted_proxy_tells_the_address_that_the_limits_count(http: httpx.AsyncClient) -> None:
    async with (
        holding_upstream() as held,
        name_server("127.0.0.1") as names,
        front_door({"INGEST": held.port}, names=names, settings={"SWITCHBOARD_TRUSTED_PROXIES": "127.0.0.0/8"}) as door,
        asyncio.TaskGroup() as group,
    ):
        requests = [
            group.create_task(
                http.post(at(door, "/webhooks/x"), content=b"{}", headers={"X-Forwarded-For": f"192.0.2.{number}"})
            )
            for number in range(150)
        ]
        await eventually(lambda: held.number == 150, what="every request at the upstream")
        held.released.set()

    assert 429 not in {task.result().status_code for task in requests}


async def test_neither_log_contains_a_query(http: httpx.AsyncClient) -> None:
    async with name_server("127.0.0.1") as names, front_door({}, names=names) as door:
        for path in ("/webhooks/x", "/api/x", "/api/media/x", "/ws/x", "/sse/x", "/nowhere"):
            await http.get(at(door, f"{path}?token={_SECRET}"), headers={"Referer": f"http://a/?q={_SECRET}"})

        await eventually(lambda: door.log.count("connect() failed") >= 5, what="the errors")
        log = door.log

    assert "/api/media/x?…" in log
    assert _SECRET not in log


async def test_a_body_is_as_large_as_ingest_accepts_and_elsewhere_small(http: httpx.AsyncClient) -> None:
    async with (
        upstream() as port,
        name_server("127.0.0.1") as names,
        front_door(
            {"INGEST": port, "STORE": port}, names=names, settings={"SWITCHBOARD_MAX_BODY_BYTES": "2000000"}
        ) as door,
    ):
        statuses = [
            (await http.post(at(door, path), content=b"x" * size)).status_code
            for path, size in (
                ("/webhooks/facebook", 2_000_001),
                ("/webhooks/facebook", 2_100_000),
                ("/api/x", 1_100_000),
            )
        ]

    assert statuses == [200, 413, 413]


def test_every_socket_that_a_gateway_accepts_fits_into_one_worker() -> None:
    words = CONFIGURATION.read_text().split()
    connections = int(words[words.index("worker_connections") + 1].rstrip(";"))

    assert connections >= 2 * GatewaySettings.model_fields["gateway_max_sockets"].default


@pytest.mark.parametrize("contact", ["mailto:security@example.com", ""])
async def test_it_names_whom_to_tell_of_a_vulnerability(http: httpx.AsyncClient, contact: str) -> None:
    settings = {"SWITCHBOARD_SECURITY_CONTACT": contact}
    async with name_server("127.0.0.1") as names, front_door({}, names=names, settings=settings) as door:
        response = await http.get(at(door, "/.well-known/security.txt"))
    assert response.status_code == (200 if contact else 404)
    if contact:
        assert re.fullmatch(
            f"Contact: {contact}\nExpires: \\d{{4}}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ\n", response.text
        )
