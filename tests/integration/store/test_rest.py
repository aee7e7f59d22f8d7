import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from shared.contracts import Profile, conversation_id
from shared.contracts.inbox import Conversation, Message
from shared.security.user_tokens import mint
from store.repository.inbox.event_log import prune
from store.repository.postgres.database import Database
from tests.integration.store.parts import JWT_SECRET, Service, at, message, now, problem

ADA = Profile(name="Ada", username="ada", fetched_at=at(0))


async def publish_messages(service: Service, number: int = 5, user: str = "user-1", people: int = 2) -> None:
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


async def test_conversations_are_listed_newest_first_in_pages(service: Service) -> None:
    await publish_messages(service, 7, people=5)
    found = await every_page(service, "/api/conversations", limit=2)

    assert [row["participant_id"] for row in found] == [f"person-{i}" for i in (1, 0, 4, 3, 2)]
    conversation = msgspec.convert(found[0], Conversation)
    assert conversation.last_message is not None
    assert (conversation.unread_count, conversation.last_message.content) == (2, "text of m-6")
    assert conversation.last_message.sender_name == conversation.participant_name == "Ada"


async def test_a_list_has_the_seq_and_epoch_of_the_inbox(service: Service) -> None:
    await publish_messages(service, 3)
    answer = await service.get("/api/conversations", user_id="user-1")
    assert answer.headers["Inbox-Seq"] == "3"
    assert answer.headers["Inbox-Epoch"] == (await service.get("/api/events")).headers["Inbox-Epoch"] != ""


async def test_conversations_are_filtered_by_platform_and_unread(service: Service) -> None:
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


async def test_messages_are_listed_newest_first_in_pages_without_losing_ties(service: Service) -> None:
    events = [message(f"m-{i}", created_at=at(i // 3), participant=ADA) for i in range(8)]
    await service.broker.publish([*events[4:], *events[:4]])
    found = await every_page(service, f"/api/conversations/{events[0].conversation_id}/messages", limit=3)

    assert [row["message_id"] for row in found] == [f"m-{i}" for i in (7, 6, 5, 4, 3, 2, 1, 0)]
    told = msgspec.convert(found[0], Message)
    assert (told.sender_name, told.status, told.created_at) == ("Ada", None, at(2))
    assert str(found[0]["created_at"]).endswith("Z")


async def test_an_outgoing_message_has_the_name_of_its_account(service: Service) -> None:
    await service.connect(name="The Shop")
    await service.broker.publish([message("m-1", direction="outgoing", sender_id="page-1")])
    path = f"/api/conversations/{conversation_id('facebook', 'user-1', 'person-1')}/messages"
    [told] = (await service.get(path)).json()
    assert (told["sender_name"], told["status"], told["direction"]) == ("The Shop", "sent", "outgoing")


async def test_the_event_log_is_read_from_any_position(service: Service) -> None:
    await publish_messages(service, 5)
    frames = await every_page(service, "/api/events", after=1, limit=2)
    assert [frame["seq"] for frame in frames] == [2, 3, 4, 5]
    assert {frame["type"] for frame in frames} == {"new_message"}

    assert (await service.get("/api/events", after=5)).json() == []
    assert (await service.get("/api/events", after=50)).json() == []


async def test_a_pruned_log_returns_410(service: Service, database: Database) -> None:
    await publish_messages(service, 3)
    await prune(database, before=now() + timedelta(seconds=1), limit=100)

    gone = await service.get("/api/events", after=2)
    assert problem(gone) == (410, "events-gone")
    assert gone.headers["Inbox-Seq"] == "3"
    assert (await service.get("/api/events", after=3)).json() == []


async def test_a_single_conversation_equals_its_list_entry(service: Service) -> None:
    await publish_messages(service, 3)
    listed = await service.get("/api/conversations")
    for conversation in listed.json():
        visible = await service.get(f"/api/conversations/{conversation['conversation_id']}")
        assert visible.json() == conversation
        assert visible.headers["Inbox-Seq"] == listed.headers["Inbox-Seq"]
        assert visible.headers["Inbox-Epoch"] == listed.headers["Inbox-Epoch"]
    assert problem(await service.get(f"/api/conversations/{'0' * 16}")) == (404, "not-found")


async def test_nobody_reads_another_users_inbox(service: Service) -> None:
    await publish_messages(service, 3, user="user-1")
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


@pytest.mark.parametrize(
    "path",
    ["/api/conversations", "/api/events", f"/api/conversations/{'0' * 16}", f"/api/conversations/{'0' * 16}/messages"],
)
async def test_reading_requires_a_valid_token(service: Service, path: str) -> None:
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
async def test_invalid_parameters_are_problems(service: Service, path: str, parameters: dict[str, Any]) -> None:
    assert problem(await service.get(path, **parameters))[0] == 422


async def test_unknown_paths_and_methods_are_problems(service: Service) -> None:
    assert problem(await service.public.get("/api/nothing")) == (404, "not-found")
    assert problem(await service.public.post("/api/events")) == (405, "method-not-allowed")


async def test_concurrent_requests_to_a_cold_pool_all_succeed(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    async with start(database_pool_size=2, database_timeout_seconds=3) as service, asyncio.timeout(2.5):
        answers = await asyncio.gather(*(service.get("/api/conversations") for _ in range(16)))
    assert {answer.status_code for answer in answers} == {200}


async def test_a_body_over_the_size_limit_is_refused(service: Service) -> None:
    async def chunks(pieces: int) -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield b"x" * 8192

    said = await service.public.post("/api/tokens", content=b"x" * 65_537)
    streamed = await service.public.post("/api/tokens", content=chunks(9))
    assert problem(said) == problem(streamed) == (413, "too-large")
    said = await service.internal.post("/internal/tops", content=b" " * (2 * 1024 * 1024 + 1))
    streamed = await service.internal.post("/internal/tops", content=chunks(257))
    assert problem(said) == problem(streamed) == (413, "too-large")
    padded = b'{"user_id": 7}' + b" " * 60_000
    is_json = {"Content-Type": "application/json"}
    good = await service.public.post("/api/tokens", headers={**service.admin, **is_json}, content=padded)
    assert good.status_code == 201


async def test_text_that_postgres_cannot_store_is_an_invalid_request(service: Service) -> None:
    assert problem(await service.connect(name="A\0da")) == (422, "invalid-request")


async def test_only_allowed_origins_get_cors_headers(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    async with start(allowed_origins="https://inbox.example") as service:
        allowed = await service.public.get("/healthz", headers={"Origin": "https://inbox.example"})
        other = await service.public.get("/healthz", headers={"Origin": "https://evil.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://inbox.example"
    assert "Inbox-Seq" in allowed.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers


async def test_openapi_describes_every_response(service: Service) -> None:
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
    await publish_messages(service, 2)
    assert (await service.public.get("/readyz")).json() == {"status": "ok"}
    assert 'store_changes_total{kind="new_message"} 2.0' in (await service.public.get("/metrics")).text
