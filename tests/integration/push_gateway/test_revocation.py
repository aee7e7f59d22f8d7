"""A revoked token opens nothing, and what it has opened is closed at once."""

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from websockets.asyncio.client import connect

from shared.contracts.internal import RevokedTokens
from shared.security.user_tokens import mint
from tests.builders import tokens_revoked
from tests.fakes.store import fake_store
from tests.integration.push_gateway.harness import JWT_SECRET, gateway, receive, token, until, wait_closed

REVOKED = (4001, "the token was revoked")


def token_with_id(token_id: str) -> str:
    return mint(SecretStr(JWT_SECRET), "ada", now=datetime.now(UTC), ttl=timedelta(hours=1), token_id=token_id)[0]


async def test_all_sockets_of_a_user_whose_tokens_are_revoked_are_closed_and_no_others() -> None:
    async with gateway() as gw, gw.connect("ada") as first, gw.connect("ada") as second, gw.connect("bob") as other:
        old = token("ada")
        for socket in (first, second, other):
            await receive(socket)
        await gw.broker.publish([tokens_revoked(user_id="ada", token_id=None, not_before=datetime.now(UTC))])
        assert await wait_closed(first) == REVOKED
        assert await wait_closed(second) == REVOKED
        async with connect(gw.url("ada", token=old), proxy=None) as again:
            assert await wait_closed(again) == (4001, "the token is invalid or expired")
        async with gw.connect("ada") as signed_in_again:
            assert (await receive(signed_in_again))["type"] == "hello"
        await gw.push_changes("bob")
        assert (await receive(other))["type"] == "new_message"


async def test_one_revoked_token_closes_the_sockets_that_use_it_even_after_a_renewal() -> None:
    async with (
        gateway() as gw,
        connect(gw.url("ada", token=token_with_id("t-1")), proxy=None) as renewed,
        connect(gw.url("ada", token=token_with_id("t-1")), proxy=None) as revoked,
    ):
        for socket in (renewed, revoked):
            await receive(socket)
        await renewed.send(f'{{"type":"auth","token":"{token_with_id("t-2")}"}}')
        await renewed.send("ping")
        assert (await receive(renewed))["type"] == "pong"
        await gw.broker.publish([tokens_revoked(user_id="ada", token_id="t-1", not_before=datetime.now(UTC))])
        assert await wait_closed(revoked) == REVOKED
        await renewed.send("ping")
        assert (await receive(renewed))["type"] == "pong"
        await gw.broker.publish([tokens_revoked(user_id="ada", token_id="t-2", not_before=datetime.now(UTC))])
        assert await wait_closed(renewed) == REVOKED


async def test_a_lost_event_is_noticed_when_the_set_is_read_again() -> None:
    async with fake_store() as store, gateway(store=store) as gw, gw.connect("ada") as socket:
        await receive(socket)
        await until(lambda: "/internal/revoked-tokens" in store.paths)
        store.revoked.append(RevokedTokens(user_id="ada", not_before=datetime.now(UTC)))
        assert await wait_closed(socket, seconds=30) == REVOKED
