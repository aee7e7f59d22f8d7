"""Typing, presence and reading: what clients tell one another, and the store."""

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
from tests.integration.push_gateway.harness import JWT_SECRET, Gateway, close_of, gateway, receive, until
from tests.integration.push_gateway.sse_client import stream
from tests.integration.push_gateway.store import fake_store


async def signal(socket: ClientConnection, kind: str, seconds: float = 10.0) -> Any:
    """Return `data` of the next frame of `kind`."""
    while (message := await receive(socket, seconds, presence=True))["type"] != kind:
        pass
    return message["data"]


async def say(socket: ClientConnection, **frame: object) -> None:
    await socket.send(json.dumps(frame))


async def heard(socket: ClientConnection) -> list[str]:
    """Return the types of the frames that have come, up to the answer to a ping."""
    await socket.send("ping")
    types: list[str] = []
    while (message := await receive(socket, presence=True))["type"] != "pong":
        types.append(message["type"])
    return types


async def is_silent(socket: ClientConnection) -> bool:
    return await heard(socket) == []


@asynccontextmanager
async def opened(push: Gateway, user_id: str, client: str, **query: Any) -> AsyncIterator[ClientConnection]:
    async with push.connect(user_id, client=client, **query) as socket:
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
        opened(one, "ada", "laptop") as laptop,
        opened(one, "ada", "phone") as phone,
        opened(two, "ada", "tablet") as tablet,
        stream(two, "ada") as events,
        opened(two, "bob", "desk") as other,
    ):
        await events.next()
        before = datetime.now(UTC)
        await say(laptop, type="typing", conversation_id="c1")

        for data in (
            await signal(phone, "typing"),
            await signal(tablet, "typing"),
            (await events.until("typing")).data["data"],
        ):
            assert (data["conversation_id"], data["who"]) == ("c1", {"id": "laptop", "name": None})
            left = datetime.fromisoformat(data["until"]) - before
            assert timedelta(seconds=5) < left < timedelta(seconds=8)
        assert await is_silent(other)
        assert "typing" not in await heard(laptop)


async def test_repeated_typing_frames_are_sent_once() -> None:
    async with gateway() as push, opened(push, "ada", "laptop") as laptop, opened(push, "ada", "phone") as phone:
        await signal(phone, "presence")
        for _ in range(5):
            await say(laptop, type="typing", conversation_id="c1")
        await say(laptop, type="typing", conversation_id="c2")

        assert [(await signal(phone, "typing"))["conversation_id"] for _ in range(2)] == ["c1", "c2"]
        assert await is_silent(phone)


async def test_a_new_device_learns_who_is_online_and_the_others_learn_of_it() -> None:
    async with two_gateways() as (one, two), opened(one, "ada", "laptop") as laptop:
        await say(laptop, type="viewing", conversation_id="c1")
        async with opened(one, "ada", "phone") as phone:
            assert await signal(phone, "presence") == presence("laptop", viewing="c1")
            assert await signal(laptop, "presence") == presence("phone")
        async with opened(two, "ada", "tablet") as tablet:
            seen = {(await signal(tablet, "presence"))["who"]["id"] for _ in range(2)}
            assert seen == {"laptop", "phone"}, "the phone is within its grace"
            assert await signal(laptop, "presence") == presence("tablet")
            await say(tablet, type="viewing", conversation_id="c2")
            assert await signal(laptop, "presence") == presence("tablet", viewing="c2")
            await say(tablet, type="viewing", conversation_id=None)
            assert await signal(laptop, "presence") == presence("tablet")


async def test_a_reconnect_within_the_grace_is_silent_even_to_another_gateway() -> None:
    async with two_gateways(gateway_presence_grace_seconds=0.5) as (one, two), opened(one, "ada", "laptop") as laptop:
        async with opened(one, "ada", "phone"):
            assert await signal(laptop, "presence") == presence("phone")
        async with opened(one, "ada", "phone"):
            pass
        async with opened(two, "ada", "phone"):
            await asyncio.sleep(1.2)  # longer than the grace and a tick
            assert await is_silent(laptop)
        assert await signal(laptop, "presence") == presence("phone", online=False)


async def test_a_device_gets_no_frames_about_itself() -> None:
    async with gateway() as push, opened(push, "ada", "laptop") as tab, opened(push, "ada", "laptop") as other_tab:
        await say(tab, type="typing", conversation_id="c1")
        await say(tab, type="viewing", conversation_id="c1")
        assert await is_silent(tab)
        assert await is_silent(other_tab)


async def test_devices_of_a_dead_gateway_go_offline_after_a_while() -> None:
    async with (
        LocalBroker() as broker,
        fake_store() as store,
        gateway(broker=broker, store=store, gateway_presence_seconds=0.3) as one,
        opened(one, "ada", "laptop") as laptop,
    ):
        async with (
            gateway(broker=broker, store=store, gateway_presence_seconds=0.3) as two,
            opened(two, "ada", "phone"),
        ):
            assert await signal(laptop, "presence") == presence("phone")
            await asyncio.sleep(1.5)  # announced again and again
            assert await is_silent(laptop)
        # It has ended without saying of anybody that they have gone.
        assert await signal(laptop, "presence") == presence("phone", online=False)


async def test_the_name_comes_from_the_token() -> None:
    claims = {"sub": "ada", "name": "Ada King", "exp": int(datetime.now(UTC).timestamp()) + 60}
    named = jwt.encode(claims, JWT_SECRET, algorithm="HS256")
    async with (
        gateway() as push,
        opened(push, "ada", "phone") as phone,
        connect(push.url("ada", token=named), proxy=None),
    ):
        seen = await signal(phone, "presence")
    assert seen["who"]["name"] == "Ada King"
    assert len(seen["who"]["id"]) == 16, "made up where the device does not say"


async def test_read_marks_wait_for_the_store_and_only_the_highest_is_sent() -> None:
    async with gateway() as push, opened(push, "ada", "laptop") as laptop:
        await say(laptop, type="read", conversation_id="unknown", up_to_seq=1)
        push.store.may_answer.clear()
        for seq in (3, 5, 4):
            await say(laptop, type="read", conversation_id="c1", up_to_seq=seq)
            await say(laptop, type="read", conversation_id="c2", up_to_seq=seq)
        assert await is_silent(laptop)
        push.store.is_away = True
        push.store.may_answer.set()
        await until(lambda: push.metric("read_marks_total", outcome="refused") == 1)
        push.store.is_away = False

        await until(lambda: len(push.store.read) >= 2)
        assert ReadRequest(user_id="ada", conversation_id="c1", up_to_seq=5) in push.store.read
        assert push.metric("store_calls_total", call="read", outcome="refused") == 0, "nobody has to mend anything"
        assert ReadRequest(user_id="ada", conversation_id="c2", up_to_seq=5) in push.store.read
        assert await is_silent(laptop)


async def test_a_client_that_sends_too_many_frames_is_closed() -> None:
    async with (
        gateway(gateway_frames_per_second=1, gateway_frames_burst=5) as push,
        opened(push, "ada", "laptop") as laptop,
    ):
        for _ in range(6):
            await laptop.send("ping")
        assert await close_of(laptop) == (4400, "too many frames")


async def test_a_client_that_sends_too_many_bytes_is_closed() -> None:
    async with gateway(gateway_bytes_per_second=100, gateway_bytes_burst=4096) as push:
        async with opened(push, "ada", "laptop") as laptop:
            for number in range(40):
                await laptop.ping(b"%0125d" % number)
            assert await close_of(laptop) == (4400, "too many bytes")
        await until(lambda: push.metric("sockets") == 0)


def presence(who: str, *, online: bool = True, viewing: str | None = None) -> Any:
    return {"who": {"id": who, "name": None}, "online": online, "viewing": viewing}
