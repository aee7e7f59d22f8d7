"""A signed webhook becomes a frame on its user's WebSocket and a row over REST, in one process and in four."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr
from websockets.asyncio.client import connect

from shared.contracts import conversation_id
from shared.security.user_tokens import mint
from tests.fixtures.postgres import NewDatabases
from tests.fixtures.systems import given_broker
from tests.system.bodies import CASES, HARMLESS, Case
from tests.system.ledger import assert_balanced
from tests.system.running import System, connected_client, eventually, running_system

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["one process", "four processes"])
async def system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_databases: NewDatabases
) -> AsyncIterator[System]:
    arguments = ["--processes"] if request.param == "four processes" else []
    data_dir: Path = tmp_path_factory.mktemp("system")
    with new_databases() as database_url:
        environment = {"DATABASE_URL": database_url, **await given_broker()}
        async with running_system(
            data_dir, "--no-simulator", "--graph-url", "http://127.0.0.1:9", *arguments, environment=environment
        ) as system:
            yield system


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_a_webhook_becomes_a_frame_and_a_row_of_its_user_only(system: System, case: Case) -> None:
    user, other = f"user of {case.name}".replace(" ", "-"), "somebody-else"
    await system.connect_page(case.platform, case.page_id, user)
    async with connected_client(system, user) as client, connected_client(system, other) as bystander:
        assert await system.post(case.platform, case.body) == 200
        await eventually(lambda: client.messages, what="the frame")

    [message] = client.messages
    conversation = conversation_id(case.platform, user, case.participant_id)  # type: ignore[arg-type]  # a case's own
    assert {name: message[name] for name in ("platform", "page_id", "direction", "content", "message_id")} == {
        "platform": case.platform,
        "page_id": case.page_id,
        "direction": case.direction,
        "content": case.text,
        "message_id": case.message_id,
    }
    assert message["conversation_id"] == conversation
    assert message["sender_id"] == (case.participant_id if case.direction == "incoming" else case.page_id)
    assert bystander.frames == []
    token = await system.token(user)
    [row] = await system.get("/conversations", token)
    assert (row["conversation_id"], row["participant_id"]) == (conversation, case.participant_id)
    assert row["unread_count"] == (1 if case.direction == "incoming" else 0)
    assert await system.get(f"/conversations/{conversation}/messages", token) == [message]


async def test_a_repeated_webhook_changes_nothing(system: System) -> None:
    case = CASES[0]
    await system.connect_page(case.platform, "page-of-repeats", "repeats")
    body = case.body.replace(case.page_id.encode(), b"page-of-repeats")
    async with connected_client(system, "repeats") as client:
        for _ in range(3):
            assert await system.post(case.platform, body) == 200
        assert await system.post(case.platform, body.replace(b"m_1", b"m_last")) == 200
        await eventually(lambda: len({m["message_id"] for m in client.messages}) == 2, what="both messages")

    assert [message["message_id"] for message in client.messages] == ["m_1", "m_last"]
    assert client.seqs == sorted(set(client.seqs))


async def test_bodies_of_other_types_are_accepted_and_do_no_harm(system: System) -> None:
    await system.connect_page("facebook", "743424235760659", "harmless")
    await system.connect_page("whatsapp", "106540352242922", "harmless")
    async with connected_client(system, "harmless") as client:
        assert {await system.post("facebook", body) for body in HARMLESS} == {200}
        assert await system.post("facebook", CASES[0].body) == 200
        await eventually(lambda: client.messages, what="the message after them")

    assert [message["content"] for message in client.messages] == [CASES[0].text]


async def test_a_message_of_an_unclaimed_page_arrives_once_the_page_is_connected(system: System) -> None:
    case = CASES[0]
    body = case.body.replace(case.page_id.encode(), b"page-of-nobody")
    async with connected_client(system, "late-owner") as client:
        assert await system.post("facebook", body) == 200
        await asyncio.sleep(0.3)  # until it is stored as unclaimed, which cannot be observed from outside
        await system.connect_page("facebook", "page-of-nobody", "late-owner")
        await eventually(lambda: client.messages, what="the message that waited")

    assert [message["content"] for message in client.messages] == [case.text]


@pytest.mark.parametrize(
    ("path_user", "token", "code"),
    [("me", "garbage", 4001), ("me", "expired", 4001), ("somebody-else", "good", 4003)],
)
async def test_an_unauthorized_socket_is_closed_with_the_right_code(
    system: System, path_user: str, token: str, code: int
) -> None:
    if token == "expired":
        secret = json.loads((system.data_dir / "credentials.json").read_text())["jwt_secret"]
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        token, _ = mint(SecretStr(secret), "me", now=an_hour_ago, ttl=timedelta(minutes=1))
    elif token == "good":
        token = await system.token("me")
    async with connect(system.socket_url(path_user, token)) as socket:
        await asyncio.wait_for(socket.wait_closed(), 5)

    assert socket.close_code == code


async def test_another_users_inbox_is_refused_over_rest(system: System) -> None:
    token = await system.token("me")

    response = await system.http.get(
        f"{system.urls['api']}/conversations?user_id=somebody-else", headers={"Authorization": f"Bearer {token}"}
    )

    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_forged_webhook_is_refused(system: System) -> None:
    response = await system.http.post(
        f"{system.urls['webhooks']}/facebook",
        content=CASES[0].body,
        headers={"X-Hub-Signature-256": "sha256=" + "0" * 64},
    )

    assert response.status_code == 401


async def test_every_item_of_these_tests_is_accounted_for(system: System) -> None:
    await assert_balanced(system)
