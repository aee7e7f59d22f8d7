"""Every place a token can be in, times everything that can be wrong with it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.integration.push_gateway.harness import JWT_SECRET, Gateway, gateway, receive, token, wait_closed

OTHER_SECRET = "another-secret-of-thirty-two-bytes!"


def make_events(secret: str = JWT_SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def soon() -> int:
    return int((datetime.now(UTC) + timedelta(minutes=5)).timestamp())


TOKENS: dict[str, tuple[Callable[[], str], int]] = {
    "nonsense": (lambda: "nonsense", 4001),
    "forged": (lambda: token("ada", secret=OTHER_SECRET), 4001),
    "expired": (lambda: token("ada", seconds=-5), 4001),
    "unsigned": (lambda: make_events("", "none", sub="ada", exp=soon()), 4001),
    "with another algorithm": (lambda: make_events(JWT_SECRET * 2, "HS512", sub="ada", exp=soon()), 4001),
    "without an end": (lambda: make_events(sub="ada"), 4001),
    "of nobody": (lambda: make_events(exp=soon()), 4001),
    "of an empty name": (lambda: make_events(sub="", exp=soon()), 4001),
    "not valid yet": (lambda: make_events(sub="ada", exp=soon(), nbf=soon()), 4001),
    "another user's": (lambda: token("bob"), 4003),
    "of the user in other letters": (lambda: token("ADA"), 4003),
}
WAYS: dict[str, Callable[[Gateway, str], connect]] = {
    "query": lambda gw, given: connect(gw.url("ada", token=given), proxy=None),
    "header": lambda gw, given: connect(
        gw.url("ada"), proxy=None, additional_headers={"Authorization": f"Bearer {given}"}
    ),
    "subprotocol": lambda gw, given: connect(
        gw.url("ada"), proxy=None, subprotocols=[Subprotocol("bearer"), Subprotocol(given)]
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_bad_token_gets_a_close_code_and_nothing_before_it(way: str) -> None:
    async with gateway() as gw:
        for name, (make, code) in TOKENS.items():
            async with WAYS[way](gw, make()) as socket:
                with pytest.raises(ConnectionClosed) as closed:
                    await asyncio.wait_for(socket.recv(), 5)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == code, name
        assert gw.metric("frames_sent_total") == 0
        assert gw.metric("sockets") == 0
        assert gw.store.log_requests == []
        assert gw.store.tops_requests == []


@pytest.mark.parametrize("way", WAYS)
async def test_a_good_token_is_accepted_in_every_place(way: str) -> None:
    async with gateway() as gw, WAYS[way](gw, token("ada")) as socket:
        assert (await receive(socket))["type"] == "hello"


async def test_a_bad_token_in_the_header_is_not_overridden_by_a_good_one_in_the_query() -> None:
    """The first place that has a token counts: a client must not get around a header that a proxy sets."""
    async with (
        gateway() as gw,
        connect(
            gw.url("ada", token=token("ada")),
            proxy=None,
            additional_headers={"Authorization": f"Bearer {token('bob')}"},
        ) as socket,
    ):
        assert (await wait_closed(socket))[0] == 4003


async def test_a_numeric_subject_is_a_user_id() -> None:
    async with gateway() as gw, connect(gw.url("42", token=make_events(sub=42, exp=soon())), proxy=None) as socket:
        assert (await receive(socket))["type"] == "hello"


@pytest.mark.parametrize("name", TOKENS)
async def test_a_bad_token_in_an_auth_frame_closes_the_socket(name: str) -> None:
    make, code = TOKENS[name]
    async with gateway() as gw, gw.connect("ada") as socket:
        await receive(socket)
        await socket.send(f'{{"type":"auth","token":"{make()}"}}')
        assert (await wait_closed(socket))[0] == code


async def test_a_token_in_an_auth_frame_may_expire_sooner() -> None:
    async with gateway() as gw, gw.connect("ada") as socket:
        await receive(socket)
        await socket.send(f'{{"type":"auth","token":"{token("ada", seconds=1.5)}"}}')
        assert await wait_closed(socket) == (4001, "token expired")
