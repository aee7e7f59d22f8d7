"""A user who knows every id of another reads nothing and changes nothing, over any operation of the REST API."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx
import pytest

from tests.attack.conftest import CUSTOMER, SECRET_WORDS, Victim, close_code
from tests.system.running import System

pytestmark = [pytest.mark.attack, pytest.mark.system, pytest.mark.timeout(120)]

_METHODS = ("get", "post", "put", "patch", "delete")
_BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"up_to_seq": 10**6},
    {"user_id": "mallory"},
    {"user_id": "mallory", "ttl_seconds": 60},
    {"up_to_seq": 10**6, "user_id": "alice"},
)


def requests(document: dict[str, Any], victim: Victim) -> Iterator[tuple[str, str, dict[str, str], Any]]:
    """Yield method, path, query and body for every operation, with the victim's ids wherever one is asked for."""
    known = {
        "conversation_id": victim.conversation_id,
        "participant_id": CUSTOMER,
        "message_id": str(victim.message_id),
        "id": str(victim.message_id),
        "platform": "facebook",
        "page_id": victim.page_id,
        "user_id": victim.user_id,
        "q": SECRET_WORDS,
    }
    for template, operations in document["paths"].items():
        for method, operation in operations.items():
            if method not in _METHODS:
                continue
            parameters = operation.get("parameters", [])
            path = template
            for one in parameters:
                path = path.replace(f"{{{one['name']}}}", known.get(one["name"], "1"))
            query = {
                one["name"]: known[one["name"]] for one in parameters if one["in"] == "query" and one["name"] in known
            }
            required = {
                one["name"]: known[one["name"]] for one in parameters if one.get("required") and one["in"] == "query"
            }
            for body, sent in product(_BODIES if "requestBody" in operation else (None,), (query, required)):
                yield method, path, sent, body


async def contents(system: System, victim: Victim) -> list[Any]:
    """Return everything that the victim sees."""
    token = await system.token(victim.user_id)
    paths = ("/conversations", f"/conversations/{victim.conversation_id}/messages", "/accounts", "/records")
    return [await system.get(path, token) for path in paths]


@pytest.mark.parametrize("attacker", ["mallory", None])
async def test_no_operation_shows_or_changes_what_belongs_to_another_user(
    system: System, victim: Victim, attacker: str | None
) -> None:
    headers = {} if attacker is None else {"Authorization": f"Bearer {await system.token(attacker)}"}
    origin = system.urls["api"].removesuffix("/api")
    document = (await system.http.get(f"{system.urls['api']}/openapi.json")).json()
    before = await contents(system, victim)
    tried = 0
    for method, path, query, body in requests(document, victim):
        response = await system.http.request(method, f"{origin}{path}", params=query, json=body, headers=headers)
        tried += 1
        what = f"{method} {path} {query} {body}: {response.status_code} {response.text}"
        assert SECRET_WORDS not in response.text, what
        assert response.status_code < 500, what
        assert attacker is not None or response.status_code in (400, 401, 403, 404, 422), what
    assert tried > len(document["paths"])
    assert await contents(system, victim) == before


async def test_a_list_of_another_user_cannot_be_requested_with_the_own_token(system: System, victim: Victim) -> None:
    headers = {"Authorization": f"Bearer {await system.token('mallory')}"}
    for user_id in (victim.user_id, f"{victim.user_id} ", "ALICE", "%61lice", "alice%00", "*", ""):
        response = await system.http.get(
            f"{system.urls['api']}/conversations", params={"user_id": user_id}, headers=headers
        )
        assert response.status_code in (403, 422), f"{user_id!r}: {response.status_code} {response.text}"
    both = httpx.QueryParams([("user_id", "mallory"), ("user_id", victim.user_id)])
    response = await system.http.get(f"{system.urls['api']}/conversations", params=both, headers=headers)
    assert SECRET_WORDS not in response.text


@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_frames_of_another_user_are_refused(system: System, victim: Victim, transport: str) -> None:
    token = await system.token("mallory")
    if transport == "ws":
        assert await close_code(system.socket_url(victim.user_id, token, after=0)) == 4003
        return
    stream = system.urls["ws"].replace("ws", "http", 1).replace("/ws", "/sse")
    response = await system.http.get(f"{stream}/{victim.user_id}?token={token}&after=0")
    assert response.status_code == 403


async def test_a_cursor_of_another_user_opens_nothing(system: System, victim: Victim) -> None:
    """The cursor is the victim's own, from a page of one row."""
    await system.post("facebook", _second_conversation(victim))
    alice = {"Authorization": f"Bearer {await system.token(victim.user_id)}"}
    page = await system.http.get(f"{system.urls['api']}/conversations", params={"limit": 1}, headers=alice)
    assert page.status_code == 200
    mallory = {"Authorization": f"Bearer {await system.token('mallory')}"}
    for link in page.links.values():
        url = page.url.join(link["url"])
        for sent in (url, url.copy_set_param("user_id", "mallory"), url.copy_set_param("user_id", victim.user_id)):
            response = await system.http.get(sent, headers=mallory)
            assert SECRET_WORDS not in response.text, str(sent)
            assert response.status_code in (200, 400, 403, 422), f"{sent}: {response.text}"


def _second_conversation(victim: Victim) -> dict[str, Any]:
    item = {"sender": {"id": "7000000000000002"}, "recipient": {"id": victim.page_id}, "timestamp": 1_767_355_100_000}
    message = {"mid": "m_second", "text": SECRET_WORDS}
    return {"object": "page", "entry": [{"id": victim.page_id, "time": 1, "messaging": [{**item, "message": message}]}]}
