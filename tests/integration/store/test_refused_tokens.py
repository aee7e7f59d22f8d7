"""A refused token marks its account once, its lookups wait, and a new token resumes them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts import AccountChangedV1, Profile, TokenRefusedV1
from shared.contracts.internal import PageKey
from shared.messaging.topology import ENRICHER_ACCOUNTS
from store.repository import profile_lookups
from tests.builders import profile_requested, token_refused
from tests.integration.store.parts import Parts, Service, at, message, now
from tests.recorder import Listener, eventually

REASON = "The page's access token has expired. Connect the page again."
LEASE = timedelta(seconds=60)


def refusal(version: int, **changes: Any) -> TokenRefusedV1:
    return token_refused(**{"id": f"{version:032x}", "version": version, "reason": REASON, **changes})


async def insert_account(parts: Parts, page: str = "page-1", user: str = "user-1") -> None:
    await parts.execute(
        "INSERT INTO accounts (platform, page_id, owned_from, user_id, version, token_ciphertext, status, connected_at)"
        " VALUES ('facebook', :page, '1970-01-01Z', :user, 1, 'secret', 'connected', now())",
        page=page,
        user=user,
    )


async def claim_lookups(parts: Parts, *, except_pages: list[PageKey] | None = None) -> list[str]:
    later = now() + timedelta(seconds=1)
    found = await profile_lookups.claim_lookups(
        parts.database, now=later, lease=LEASE, limit=100, except_pages=except_pages or []
    )
    return sorted(lookup.participant_id for lookup in found)


async def test_repeated_refusals_mark_an_account_once(parts: Parts) -> None:
    await insert_account(parts)

    for event in (refusal(1), refusal(1), refusal(1, id="f" * 32)):
        await parts.records([event])

    assert await parts.rows("SELECT status, reason, version, token_ciphertext FROM accounts") == [
        ("needs_reauthorization", REASON, 2, "secret")
    ]
    assert await parts.rows("SELECT user_id, seq, kind, page_id FROM inbox_log") == [
        ("user-1", 1, "account_updated", "page-1")
    ]
    assert parts.notified == ["user-1"]


@pytest.mark.parametrize(
    "event", [refusal(2), refusal(0), refusal(1, page_id="page-2"), refusal(1, platform="instagram")]
)
async def test_a_refusal_of_another_version_or_page_is_ignored(parts: Parts, event: TokenRefusedV1) -> None:
    await insert_account(parts)

    await parts.records([event])

    assert await parts.rows("SELECT status, version FROM accounts") == [("connected", 1)]
    assert (await parts.rows("SELECT * FROM inbox_log"), parts.notified) == ([], [])


async def test_only_lookups_of_the_refused_page_wait_and_use_no_attempts(parts: Parts) -> None:
    await insert_account(parts)
    await insert_account(parts, "page-2")
    before = [profile_requested(participant_id="before"), profile_requested(participant_id="other", page_id="page-2")]
    await parts.records(before)
    await parts.records([refusal(1)])

    await parts.records([profile_requested(participant_id="after")])

    assert await claim_lookups(parts) == ["other"]
    waiting = await parts.rows(
        "SELECT participant_id, attempts FROM profile_lookups WHERE due_at = 'infinity' ORDER BY participant_id"
    )
    assert waiting == [("after", 0), ("before", 0)]
    assert await profile_lookups.count_lookups(parts.database, now=now(), limit=100) == (1, 0, 2)


async def test_a_due_lookup_of_a_refused_page_is_not_claimed(parts: Parts) -> None:
    await insert_account(parts)
    await parts.records([refusal(1), profile_requested(participant_id="late")])
    await parts.execute("UPDATE profile_lookups SET due_at = now() - interval '1 second'")

    assert await claim_lookups(parts) == []
    assert await parts.rows("SELECT attempts, due_at = 'infinity', leased_until FROM profile_lookups") == [
        (0, True, None)
    ]


async def test_lookups_of_excluded_pages_are_not_claimed(parts: Parts) -> None:
    await parts.records([profile_requested(participant_id=f"p-{n}", page_id=f"page-{n}") for n in range(3)])

    assert await claim_lookups(parts, except_pages=[PageKey(platform="facebook", page_id="page-1")]) == ["p-0", "p-2"]
    assert await claim_lookups(parts) == ["p-1"]


class World:
    """Reads accounts, updates and lookups of a running service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def accounts(self) -> list[dict[str, Any]]:
        answer = await self.service.public.get("/api/accounts", headers=self.service.admin)
        return list(answer.json())

    async def updates(self) -> list[dict[str, Any]]:
        frames = (await self.service.get("/api/events", after=0, limit=100)).json()
        return [frame["data"]["account"] for frame in frames if frame["type"] == "account_updated"]

    async def owner(self) -> dict[str, Any]:
        answer = await self.service.internal.get("/internal/accounts/facebook/page-1")
        return dict(answer.json())

    async def claim(self) -> list[str]:
        answer = await self.service.ask("/internal/profile-lookups/claim", {"limit": 100, "lease_seconds": 0.001})
        return sorted(lookup["participant_id"] for lookup in answer["lookups"])


async def test_a_refusal_is_published_and_only_a_new_token_ends_it(service: Service) -> None:
    world = World(service)
    await service.connect(access_token="one", name="Shop")
    await service.broker.publish([message("m-1"), message("m-2", person="named", participant=profile("Ada"))])
    await service.broker.publish([refusal(1)])

    [account] = await world.accounts()
    assert (account["status"], account["reason"]) == ("needs_reauthorization", REASON)
    assert [(one["status"], one["reason"]) for one in await world.updates()][-1] == ("needs_reauthorization", REASON)
    owner = await world.owner()
    assert (owner["version"], owner["owners"][0]["status"]) == (2, "needs_reauthorization")

    await service.connect(name="Shop of Ada")
    assert [one["status"] for one in await world.accounts()] == ["needs_reauthorization"]
    assert await world.claim() == []

    answer = await service.connect(access_token="two")
    assert (answer.json()["status"], answer.json()["reason"]) == ("connected", None)
    assert (await world.updates())[-1]["status"] == "connected"
    assert len(await world.updates()) == 4
    assert await world.claim() == ["person-1"], "whose look-up had ended without a name, and nobody else's"
    await service.broker.publish([refusal(1), refusal(3)])
    assert [one["status"] for one in await world.accounts()] == ["connected"], "neither is the token of now"


async def test_a_refusal_before_the_token_was_given_again_is_ignored(service: Service) -> None:
    world = World(service)
    await service.connect(access_token="one")
    answer = await service.connect(access_token="one")
    await service.broker.publish([refusal(1)])

    assert answer.json()["status"] == "connected"
    assert await world.accounts() == [answer.json()]
    assert len(await world.updates()) == 1

    await service.broker.publish([refusal(2)])
    assert [one["status"] for one in await world.accounts()] == ["needs_reauthorization"], "it is refused still"


async def test_every_replica_receives_the_account_change(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    listener = Listener()
    async with start() as service:
        await service.connect(access_token="one")
        async with service.broker.subscribe(ENRICHER_ACCOUNTS, listener, on_gap=listener.on_gap) as subscription:
            await subscription.bind(0)
            await service.broker.publish([refusal(1)])
            await eventually(lambda: any(isinstance(e, AccountChangedV1) and e.version == 2 for e in listener.seen))


async def test_a_new_token_makes_waiting_lookups_due_at_once(service: Service) -> None:
    world = World(service)
    await service.connect(access_token="one")
    await service.broker.publish([profile_requested(participant_id=f"p-{n}") for n in range(3)])
    await world.claim()
    await service.broker.publish([refusal(1), profile_requested(participant_id="p-3")])
    assert await world.claim() == []

    await service.connect(access_token="two")

    assert await world.claim() == ["p-0", "p-1", "p-2", "p-3"]


def profile(name: str) -> Profile:
    return Profile(name=name, fetched_at=at(0))
