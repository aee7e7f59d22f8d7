"""REST endpoints for admins: accounts, minted tokens and parked items."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import jwt
import msgspec
import pytest

from shared.contracts import AccountChangedV1, InboxPersistedV1
from shared.contracts.inbox import Account
from shared.messaging.topology import ENRICHER_ACCOUNTS, GATEWAY_INBOX
from store.repository.parked import mark_replayed
from store.repository.postgres.database import Database
from tests.builders import item_parked
from tests.integration.store.parts import JWT_SECRET, Service, message, now, problem
from tests.recorder import Listener, eventually


async def test_an_account_is_connected_changed_listed_and_disconnected(service: Service) -> None:
    created = await service.connect(user=42, name="Shop", access_token="a-secret-token")
    assert created.status_code == 201
    account = msgspec.convert(created.json(), Account)
    assert (account.user_id, account.name, account.status) == ("42", "Shop", "connected")
    assert (await service.connect(user="42")).status_code == 200
    await service.connect("page-2", user="42")

    listed = await service.public.get("/api/accounts", headers=service.admin, params={"limit": 1})
    rest = await service.public.get(listed.links["next"]["url"], headers=service.admin)
    assert [row["page_id"] for row in (*listed.json(), *rest.json())] == ["page-1", "page-2"]
    assert listed.json()[0]["name"] == "Shop"
    assert "a-secret-token" not in listed.text + created.text

    path = "/api/accounts/facebook/page-1"
    assert (await service.public.delete(path, headers=service.admin)).status_code == 204
    assert problem(await service.public.delete(path, headers=service.admin)) == (404, "not-found")
    left = await service.public.get("/api/accounts", headers=service.admin, params={"user_id": "42"})
    assert [row["page_id"] for row in left.json()] == ["page-2"]


async def test_a_refused_account_request_never_echoes_its_token(service: Service) -> None:
    answer = await service.connect(user="no spaces, please", access_token="a-secret-token", more="?")
    assert problem(answer) == (422, "invalid-request")
    assert {error["field"] for error in answer.json()["errors"]} == {"body.user_id", "body.more"}
    assert "a-secret-token" not in answer.text


async def test_connecting_a_page_is_published_at_once(service: Service) -> None:
    inboxes, owners = Listener(), Listener()
    async with (
        service.broker.subscribe(GATEWAY_INBOX, inboxes, on_gap=inboxes.on_gap) as inbox_subscription,
        service.broker.subscribe(ENRICHER_ACCOUNTS, owners, on_gap=owners.on_gap) as owner_subscription,
    ):
        for shard in range(16):
            await inbox_subscription.bind(shard)
        await owner_subscription.bind(0)
        await service.connect()
        await eventually(lambda: bool(inboxes.seen and owners.seen), within_seconds=0.9)
    [told] = inboxes.seen
    assert isinstance(told, InboxPersistedV1)
    assert (told.kind, told.seq, told.user_id) == ("account_updated", 1, "user-1")
    [changed] = owners.seen
    assert isinstance(changed, AccountChangedV1)
    assert changed.version == 1


async def test_only_an_admin_connects_pages_and_mints_tokens(service: Service) -> None:
    for method, path in (
        ("PUT", "/api/accounts/facebook/page-1"),
        ("DELETE", "/api/accounts/facebook/page-1"),
        ("POST", "/api/tokens"),
        ("GET", "/api/parked"),
        ("POST", "/api/parked/replay"),
    ):
        body = {"user_id": "user-1", "ids": ["x"]} if method in ("PUT", "POST") else None
        for headers in ({}, service.as_user(), {"Authorization": "Bearer wrong"}):
            answer = await service.public.request(method, path, headers=headers, json=body)
            assert answer.status_code == 401, (method, path)


async def test_a_minted_token_opens_the_users_inbox(service: Service) -> None:
    asked = {"user_id": 7, "ttl_seconds": 60, "name": "Grace Hopper"}
    answer = await service.public.post("/api/tokens", headers=service.admin, json=asked)
    assert answer.status_code == 201
    token = answer.json()["token"]
    assert jwt.decode(token, JWT_SECRET, algorithms=["HS256"])["name"] == "Grace Hopper"
    read = await service.public.get(
        "/api/conversations", headers={"Authorization": f"Bearer {token}"}, params={"user_id": "7"}
    )
    assert read.status_code == 200
    too_long = await service.public.post(
        "/api/tokens", headers=service.admin, json={"user_id": 7, "ttl_seconds": 31 * 24 * 3600}
    )
    assert problem(too_long) == (422, "invalid-request")


async def test_no_tokens_are_minted_with_an_external_issuer(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    elsewhere = {"jwt_secret": None, "jwks_url": "https://id.example/keys", "jwt_issuer": "id", "jwt_audience": "us"}
    async with start(**elsewhere) as service:
        answer = await service.public.post("/api/tokens", headers=service.admin, json={"user_id": 7})
    assert problem(answer) == (409, "minting-unavailable")


async def test_parked_items_are_listed_shown_and_replayed(service: Service) -> None:
    poison = message("m-1", content="\0")
    await service.broker.publish([poison])
    [summary] = (await service.public.get("/api/parked", headers=service.admin)).json()
    assert (summary["handler"], summary["event_type"]) == ("store.inbox.v1", "inbox.enriched.v1")

    shown = (await service.public.get(f"/api/parked/{summary['id']}", headers=service.admin)).json()
    assert shown["original"]["item"]["message_id"] == "m-1"
    await service.broker.publish([item_parked(id="9" * 32, original=b"\xc1")])
    answer = await service.public.post(
        "/api/parked/replay", headers=service.admin, json={"ids": [summary["id"], "9" * 32, "unknown"]}
    )
    replayed = answer.json()
    assert replayed["replayed"] == [summary["id"]]
    assert {left["id"] for left in replayed["not_replayed"]} == {"9" * 32, "unknown"}
    assert all(left["reason"] for left in replayed["not_replayed"])
    missing = await service.public.get("/api/parked/unknown", headers=service.admin)
    assert problem(missing) == (404, "not-found")


async def test_a_replay_that_fails_again_is_not_listed_as_replayed(service: Service) -> None:
    await service.broker.publish([message("m-1", content="\0")])
    [summary] = (await service.public.get("/api/parked", headers=service.admin)).json()
    await service.public.post("/api/parked/replay", headers=service.admin, json={"ids": [summary["id"]]})

    [again] = (await service.public.get("/api/parked", headers=service.admin)).json()
    assert (again["id"], again["replayed_at"]) == (summary["id"], None)
    assert again["parked_at"] > summary["parked_at"]


async def test_unreplayed_parked_items_are_listed_in_pages(service: Service, database: Database) -> None:
    await service.broker.publish([item_parked(id=f"{number:032x}", original=b"\xc1") for number in range(5)])
    await mark_replayed(database, [f"{3:032x}"], now=now())
    found: list[str] = []
    url: str | None = "/api/parked?limit=2&unreplayed=true"
    while url is not None:
        page = await service.public.get(url, headers=service.admin)
        found += [item["id"] for item in page.json()]
        url = page.links.get("next", {}).get("url")
    assert found == [f"{number:032x}" for number in (4, 2, 1, 0)]


@pytest.mark.parametrize(
    ("token", "place"),
    [
        ("EAAB…", "U+2026 (horizontal ellipsis) at position 5"),
        ("EAAB\n", "U+000A (a control character) at position 5"),
        (" EAAB", "U+0020 (space) at position 1"),
    ],
)
async def test_an_access_token_that_no_request_can_carry_is_refused(service: Service, token: str, place: str) -> None:
    answer = await service.connect(access_token=token)

    assert answer.status_code == 422
    [problem] = answer.json()["errors"]
    assert problem["field"] == "body.access_token"
    assert place in problem["message"]
    assert "EAAB" not in answer.text
    assert (await service.public.get("/api/accounts", headers=service.admin)).json() == []
