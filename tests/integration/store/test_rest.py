import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import httpx
import jwt
import msgspec
import pytest
from pydantic import SecretStr

from shared.contracts import AccountChangedV1, InboxPersistedV1, Profile, conversation_id
from shared.contracts.inbox import Account, Conversation, Message
from shared.messaging.topology import ENRICHER_ACCOUNTS, GATEWAY_INBOX
from shared.security.user_tokens import mint
from store.repository.database import Database
from store.repository.log import prune
from store.repository.parked import mark_replayed
from tests.builders import item_parked
from tests.integration.store.parts import JWT_SECRET, Service, at, message, now
from tests.recorder import Listener, eventually

ADA = Profile(name="Ada", username="ada", fetched_at=at(0))


async def some_messages(service: Service, number: int = 5, user: str = "user-1", people: int = 2) -> None:
    await service.broker.publish(
        [
            message(f"m-{i}", user=user, person=f"person-{i % people}", created_at=at(i), participant=ADA)
            for i in range(number)
        ]
    )


async def every_page(service: Service, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await service.get(path, **parameters)
    found: list[dict[str, Any]] = []
    while True:
        assert answer.status_code == 200, answer.text
        found += answer.json()
        following = answer.links.get("next")
        if following is None:
            return found
        answer = await service.public.get(following["url"], headers=service.as_user())


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["type"].rsplit(":", 1)[1]


async def test_conversations_come_newest_first_page_by_page(service: Service) -> None:
    await some_messages(service, 7, people=5)
    found = await every_page(service, "/api/conversations", limit=2)

    assert [row["participant_id"] for row in found] == [f"person-{i}" for i in (1, 0, 4, 3, 2)]
    conversation = msgspec.convert(found[0], Conversation)
    assert conversation.last_message is not None
    assert (conversation.unread_count, conversation.last_message.content) == (2, "text of m-6")
    assert conversation.last_message.sender_name == conversation.participant_name == "Ada"


async def test_a_list_says_where_the_log_was_before_it_was_read(service: Service) -> None:
    await some_messages(service, 3)
    answer = await service.get("/api/conversations", user_id="user-1")
    assert answer.headers["Inbox-Seq"] == "3"
    assert answer.headers["Inbox-Epoch"] == (await service.get("/api/events")).headers["Inbox-Epoch"] != ""


async def test_conversations_can_be_those_of_one_platform_or_with_unread_messages(service: Service) -> None:
    await service.broker.publish(
        [
            message("m-1", person="a"),
            message("m-2", person="b", platform="instagram"),
            message("m-3", person="c", direction="outgoing", sender_id="page-1"),
        ]
    )
    instagram = await every_page(service, "/api/conversations", platform="instagram")
    unread = await every_page(service, "/api/conversations", unread=True, limit=1)
    assert [row["participant_id"] for row in instagram] == ["b"]
    assert sorted(str(row["participant_id"]) for row in unread) == ["a", "b"]


async def test_messages_come_newest_first_page_by_page_and_ties_are_not_lost(service: Service) -> None:
    events = [message(f"m-{i}", created_at=at(i // 3), participant=ADA) for i in range(8)]
    await service.broker.publish([*events[4:], *events[:4]])
    found = await every_page(service, f"/api/conversations/{events[0].conversation_id}/messages", limit=3)

    assert [row["message_id"] for row in found] == [f"m-{i}" for i in (7, 6, 5, 4, 3, 2, 1, 0)]
    told = msgspec.convert(found[0], Message)
    assert (told.sender_name, told.status, told.created_at) == ("Ada", None, at(2))
    assert str(found[0]["created_at"]).endswith("Z")


async def test_an_outgoing_message_is_named_after_its_account(service: Service) -> None:
    await service.connect(name="The Shop")
    await service.broker.publish([message("m-1", direction="outgoing", sender_id="page-1")])
    path = f"/api/conversations/{conversation_id('facebook', 'user-1', 'person-1')}/messages"
    [told] = (await service.get(path)).json()
    assert (told["sender_name"], told["status"], told["direction"]) == ("The Shop", "sent", "outgoing")


async def test_the_event_log_is_read_from_anywhere_and_says_when_it_no_longer_reaches_back(service: Service) -> None:
    await some_messages(service, 5)
    frames = await every_page(service, "/api/events", after=1, limit=2)
    assert [frame["seq"] for frame in frames] == [2, 3, 4, 5]
    assert {frame["type"] for frame in frames} == {"new_message"}

    assert (await service.get("/api/events", after=5)).json() == []
    assert (await service.get("/api/events", after=50)).json() == []


async def test_a_log_that_was_pruned_answers_gone(service: Service, database: Database) -> None:
    await some_messages(service, 3)
    await prune(database, before=now() + timedelta(seconds=1), most_rounds=10)

    gone = await service.get("/api/events", after=2)
    assert problem(gone) == (410, "events-gone")
    assert gone.headers["Inbox-Seq"] == "3"
    assert (await service.get("/api/events", after=3)).json() == []


async def test_one_conversation_is_shown_as_the_list_shows_it(service: Service) -> None:
    await some_messages(service, 3)
    listed = await service.get("/api/conversations")
    for conversation in listed.json():
        shown = await service.get(f"/api/conversations/{conversation['conversation_id']}")
        assert shown.json() == conversation
        assert shown.headers["Inbox-Seq"] == listed.headers["Inbox-Seq"]
        assert shown.headers["Inbox-Epoch"] == listed.headers["Inbox-Epoch"]
    assert problem(await service.get(f"/api/conversations/{'0' * 16}")) == (404, "not-found")


async def test_nobody_reads_another_users_inbox(service: Service) -> None:
    await some_messages(service, 3, user="user-1")
    mine = conversation_id("facebook", "user-1", "person-0")

    assert (await service.get("/api/conversations", "user-2")).json() == []
    assert (await service.get("/api/events", "user-2")).json() == []
    for path in (f"/api/conversations/{mine}", f"/api/conversations/{mine}/messages"):
        assert problem(await service.get(path, "user-2")) == (404, "not-found")
    for path in (
        "/api/conversations",
        "/api/events",
        f"/api/conversations/{mine}",
        f"/api/conversations/{mine}/messages",
    ):
        assert problem(await service.get(path, "user-2", user_id="user-1")) == (403, "forbidden")

    cursor = (await service.get("/api/conversations", limit=1)).links["next"]["url"].split("cursor=")[1]
    stolen = await service.get("/api/conversations", "user-2", limit=1, cursor=cursor)
    assert problem(stolen) == (422, "invalid-cursor")
    elsewhere = await service.get(f"/api/conversations/{mine}/messages", cursor=cursor)
    assert problem(elsewhere) == (422, "invalid-cursor")


@pytest.mark.parametrize("path", ["/api/conversations", "/api/events", f"/api/conversations/{'0' * 16}/messages"])
async def test_without_a_valid_token_nothing_is_read(service: Service, path: str) -> None:
    expired, _ = mint(SecretStr(JWT_SECRET), "user-1", now=now() - timedelta(hours=2), ttl=timedelta(hours=1))
    forged, _ = mint(SecretStr("x" * 32), "user-1", now=now(), ttl=timedelta(hours=1))
    for headers in ({}, {"Authorization": f"Bearer {expired}"}, {"Authorization": f"Bearer {forged}"}, service.admin):
        answer = await service.public.get(path, headers=headers)
        assert problem(answer) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/api/conversations", {"limit": 201}),
        ("/api/conversations", {"limit": 0}),
        ("/api/conversations", {"platform": "telegraph"}),
        ("/api/conversations", {"cursor": "forged"}),
        ("/api/events", {"limit": 1001}),
        ("/api/events", {"after": -1}),
        ("/api/conversations/not-an-id", {}),
        ("/api/conversations/not-an-id/messages", {}),
    ],
)
async def test_what_does_not_fit_is_a_problem(service: Service, path: str, parameters: dict[str, Any]) -> None:
    assert problem(await service.get(path, **parameters))[0] == 422


async def test_unknown_paths_and_methods_are_problems(service: Service) -> None:
    assert problem(await service.public.get("/api/nothing")) == (404, "not-found")
    assert problem(await service.public.post("/api/events")) == (405, "method-not-allowed")


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


async def test_a_refused_account_never_repeats_what_was_sent(service: Service) -> None:
    answer = await service.connect(user="no spaces, please", access_token="a-secret-token", more="?")
    assert problem(answer) == (422, "invalid-request")
    assert {error["field"] for error in answer.json()["errors"]} == {"body.user_id", "body.more"}
    assert "a-secret-token" not in answer.text


async def test_a_rest_write_is_heard_at_once(service: Service) -> None:
    inboxes, owners = Listener(), Listener()
    async with (
        service.broker.tail(GATEWAY_INBOX, inboxes, on_gap=inboxes.on_gap) as inbox_tail,
        service.broker.tail(ENRICHER_ACCOUNTS, owners, on_gap=owners.on_gap) as owner_tail,
    ):
        for shard in range(16):
            await inbox_tail.bind(shard)
        await owner_tail.bind(0)
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


async def test_a_minted_token_opens_the_users_inbox_and_is_audited(service: Service) -> None:
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


async def test_where_tokens_come_from_elsewhere_none_are_minted(
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


async def test_a_replay_that_fails_again_does_not_show_as_replayed(service: Service) -> None:
    await service.broker.publish([message("m-1", content="\0")])
    [summary] = (await service.public.get("/api/parked", headers=service.admin)).json()
    await service.public.post("/api/parked/replay", headers=service.admin, json={"ids": [summary["id"]]})

    [again] = (await service.public.get("/api/parked", headers=service.admin)).json()
    assert (again["id"], again["replayed_at"]) == (summary["id"], None)
    assert again["parked_at"] > summary["parked_at"]


async def test_parked_items_are_listed_page_by_page_and_without_those_replayed(
    service: Service, database: Database
) -> None:
    await service.broker.publish([item_parked(id=f"{number:032x}", original=b"\xc1") for number in range(5)])
    await mark_replayed(database, [f"{3:032x}"], now=now())
    found: list[str] = []
    url: str | None = "/api/parked?limit=2&unreplayed=true"
    while url is not None:
        page = await service.public.get(url, headers=service.admin)
        found += [item["id"] for item in page.json()]
        url = page.links.get("next", {}).get("url")
    assert found == [f"{number:032x}" for number in (4, 2, 1, 0)]


async def test_cold_requests_do_not_wait_for_each_others_connections(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    async with start(database_pool_size=2, database_timeout_seconds=3) as service, asyncio.timeout(2.5):
        answers = await asyncio.gather(*(service.get("/api/conversations") for _ in range(16)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_body_that_is_too_long_is_refused_whoever_asks(service: Service) -> None:
    async def in_pieces(pieces: int) -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield b"x" * 8192

    said = await service.public.post("/api/tokens", content=b"x" * 65_537)
    streamed = await service.public.post("/api/tokens", content=in_pieces(9))
    assert problem(said) == problem(streamed) == (413, "too-large")
    said = await service.internal.post("/internal/tops", content=b" " * (2 * 1024 * 1024 + 1))
    streamed = await service.internal.post("/internal/tops", content=in_pieces(257))
    assert problem(said) == problem(streamed) == (413, "too-large")
    padded = b'{"user_id": 7}' + b" " * 60_000
    is_json = {"Content-Type": "application/json"}
    good = await service.public.post("/api/tokens", headers={**service.admin, **is_json}, content=padded)
    assert good.status_code == 201


async def test_what_postgres_cannot_hold_is_a_problem_of_the_request(service: Service) -> None:
    assert problem(await service.connect(name="A\0da")) == (422, "invalid-request")


async def test_browsers_of_allowed_origins_may_ask(start: Callable[..., AbstractAsyncContextManager[Service]]) -> None:
    async with start(allowed_origins="https://inbox.example") as service:
        allowed = await service.public.get("/healthz", headers={"Origin": "https://inbox.example"})
        other = await service.public.get("/healthz", headers={"Origin": "https://evil.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://inbox.example"
    assert "Inbox-Seq" in allowed.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers


async def test_openapi_describes_every_answer(service: Service) -> None:
    schema = (await service.public.get("/api/openapi.json")).json()
    schemas = schema["components"]["schemas"]
    assert {"Conversation", "Message", "Account", "Frame", "Problem", "AccountBody", "TokenBody"} <= set(schemas)
    for path, operations in schema["paths"].items():
        for name, operation in operations.items():
            good = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            assert good, (path, name)
            assert name == "delete" or all("schema" in content for one in good for content in one["content"].values())
    text = msgspec.json.encode(schema).decode()
    for reference in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert reference in schemas


async def test_metrics_and_readiness_are_served(service: Service) -> None:
    await some_messages(service, 2)
    assert (await service.public.get("/readyz")).json() == {"status": "ok"}
    assert 'store_changes_total{kind="new_message"} 2.0' in (await service.public.get("/metrics")).text
