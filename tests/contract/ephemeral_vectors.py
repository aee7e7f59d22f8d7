"""Vectors: typing and presence."""

from datetime import timedelta
from typing import Any

from tests.contract.inbox_server import ADA, GRACE, TEN_O_CLOCK, InboxServer
from tests.contract.vector import Vector, connect, server_with_messages
from tests.convergence.reducer import Json

LAPTOP, PHONE = {"id": "laptop-3f9c", "name": "Grace Hopper"}, {"id": "phone", "name": None}


def at(seconds: float) -> str:
    moment = (TEN_O_CLOCK + timedelta(hours=1, seconds=seconds)).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds") + "Z"


def _typing(server: InboxServer, person: str, who: Any, until: float) -> Json:
    return {
        "type": "typing",
        "data": {"conversation_id": server.conversation_id(person), "who": who, "until": at(until)},
    }


def _data(frame: Json) -> Json:
    data: Json = frame["data"]
    return data


def typing_ends() -> Vector:
    server = server_with_messages()
    server.incoming(GRACE, "m_3", "One")
    snapshot = server.snapshot(ADA, GRACE)
    longer, other = _typing(server, ADA, LAPTOP, 9.5), _typing(server, GRACE, LAPTOP, 9)
    frames = [
        {"step": "time", "now": at(0)},
        _typing(server, ADA, LAPTOP, 6),
        _typing(server, ADA, PHONE, 7),
        other,
        longer,
        {"step": "time", "now": at(8)},
        {"step": "time", "now": at(9)},
    ]
    return Vector(
        "typing-ends-with-time",
        "For each device and conversation the last frame counts. Typing ends at `until`, that moment included.",
        snapshot,
        frames,
        server.expected_state(typing=[_data(longer)]),
    )


def typing_ends_with_a_message() -> Vector:
    server = server_with_messages()
    server.incoming(GRACE, "m_3", "One")
    snapshot = server.snapshot(ADA, GRACE)
    other = _typing(server, GRACE, PHONE, 7)
    frames = [{"step": "time", "now": at(0)}, _typing(server, ADA, LAPTOP, 6), other]
    frames += [server.outgoing(ADA, "m_4", "It is sent"), server.incoming(GRACE, "m_5", "The customer writes")]
    return Vector(
        "typing-ends-with-a-message",
        "Typing ends when an outgoing message of that conversation arrives. An incoming message does not end it, and "
        "neither does a message of another conversation.",
        snapshot,
        frames,
        server.expected_state(typing=[_data(other)]),
    )


def _presence(who: Any, viewing: str | None, *, online: bool = True) -> Json:
    return {"type": "presence", "data": {"who": who, "online": online, "viewing": viewing}}


def presence() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    tablet = {"id": "tablet", "name": "Grace Hopper"}
    frames = [
        _presence(PHONE, None),
        _presence(LAPTOP, None),
        _presence(tablet, server.conversation_id(ADA)),
        _presence(LAPTOP, server.conversation_id(ADA)),
        _presence(tablet, None, online=False),
        _presence(tablet, None, online=False),
    ]
    shown = [{"who": LAPTOP, "viewing": server.conversation_id(ADA)}, {"who": PHONE, "viewing": None}]
    return Vector(
        "presence",
        "Devices come, look at a conversation, and go.",
        snapshot,
        frames,
        server.expected_state(presence=shown),
    )


def presence_after_a_reconnect() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames = [
        _presence(PHONE, None),
        _presence(LAPTOP, None),
        connect(3),
        server.hello(resumed=True),
        _presence(PHONE, None),
    ]
    return Vector(
        "presence-after-a-reconnect",
        "After hello the server sends again who is online. A device that went offline during the interruption is not "
        "sent.",
        snapshot,
        frames,
        server.expected_state(presence=[{"who": PHONE, "viewing": None}]),
    )


VECTORS = [typing_ends, typing_ends_with_a_message, presence, presence_after_a_reconnect]
