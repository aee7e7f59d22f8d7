"""The vectors of how a client begins, goes on where it was."""

from datetime import timedelta

from tests.contract.change_vectors import Vector, begun
from tests.contract.inbox_server import ADA, EPOCH, GRACE, TEN_O_CLOCK, World
from tests.convergence.reducer import Json


def connect(after: int | None, epoch: str | None = EPOCH) -> Json:
    return {"step": "connect", "after": after, "epoch": None if after is None else epoch}


def edited(world: World) -> Json:
    return world.changed("m_1", content="Is the red one still there?", edited_at=TEN_O_CLOCK + timedelta(minutes=9))


def load(world: World, *opened: str) -> Json:
    return {"step": "load", "snapshot": world.snapshot(*opened)}


def beginning() -> Vector:
    world = begun()
    frames = [connect(None), world.hello(resumed=False), world.incoming(ADA, "m_3", "One")]
    answers = load(world, ADA)
    frames += [world.incoming(ADA, "m_4", "Two"), answers, world.incoming(ADA, "m_5", "Three")]
    return Vector(
        "beginning",
        "A client connects for the first time and loads. Two frames wait for the answers: the first is in them and is "
        "dropped, the second is not.",
        None,
        frames,
        world.expected(),
    )


def load_is_ahead() -> Vector:
    world = begun()
    hello = world.hello(resumed=False)
    first, second = world.incoming(GRACE, "m_3", "One"), world.incoming(GRACE, "m_4", "Two")
    answers = load(world, ADA)
    frames = [connect(None), hello, first, answers, second, world.heartbeat(), world.outgoing(ADA, "m_5", "Three")]
    opened = world.thread(ADA)
    return Vector(
        "load-is-ahead",
        "The answers know two changes, one of which waits and one of which comes only then: both move the position and "
        "tell nothing. Of the second conversation only what the list says is held, until it is opened.",
        None,
        frames,
        world.expected(messages={opened: world.messages()[opened]}),
    )


def lists_of_different_times() -> Vector:
    world = begun()
    hello = world.hello(resumed=False)
    conversations = {"/api/conversations": world.snapshot()["/api/conversations"]}
    between = edited(world)
    accounts = {"/api/accounts": world.snapshot()["/api/accounts"]}
    answers = {"step": "load", "snapshot": {**conversations, **world.page(ADA), **accounts}}
    return Vector(
        "lists-of-different-times",
        "The lists of a load were read one after the other, and the inbox changed between them: the lowest Inbox-Seq "
        "counts, and telling a version that is held already does no harm.",
        None,
        [connect(None), hello, between, answers],
        world.expected(),
    )


def waiting_to_load() -> Vector:
    world = begun()
    frames = [connect(None), world.hello(resumed=False), world.incoming(ADA, "m_3", "One"), world.heartbeat()]
    return Vector(
        "waiting-to-load",
        "As long as nothing was loaded, frames wait: they move the position, and nothing is held yet.",
        None,
        frames,
        world.expected(conversations=[], messages={}, accounts=[], needs_reload=True),
    )


def resumed() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    missed = [world.incoming(ADA, "m_3", "One"), edited(world)]
    frames = [connect(3), world.hello(resumed=True), *missed, world.incoming(ADA, "m_4", "Two"), world.heartbeat()]
    return Vector(
        "resumed",
        "A connection was lost and the client goes on after its position. hello.seq is the top of the log, not the "
        "position: what follows is not to be dropped.",
        snapshot,
        frames,
        world.expected(),
    )


def lost_while_loading() -> Vector:
    world = begun()
    frames = [connect(None), world.hello(resumed=False), world.incoming(ADA, "m_3", "One"), connect(4)]
    answers = load(world, ADA)
    missed = world.incoming(ADA, "m_4", "Two")
    frames += [world.hello(resumed=True), missed, answers]
    return Vector(
        "lost-while-loading",
        "The connection is lost before the load was answered: frames that wait go on waiting, and the load counts.",
        None,
        frames,
        world.expected(),
    )


def repeated_across_a_reconnect() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    first = world.incoming(ADA, "m_3", "One")
    second = world.connected_page(name="Bluer Things")
    third = world.connected_page(name="Bluest Things")
    frames = [first, second, third, connect(6), world.hello(resumed=True), first, second]
    frames += [world.incoming(ADA, "m_4", "Two")]
    return Vector(
        "repeated-across-a-reconnect",
        "Frames that were handled come again on the next connection: they are dropped, and the position does not go "
        "back. An account has no number of its own, so only the position tells.",
        snapshot,
        frames,
        world.expected(),
    )


def heartbeat() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    frames = [world.heartbeat(), world.incoming(ADA, "m_3", "One"), world.heartbeat(), {"type": "pong"}]
    return Vector(
        "heartbeat",
        "Heartbeats that name the position: all is well.",
        snapshot,
        frames,
        world.expected(),
    )


def heartbeat_beyond_the_position() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    held = world.expected()
    world.incoming(ADA, "m_3", "Lost on the way")
    return Vector(
        "heartbeat-beyond-the-position",
        "The server has sent what the client has not seen: it gives the connection up, and the position stays.",
        snapshot,
        [world.heartbeat()],
        held | {"reconnect": True},
    )


def hole() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    held = world.expected()
    lost = world.incoming(ADA, "m_3", "Lost on the way")
    after = world.incoming(ADA, "m_4", "After the hole")
    return Vector(
        "hole",
        "A frame is missing on a connection: the next one is dropped, and so is all that this connection still brings.",
        snapshot,
        [after, lost, world.heartbeat()],
        held | {"reconnect": True},
    )


def hole_is_filled() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    lost = world.incoming(ADA, "m_3", "Lost on the way")
    after = world.incoming(ADA, "m_4", "After the hole")
    return Vector(
        "hole-is-filled",
        "After a hole the client connects again after its position, where all that was dropped is sent.",
        snapshot,
        [after, connect(3), world.hello(resumed=True), lost, after, world.heartbeat()],
        world.expected(),
    )


CONNECTIONS = [
    beginning,
    load_is_ahead,
    lists_of_different_times,
    waiting_to_load,
    resumed,
    lost_while_loading,
    repeated_across_a_reconnect,
    heartbeat,
    heartbeat_beyond_the_position,
    hole,
    hole_is_filled,
]
