"""Connecting a page again: no change takes no seq and notifies no user; a change takes one seq."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from pydantic import SecretStr

from shared.contracts import AccountChangedV1, InboxPersistedV1
from shared.errors import DependencyUnavailable
from shared.messaging.topology import ENRICHER_ACCOUNTS, GATEWAY_INBOX
from shared.security.cipher import TokenCipher
from tests.builders import account_changed
from tests.integration.store.parts import Parts, Service
from tests.recorder import Listener, eventually

pytestmark = pytest.mark.postgres

UNCHANGED: dict[str, Any] = {"name": "Shop", "access_token": "token-1"}


async def seqs(parts: Parts) -> dict[str, int]:
    return {str(user): int(seq) for user, seq in await parts.rows("SELECT user_id, last_seq FROM inboxes")}


def versions(owners: Listener) -> list[int]:
    return [event.version for event in owners.seen if isinstance(event, AccountChangedV1)]


async def version(parts: Parts) -> int:
    [(found,)] = await parts.rows("SELECT max(version) FROM accounts")
    return int(found)


async def ciphertext(parts: Parts) -> str:
    [(found,)] = await parts.rows("SELECT token_ciphertext FROM accounts WHERE owned_until IS NULL")
    return str(found)


@pytest.mark.parametrize(
    "body", [{}, {"name": "Shop"}, {"access_token": "token-1"}, UNCHANGED], ids=["nothing", "name", "token", "all"]
)
async def test_connecting_without_changes_takes_no_seq(service: Service, parts: Parts, body: dict[str, Any]) -> None:
    first = await service.connect(**UNCHANGED)
    again = await service.connect(**body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert (await seqs(parts), await version(parts)) == ({"user-1": 1}, 2 if "access_token" in body else 1)
    assert await parts.rows("SELECT count(*) FROM inbox_log") == [(1,)]


async def test_the_same_token_notifies_only_enrichers_and_the_same_name_nobody(service: Service) -> None:
    inboxes, owners = Listener(), Listener()
    async with (
        service.broker.subscribe(GATEWAY_INBOX, inboxes, on_gap=inboxes.on_gap) as inbox_subscription,
        service.broker.subscribe(ENRICHER_ACCOUNTS, owners, on_gap=owners.on_gap) as owner_subscription,
    ):
        for shard in range(16):
            await inbox_subscription.bind(shard)
        await owner_subscription.bind(0)
        await service.connect(**UNCHANGED)
        await eventually(lambda: versions(owners) == [1], within_seconds=5)
        await service.connect(**UNCHANGED)
        await eventually(lambda: versions(owners) == [1, 2], within_seconds=5)
        for _ in range(3):
            await service.connect(name="Shop")
        await service.connect(name="The Shop")
        await eventually(lambda: len(inboxes.seen) >= 2 and len(owners.seen) >= 3, within_seconds=5)

    told = [event for event in inboxes.seen if isinstance(event, InboxPersistedV1)]
    assert [event.seq for event in told] == [1, 2], "what comes last is heard after whatever came before it"
    assert versions(owners) == [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"name": "Other"}, {"user-1": 2}),
        ({"access_token": "token-2"}, {"user-1": 2}),
        ({"name": "Other", "access_token": "token-2"}, {"user-1": 2}),
        ({"user": "user-2"}, {"user-1": 2, "user-2": 1}),
    ],
    ids=["name", "token", "both", "owner"],
)
async def test_a_change_takes_one_seq_of_every_affected_user(
    service: Service, parts: Parts, body: dict[str, Any], found: dict[str, int]
) -> None:
    await service.connect(**UNCHANGED)
    for _ in range(3):
        await service.connect(**body)

    assert await seqs(parts) == found
    assert await version(parts) == (4 if "access_token" in body else 2), "a token that is given may be asked for anew"


async def test_concurrent_identical_connections_make_one_change(service: Service, parts: Parts) -> None:
    answers = await asyncio.gather(*(service.connect(**UNCHANGED) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert (await seqs(parts), await version(parts)) == ({"user-1": 1}, 12)

    await asyncio.gather(*(service.connect(name=f"Shop {n % 2}") for n in range(12)))
    names = [frame["data"]["account"]["name"] for frame in (await service.get("/api/events")).json()]
    assert len(names) == (await seqs(parts))["user-1"] == await version(parts) - 11

    await asyncio.gather(*(service.connect(access_token="token-2") for _ in range(6)))
    assert (await seqs(parts), await version(parts)) == ({"user-1": len(names) + 1}, len(names) + 11 + 6)


async def test_the_same_request_reconnects_a_disconnected_page(service: Service, parts: Parts) -> None:
    await service.connect(**UNCHANGED)
    await service.public.delete("/api/accounts/facebook/page-1", headers=service.admin)
    again = await service.connect(**UNCHANGED)

    assert again.status_code == 201
    assert await seqs(parts) == {"user-1": 3}


async def test_a_repeated_token_is_published_after_a_broker_outage(parts: Parts) -> None:
    given = account_changed(version=7)
    parts.outbox.enqueue_token_change(given)
    parts.outbox.enqueue_token_change(account_changed(version=6))
    parts.publisher.is_unavailable = True
    with pytest.raises(DependencyUnavailable):
        await parts.outbox.run_once()
    parts.publisher.is_unavailable = False

    await parts.outbox.run_once()
    await parts.outbox.run_once()

    assert parts.publisher.events == [given]


async def test_connecting_again_encrypts_the_token_with_the_first_key(
    start: Callable[..., AbstractAsyncContextManager[Service]], parts: Parts
) -> None:
    """The older key can then be removed, and nobody is notified."""
    keys = ["MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="]
    async with start(encryption_keys=keys[0]) as service:
        await service.connect(**UNCHANGED)
    async with start(encryption_keys=f"{keys[1]},{keys[0]}") as service:
        await service.connect(**UNCHANGED)

    assert TokenCipher([SecretStr(keys[1])]).decrypt(await ciphertext(parts)).get_secret_value() == "token-1"
    assert await seqs(parts) == {"user-1": 1}
