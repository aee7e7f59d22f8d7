"""The vectors of what lasts for moments only: who writes, and who is there."""

from datetime import timedelta
from typing import Any

from tests.contract.change_vectors import Vector, begun
from tests.contract.connection_vectors import connect
from tests.contract.inbox_server import ADA, GRACE, TEN_O_CLOCK, World
from tests.convergence.reducer import Json

LAPTOP, PHONE = {"id": "laptop-3f9c", "name": "Grace Hopper"}, {"id": "phone", "name": None}


def at(seconds: float) -> str:
    moment = (TEN_O_CLOCK + timedelta(hours=1, seconds=seconds)).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds") + "Z"


def _typing(world: World, person: str, who: Any, until: float) -> Json:
    return {"type": "typing", "data": {"conversation_id": world.thread(person), "who": who, "until": at(until)}}


def _writes(frame: Json) -> Json:
    data: Json = frame["data"]
    return data


def typing_ends() -> Vector:
    world = begun()
    world.incoming(GRACE, "m_3", "One")
    snapshot = world.snapshot(ADA, GRACE)
    longer, other = _typing(world, ADA, LAPTOP, 9.5), _typing(world, GRACE, LAPTOP, 9)
    frames = [
        {"step": "time", "now": at(0)},
        _typing(world, ADA, LAPTOP, 6),
        _typing(world, ADA, PHONE, 7),
        other,
        longer,
        {"step": "time", "now": at(8)},
        {"step": "time", "now": at(9)},
    ]
    return Vector(
        "typing-ends-with-time",
        "What was said last of a device in a conversation counts, and ends at `until`, that moment included.",
        snapshot,
        frames,
        world.expected(typing=[_writes(longer)]),
    )


def typing_ends_with_a_message() -> Vector:
    world = begun()
    world.incoming(GRACE, "m_3", "One")
    snapshot = world.snapshot(ADA, GRACE)
    other = _typing(world, GRACE, PHONE, 7)
    frames = [{"step": "time", "now": at(0)}, _typing(world, ADA, LAPTOP, 6), other]
    frames += [world.outgoing(ADA, "m_4", "It is sent"), world.incoming(GRACE, "m_5", "The customer writes")]
    return Vector(
        "typing-ends-with-a-message",
        "Typing ends when an outgoing message of that conversation comes; an incoming one ends nothing, and neither "
        "does a message of another conversation.",
        snapshot,
        frames,
        world.expected(typing=[_writes(other)]),
    )


def _presence(who: Any, viewing: str | None, *, online: bool = True) -> Json:
    return {"type": "presence", "data": {"who": who, "online": online, "viewing": viewing}}


def presence() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    tablet = {"id": "tablet", "name": "Grace Hopper"}
    frames = [
        _presence(PHONE, None),
        _presence(LAPTOP, None),
        _presence(tablet, world.thread(ADA)),
        _presence(LAPTOP, world.thread(ADA)),
        _presence(tablet, None, online=False),
        _presence(tablet, None, online=False),
    ]
    shown = [{"who": LAPTOP, "viewing": world.thread(ADA)}, {"who": PHONE, "viewing": None}]
    return Vector(
        "presence",
        "Devices come, look at a conversation, and go.",
        snapshot,
        frames,
        world.expected(presence=shown),
    )


def presence_after_a_reconnect() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    frames = [
        _presence(PHONE, None),
        _presence(LAPTOP, None),
        connect(3),
        world.hello(resumed=True),
        _presence(PHONE, None),
    ]
    return Vector(
        "presence-after-a-reconnect",
        "Whoever is there is told again after hello; whoever went in between is not.",
        snapshot,
        frames,
        world.expected(presence=[{"who": PHONE, "viewing": None}]),
    )


MOMENTS = [typing_ends, typing_ends_with_a_message, presence, presence_after_a_reconnect]
