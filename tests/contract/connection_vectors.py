"""Vectors: how a client starts, loads, resumes, and notices a lost frame."""

from tests.contract.inbox_server import ADA, GRACE
from tests.contract.vector import Vector, connect, edit_first_message, load, server_with_messages


def beginning() -> Vector:
    server = server_with_messages()
    frames = [connect(None), server.hello(resumed=False), server.incoming(ADA, "m_3", "One")]
    answers = load(server, ADA)
    frames += [server.incoming(ADA, "m_4", "Two"), answers, server.incoming(ADA, "m_5", "Three")]
    return Vector(
        "beginning",
        "A client connects for the first time and loads. Two frames wait for the responses: the load already contains "
        "the change of the first, which is dropped; the second is applied.",
        None,
        frames,
        server.expected_state(),
    )


def load_is_ahead() -> Vector:
    server = server_with_messages()
    hello = server.hello(resumed=False)
    first, second = server.incoming(GRACE, "m_3", "One"), server.incoming(GRACE, "m_4", "Two")
    answers = load(server, ADA)
    frames = [connect(None), hello, first, answers, second, server.heartbeat(), server.outgoing(ADA, "m_5", "Three")]
    opened = server.conversation_id(ADA)
    return Vector(
        "load-is-ahead",
        "The load already contains two changes. The frame of one waits during the load, the frame of the other "
        "arrives after it: both move the position and change nothing else. The second conversation is known only from "
        "the list until it is opened.",
        None,
        frames,
        server.expected_state(messages={opened: server.messages()[opened]}),
    )


def lists_of_different_times() -> Vector:
    server = server_with_messages()
    hello = server.hello(resumed=False)
    conversations = {"/api/conversations": server.snapshot()["/api/conversations"]}
    between = edit_first_message(server)
    accounts = {"/api/accounts": server.snapshot()["/api/accounts"]}
    answers = {"step": "load", "snapshot": {**conversations, **server.messages_response(ADA), **accounts}}
    return Vector(
        "lists-of-different-times",
        "The lists of a load were read one after the other, and the inbox changed in between: the lowest Inbox-Seq "
        "counts. Applying a known version again is harmless.",
        None,
        [connect(None), hello, between, answers],
        server.expected_state(),
    )


def waiting_to_load() -> Vector:
    server = server_with_messages()
    frames = [connect(None), server.hello(resumed=False), server.incoming(ADA, "m_3", "One"), server.heartbeat()]
    return Vector(
        "waiting-to-load",
        "Until the first load, frames wait: they move the position, and the client has no objects yet.",
        None,
        frames,
        server.expected_state(conversations=[], messages={}, accounts=[], needs_reload=True),
    )


def resumed() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    missed = [server.incoming(ADA, "m_3", "One"), edit_first_message(server)]
    frames = [connect(3), server.hello(resumed=True), *missed, server.incoming(ADA, "m_4", "Two"), server.heartbeat()]
    return Vector(
        "resumed",
        "The client reconnects and resumes after its position. hello.seq is the top of the log, not the position: do "
        "not drop the frames that follow.",
        snapshot,
        frames,
        server.expected_state(),
    )


def lost_while_loading() -> Vector:
    server = server_with_messages()
    frames = [connect(None), server.hello(resumed=False), server.incoming(ADA, "m_3", "One"), connect(4)]
    answers = load(server, ADA)
    missed = server.incoming(ADA, "m_4", "Two")
    frames += [server.hello(resumed=True), missed, answers]
    return Vector(
        "lost-while-loading",
        "The connection is lost while a load is in progress: waiting frames keep waiting, and the load still counts.",
        None,
        frames,
        server.expected_state(),
    )


def repeated_across_a_reconnect() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    first = server.incoming(ADA, "m_3", "One")
    second = server.connect_page(name="Bluer Things")
    third = server.connect_page(name="Bluest Things")
    frames = [first, second, third, connect(6), server.hello(resumed=True), first, second]
    frames += [server.incoming(ADA, "m_4", "Two")]
    return Vector(
        "repeated-across-a-reconnect",
        "Frames that were handled before arrive again on the next connection: ignore them, and do not move the "
        "position back. An account has no number of its own, so only the position shows that its frame is old.",
        snapshot,
        frames,
        server.expected_state(),
    )


def heartbeat() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    frames = [server.heartbeat(), server.incoming(ADA, "m_3", "One"), server.heartbeat(), {"type": "pong"}]
    return Vector(
        "heartbeat",
        "Heartbeats whose `seq` equals the position: nothing to do.",
        snapshot,
        frames,
        server.expected_state(),
    )


def heartbeat_beyond_the_position() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    held = server.expected_state()
    server.incoming(ADA, "m_3", "Lost on the way")
    return Vector(
        "heartbeat-beyond-the-position",
        "A heartbeat is ahead of the position: a frame is missing. The client reconnects and keeps its position.",
        snapshot,
        [server.heartbeat()],
        held | {"reconnect": True},
    )


def hole() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    held = server.expected_state()
    lost = server.incoming(ADA, "m_3", "Lost on the way")
    after = server.incoming(ADA, "m_4", "After the hole")
    return Vector(
        "hole",
        "A frame is missing: ignore the next one and everything else on this connection.",
        snapshot,
        [after, lost, server.heartbeat()],
        held | {"reconnect": True},
    )


def hole_is_filled() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    lost = server.incoming(ADA, "m_3", "Lost on the way")
    after = server.incoming(ADA, "m_4", "After the hole")
    return Vector(
        "hole-is-filled",
        "After a gap the client reconnects with its position and receives everything that it ignored.",
        snapshot,
        [after, connect(3), server.hello(resumed=True), lost, after, server.heartbeat()],
        server.expected_state(),
    )


VECTORS = [
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
