"""What a vector consists of, and the parts that many of them share."""

from datetime import timedelta
from typing import NamedTuple

from tests.contract.inbox_server import ADA, EPOCH, TEN_O_CLOCK, InboxServer
from tests.convergence.reducer import Json


class Vector(NamedTuple):
    """One file in vectors/. Its README explains the parts."""

    name: str
    description: str
    snapshot: Json | None
    frames: list[Json]
    expected: Json


def server_with_messages() -> InboxServer:
    """Return a server with a connected page and a conversation of two messages."""
    server = InboxServer()
    server.connect_page()
    server.incoming(ADA, "m_1", "Is the blue one still there?")
    server.outgoing(ADA, "m_2", "It is.")
    return server


def connect(after: int | None, epoch: str | None = EPOCH) -> Json:
    """Return the step in which the client opens a new connection."""
    return {"step": "connect", "after": after, "epoch": None if after is None else epoch}


def load(server: InboxServer, *people: str) -> Json:
    """Return the step in which the client's load is answered, with the conversations of `people` open."""
    return {"step": "load", "snapshot": server.snapshot(*people)}


def edit_first_message(server: InboxServer) -> Json:
    """Return the frame of an edit."""
    edited_at = TEN_O_CLOCK + timedelta(minutes=9)
    return server.update_message("m_1", content="Is the red one still there?", edited_at=edited_at)
