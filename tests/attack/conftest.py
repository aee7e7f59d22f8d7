"""One running system for all attacks, with a victim in it. A system that survives them all is part of the test."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from shared.contracts import conversation_id
from tests.fixtures.postgres import NewDatabases
from tests.system.running import System, eventually, running_system

SECRET_WORDS = "the blue shirt for Ada"
"""What the victim's customer wrote. No answer to anybody else may contain it."""
CUSTOMER = "7000000000000001"
_PAGE = "1000000000000001"


async def close_code(url: str) -> int:
    """Connect to a socket that is to be refused; return the code that it closes with. A frame would be a failure."""
    async with connect(url) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code is not None
        return socket.close_code


@dataclass(frozen=True)
class Victim:
    """A user with one conversation, whose ids an attacker knows."""

    user_id: str
    page_id: str
    conversation_id: str
    message_id: int


@pytest.fixture(scope="package")
def shared_system(new_databases: NewDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("attacked")
    arguments = ("--no-simulator", "--graph-url", "http://127.0.0.1:9")
    with new_databases() as database_url, start_blocking_portal() as portal:
        running = running_system(folder, *arguments, environment={"DATABASE_URL": database_url})
        with portal.wrap_async_context_manager(running) as system:
            yield system


@pytest.fixture
async def system(shared_system: System) -> AsyncIterator[System]:
    async with httpx.AsyncClient(timeout=10) as http:
        yield replace(shared_system, http=http, user="alice", page_id=_PAGE)


@pytest.fixture
async def victim(system: System) -> Victim:
    await system.connect_page("facebook", _PAGE, "alice", name="Blue Things")
    item = {"sender": {"id": CUSTOMER}, "recipient": {"id": _PAGE}, "timestamp": 1_767_355_200_000}
    message = {"mid": "m_victim", "text": SECRET_WORDS}
    body = {"object": "page", "entry": [{"id": _PAGE, "time": 1, "messaging": [{**item, "message": message}]}]}
    assert await system.post("facebook", body) == 200
    conversation = conversation_id("facebook", "alice", CUSTOMER)
    path, token = f"/conversations/{conversation}/messages", await system.token("alice")
    messages: list[dict[str, Any]] = []

    async def is_stored() -> bool:
        url, headers = f"{system.urls['api']}{path}", {"Authorization": f"Bearer {token}"}
        response = await system.http.get(url, headers=headers)
        messages[:] = response.json() if response.is_success else []
        return bool(messages)

    await eventually(is_stored, what="the victim's message")
    return Victim("alice", _PAGE, conversation, messages[0]["id"])
