"""Typing, presence and read marks: what clients tell each other and the store."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from websockets.asyncio.client import ClientConnection, connect

from shared.contracts.internal import ReadRequest
from shared.messaging.local import LocalBroker
from tests.fakes.store import fake_store
from tests.integration.push_gateway.harness import JWT_SECRET, Gateway, gateway, receive, until, wait_closed
from tests.integration.push_gateway.sse_client import stream


async def next_data(socket: ClientConnection, kind: str, seconds: float = 10.0) -> Any:
    """Return `data` of the next frame of `kind`."""
    while (message := await receive(socket, seconds, presence=True))["type"] != kind:
        pass
    return message["data"]


async def send(socket: ClientConnection, **frame: object) -> None:
    await socket.send(json.dumps(frame))


async def received_types(socket: ClientConnection) -> list[str]:
    """Return the types of the frames that arrived before the answer to a ping."""
    await socket.send("ping")
    types: list[str] = []
    while (message := await receive(socket, presence=True))["type"] != "pong":
        types.append(message["type"])
    return types


async def is_silent(socket: ClientConnection) -> bool:
    return await received_types(socket) == []


@asynccontextmanager
async def connected(gw: Gateway, user_id: str, client: str, **query: Any) -> AsyncIterator[ClientConnection]:
    async with gw.connect(user_id, client=client, **query) as socket:
        assert (await receive(socket))["type"] == "hello"
        yield socket


@asynccontextmanager
async def two_gateways(**changes: Any) -> AsyncIterator[tuple[Gateway, Gateway]]:
    async with (
        LocalBroker() as broker,
        fake_store() as store,
        gateway(broker=broker, store=store, **changes) as one,
        gateway(broker=broker, store=store, **changes) as two,
    ):
        yield one, two


async def test_typing_reaches_the_users_other_devices_on_every_gateway_and_nobody_else() -> None:
    async with (
        two_gateways() as (one, two),
        connected(one, "ada", "laptop") as laptop,
        connected(one, "ada", "phone") as phone,
        connected(two, "ada", "tablet") as tablet,
        stream(two, "ada") as events,
        connected(two, "bob", "desk") as other,
    ):
        await events.next()
        before = datetime.now(UTC)
        await send(laptop, type="typing", conversation_id="c1")

        for data in (
            await next_data(phone, "typing"),
            await next_data(tablet, "typing"),
            (await events.until("typing")).data["data"],
        ):
            assert (data["conversation_id"], data["who"]) == ("c1", {"id": "laptop", "name": None})
            left = datetime.fromisoformat(data["until"]) - before
            assert timedelta(seconds=5) < left < timedelta(seconds=8)
        assert await is_silent(other)
        assert "typing" not in await received_types(laptop)


async def test_repeated_typing_frames_are_sent_once() -> None:
    async with gateway() as gw, connected(gw, "ada", "laptop") as laptop, connected(gw, "ada", "phone") as phone:
        await next_data(phone, "presence")
        for _ in range(5):
            await send(laptop, type="typing", conversation_id="c1")
        await send(laptop, type="typing", conversation_id="c2")

        assert [(await next_data(phone, "typing"))["conversation_id"] for _ in range(2)] == ["c1", "c2"]
        assert await is_silent(phone)


async def test_a_new_device_learns_who_is_online_and_the_others_learn_of_it() -> None:
    async with two_gateways() as (one, two), connected(one, "ada", "laptop") as laptop:
        await send(laptop, type="viewing", conversation_id="c1")
        async with connected(one, "ada", "phone") as phone:
            assert await next_data(phone, "presence") == presence("laptop", viewing="c1")
            assert await next_data(laptop, "presence") == presence("phone")
        async with connected(two, "ada", "tablet") as tablet:
            seen = {(await next_data(tablet, "presence"))["who"]["id"] for _ in range(2)}
            assert seen == {"laptop", "phone"}, "the phone is within its grace period"
            assert await next_data(laptop, "presence") == presence("tablet")
            await send(tablet, type="viewing", conversation_id="c2")
            assert await next_data(laptop, "presence") == presence("tablet", viewing="c2")
            await send(tablet, type="viewing", conversation_id=None)
            assert await next_data(laptop, "presence") == presence("tablet")


async def test_a_reconnect_within_the_grace_is_silent_even_to_another_gateway() -> None:
    async with (
        two_gateways(gateway_presence_grace_seconds=0.5) as (one, two),
        connected(one, "ada", "laptop") as laptop,
    ):
        async with connected(one, "ada", "phone"):
            assert await next_data(laptop, "presence") == presence("phone")
        async with connected(one, "ada", "phone"):
            pass
        async with connected(two, "ada", "phone"):
            await asyncio.sleep(1.2)  # longer than the grace period plus a tick
            assert await is_silent(laptop)
        assert await next_data(laptop, "presence") == presence("phone", online=False)


async def test_a_device_gets_no_frames_about_itself() -> None:
    async with gateway() as gw, connected(gw, "ada", "laptop") as tab, connected(gw, "ada", "laptop") as other_tab:
        await send(tab, type="typing", conversation_id="c1")
        await send(tab, type="viewing", conversation_id="c1")
        assert await is_silent(tab)
        assert await is_silent(other_tab)


async def test_devices_of_a_dead_gateway_go_offline_after_a_while() -> None:
    async with (
        LocalBroker() as broker,
        fake_store() as store,
        gateway(broker=broker, store=store, gateway_presence_seconds=0.3) as one,
        connected(one, "ada", "laptop") as laptop,
    ):
        async with (
            gateway(broker=broker, store=store, gateway_presence_seconds=0.3) as two,
            connected(two, "ada", "phone"),
        ):
            assert await next_data(laptop, "presence") == presence("phone")
            await asyncio.sleep(1.5)  # announced again and again
            assert await is_silent(laptop)
        # The gateway ended without reporting that its devices are offline.
        assert await next_data(laptop, "presence") == presence("phone", online=False)


async def test_the_name_comes_from_the_token() -> None:
    claims = {"sub": "ada", "name": "Ada King", "exp": int(datetime.now(UTC).timestamp()) + 60}
    named = jwt.encode(claims, JWT_SECRET, algorithm="HS256")
    async with (
        gateway() as gw,
        connected(gw, "ada", "phone") as phone,
        connect(gw.url("ada", token=named), proxy=None),
    ):
        seen = await next_data(phone, "presence")
    assert seen["who"]["name"] == "Ada King"
    assert len(seen["who"]["id"]) == 16, "random if the device sends none"


async def test_read_marks_wait_for_the_store_and_only_the_highest_is_sent() -> None:
    async with gateway() as gw, connected(gw, "ada", "laptop") as laptop:
        await send(laptop, type="read", conversation_id="unknown", up_to_seq=1)
        gw.store.may_respond.clear()
        for seq in (3, 5, 4):
            await send(laptop, type="read", conversation_id="c1", up_to_seq=seq)
            await send(laptop, type="read", conversation_id="c2", up_to_seq=seq)
        assert await is_silent(laptop)
        gw.store.is_unavailable = True
        gw.store.may_respond.set()
        await until(lambda: gw.metric("store_calls_total", call="read", outcome="unavailable"))
        gw.store.is_unavailable = False

        await until(lambda: gw.metric("read_marks_total", outcome="refused") == 1)
        await until(lambda: len(gw.store.read_requests) >= 2)
        assert ReadRequest(user_id="ada", conversation_id="c1", up_to_seq=5) in gw.store.read_requests
        assert gw.metric("store_calls_total", call="read", outcome="refused") == 0, "no operator has to act"
        assert ReadRequest(user_id="ada", conversation_id="c2", up_to_seq=5) in gw.store.read_requests
        assert await is_silent(laptop)


async def test_a_client_that_sends_too_many_frames_is_closed() -> None:
    async with (
        gateway(gateway_frames_per_second=1, gateway_frames_burst=5) as gw,
        connected(gw, "ada", "laptop") as laptop,
    ):
        for _ in range(6):
            await laptop.send("ping")
        assert await wait_closed(laptop) == (4400, "too many frames")


async def test_a_client_that_sends_too_many_bytes_is_closed() -> None:
    async with gateway(gateway_bytes_per_second=100, gateway_bytes_burst=4096) as gw:
        async with connected(gw, "ada", "laptop") as laptop:
            for number in range(40):
                await laptop.ping(b"%0125d" % number)
            assert await wait_closed(laptop) == (4400, "too many bytes")
        await until(lambda: gw.metric("sockets") == 0)


def presence(who: str, *, online: bool = True, viewing: str | None = None) -> Any:
    return {"who": {"id": who, "name": None}, "online": online, "viewing": viewing}
