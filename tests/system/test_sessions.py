"""Every kind of frame of a real session matches the published schemas."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from switchboard.contracts.frames import SERVER_FRAMES
from tests.acceptance.corpus import read_corpus
from tests.acceptance.plan import pages_of
from tests.contract.documents import complaints
from tests.system.running import System, eventually, running_system

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

USER = "reader"
CORPUS = Path(__file__).parents[1] / "acceptance" / "corpus"


class Session:
    """A device and every frame that it receives."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []

    def count(self, kind: str) -> int:
        return sum(frame["type"] == kind for frame in self.frames)

    async def listen(self) -> None:
        async for text in self.socket:
            self.frames.append(json.loads(text))

    async def send(self, **frame: Any) -> None:
        assert complaints("client-frame", frame) == []
        await self.socket.send(json.dumps(frame))


async def play_corpus(system: System, session: Session) -> None:
    """Play our corpus to pages of this user."""
    cases = read_corpus(CORPUS)
    for platform, page_id in sorted({(case.platform, page) for case in cases for page in pages_of(case)}):
        await system.connect_page(platform, page_id, USER)
    for case in cases:
        assert await system.post(case.platform, case.body) == 200
    await eventually(lambda: session.count("new_message") >= 30 and session.count("message_updated") >= 5)


async def send_client_frames(token: str, one: Session, other: Session) -> None:
    """Send every kind of client frame."""
    conversation_id = next(frame["data"]["conversation_id"] for frame in one.frames if frame["type"] == "new_message")
    await one.send(type="auth", token=token)
    await one.send(type="typing", conversation_id=conversation_id)
    await one.send(type="viewing", conversation_id=conversation_id)
    await one.send(type="read", conversation_id=conversation_id, up_to_seq=2**53)
    await one.socket.send("ping")
    wanted = [(one, "pong"), (other, "typing"), (other, "presence"), (one, "conversation_updated"), (one, "heartbeat")]
    await eventually(lambda: all(session.count(kind) for session, kind in wanted), what="all kinds of frames")


async def erase_someone(system: System, token: str, session: Session) -> None:
    conversation = next(frame["data"]["conversation"] for frame in session.frames if frame["type"] == "new_message")
    path = f"people/{conversation['platform']}/{conversation['participant_id']}"
    headers = {"Authorization": f"Bearer {token}"}
    response = await system.http.delete(f"{system.urls['api']}/{path}", headers=headers)
    assert response.status_code == 202, response.text
    await eventually(lambda: session.count("conversation_removed"), what="the end of the conversation")


async def test_every_frame_of_a_session_matches_its_schema(tmp_path: Path, environment: dict[str, str]) -> None:
    async with running_system(
        tmp_path,
        "--no-simulator",
        "--graph-url",
        "http://127.0.0.1:9",
        environment={**environment, "SWITCHBOARD_HEARTBEAT_SECONDS": "1"},
    ) as system:
        token = await system.token(USER)
        async with (
            connect(system.socket_url(USER, token, client="one")) as first,
            connect(system.socket_url(USER, token, client="other", after=99999)) as second,
        ):
            one, other = Session(first), Session(second)
            tasks = [asyncio.create_task(session.listen()) for session in (one, other)]
            await eventually(lambda: one.count("hello") and other.count("reset"))
            await play_corpus(system, one)
            await send_client_frames(token, one, other)
            await erase_someone(system, token, one)
        await asyncio.gather(*tasks)

    frames = one.frames + other.frames
    found = {(frame["type"], complaint) for frame in frames for complaint in complaints("server-frame", frame)}
    assert found == set()
    assert set(Counter(frame["type"] for frame in frames)) == set(SERVER_FRAMES)
