from datetime import timedelta

import pytest
from pydantic import SecretStr

from shared.contracts import AccountChangedV1, WebhookReleasedV1, WebhookUnclaimedV1, conversation_id
from shared.errors import DependencyUnavailable
from shared.messaging.outcomes import DONE
from shared.security.cipher import TokenCipher
from store.core.accounts import BEGINNING
from store.core.audit import Actor
from store.repository import unclaimed
from store.services.accounts import AccountService
from tests.builders import webhook_unclaimed
from tests.integration.store.parts import ENCRYPTION_KEY, Parts, message, now

ADMINISTRATOR = Actor("admin", "admin")


def account_service(parts: Parts) -> AccountService:
    return AccountService(
        parts.database,
        TokenCipher([SecretStr(ENCRYPTION_KEY)]),
        utc_now=now,
        notify_changed=parts.outbox.wake,
        wake_releaser=lambda: None,
        enqueue_token_change=parts.outbox.enqueue_token_change,
    )


async def connect(parts: Parts, user: str, page: str = "page-1") -> None:
    await account_service(parts).connect(
        "facebook", page, user_id=user, name=None, access_token=None, actor=ADMINISTRATOR
    )


def unclaimed_item(number: int, **changes: object) -> WebhookUnclaimedV1:
    return webhook_unclaimed(**{"id": f"{number:032x}", "received_at": now(), **changes})


def released(parts: Parts) -> list[WebhookReleasedV1]:
    return [event for event in parts.publisher.events if isinstance(event, WebhookReleasedV1)]


async def test_items_are_released_when_their_page_is_connected(parts: Parts) -> None:
    events = [unclaimed_item(1), unclaimed_item(2), unclaimed_item(3, page_id="another")]
    assert await parts.records([*events, events[0]]) == [DONE] * 4
    assert await parts.releaser.run_once() == 0

    await connect(parts, "user-1")
    assert await parts.releaser.run_once() == 2

    assert [(event.page_id, event.entry, event.account_version) for event in released(parts)] == [
        ("page-1", events[0].entry, 1),
        ("page-1", events[1].entry, 1),
    ]
    assert await parts.rows("SELECT page_id FROM waiting_webhooks") == [("another",)]


async def test_an_item_of_an_already_connected_page_is_released(parts: Parts) -> None:
    await connect(parts, "user-1")
    await parts.records([unclaimed_item(1)])
    assert await parts.releaser.run_once() == 1


async def test_an_item_goes_to_its_owner_at_the_time_or_else_to_the_next_owner(
    parts: Parts,
) -> None:
    await connect(parts, "user-1")
    before = now()
    await account_service(parts).disconnect("facebook", "page-1", actor=ADMINISTRATOR)
    between = now()
    await parts.records([unclaimed_item(2, received_at=between)])
    assert await parts.releaser.run_once() == 0, "nobody owned the page then"
    await parts.records([unclaimed_item(1, received_at=before)])
    assert [event.received_at for event in (await parts.releaser.run_once(), released(parts))[1]] == [before]

    await connect(parts, "user-2")
    assert await parts.releaser.run_once() == 1
    rows = await parts.rows("SELECT user_id, owned_from, owned_until FROM accounts ORDER BY owned_from")
    assert (rows[0][0], rows[0][1]) == ("user-1", BEGINNING)
    assert (rows[1][0], rows[1][1]) == ("user-2", rows[0][2])
    assert rows[1][1] <= between


async def test_a_failed_release_is_retried_after_its_lease(parts: Parts) -> None:
    await parts.records([unclaimed_item(1)])
    await connect(parts, "user-1")
    parts.publisher.is_unavailable = True
    with pytest.raises(DependencyUnavailable):
        await parts.releaser.run_once()
    parts.publisher.is_unavailable = False
    assert await parts.releaser.run_once() == 0, "another replica may be publishing it"

    await parts.execute("UPDATE waiting_webhooks SET leased_until = now() - interval '1 second'")
    assert await parts.releaser.run_once() == 1


async def test_an_item_redelivered_during_its_release_is_not_lost(parts: Parts) -> None:
    await parts.records([unclaimed_item(1)])
    await connect(parts, "user-1")
    moment = now()
    lease = moment + timedelta(seconds=30)
    [(row_id, _)] = await unclaimed.claim_released(parts.database, now=moment, leased_until=lease, limit=10)
    await parts.records([unclaimed_item(1)])
    assert await unclaimed.delete_published(parts.database, [row_id], leased_until=lease, now=moment) == 0

    assert await parts.releaser.run_once() == 1
    assert await parts.rows("SELECT * FROM waiting_webhooks") == []


async def test_only_the_newest_items_of_a_page_are_kept(parts: Parts) -> None:
    for number in range(5):
        await parts.records([unclaimed_item(number)])
    assert await parts.rows("SELECT id FROM waiting_webhooks ORDER BY id") == [
        (f"{number:032x}",) for number in (2, 3, 4)
    ]


async def test_waiting_items_expire(parts: Parts) -> None:
    await parts.records([unclaimed_item(1), unclaimed_item(2)])
    await parts.execute(
        "UPDATE waiting_webhooks SET arrived_at = now() - interval '8 days' WHERE id = :id", id=f"{1:032x}"
    )
    await parts.apply_retention()
    assert await parts.rows("SELECT id FROM waiting_webhooks") == [(f"{2:032x}",)]


async def test_a_transfer_notifies_both_users_and_every_owner_cache(parts: Parts) -> None:
    await connect(parts, "user-1")
    await connect(parts, "user-2")
    await parts.outbox.run_once()

    assert [event.kind for event in parts.publisher.persisted("user-1")] == ["account_updated"] * 2
    assert parts.publisher.seqs("user-2") == [1]
    changed = [event for event in parts.publisher.events if isinstance(event, AccountChangedV1)]
    assert {(event.user_id, event.version) for event in changed} == {("user-1", 2), ("user-2", 2)}


async def test_a_message_goes_to_the_owner_at_the_time_it_was_received(parts: Parts) -> None:
    """The enricher may still name the previous owner from its cache."""
    await connect(parts, "user-1")
    before = message("m-1", received_at=now())
    await connect(parts, "user-2")
    after = message("m-2", received_at=now())

    await parts.inbox([before, after])

    rows = await parts.rows("SELECT user_id, message_id, conversation_id FROM messages ORDER BY user_id")
    assert rows == [
        ("user-1", "m-1", conversation_id("facebook", "user-1", "person-1")),
        ("user-2", "m-2", conversation_id("facebook", "user-2", "person-1")),
    ]
