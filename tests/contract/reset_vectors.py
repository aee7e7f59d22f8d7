"""Vectors: the client's position cannot be continued, so it has to load again."""

from copy import deepcopy

from tests.contract.inbox_server import ADA, GRACE, InboxServer
from tests.contract.vector import Vector, connect, edit_first_message, load, server_with_messages

RESTORED = "91ab03cc"
"""The epoch after the database was restored."""


def restored(server: InboxServer) -> InboxServer:
    """Return the server as it is after the database was restored to the state of now."""
    backup = deepcopy(server)
    backup.epoch = RESTORED
    return backup


def reset_log_pruned() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    server.incoming(GRACE, "m_3", "One")
    edit_first_message(server)
    frames = [connect(3), server.hello(resumed=False), server.reset("log_pruned"), server.incoming(GRACE, "m_4", "Two")]
    frames += [load(server, ADA, GRACE), server.incoming(ADA, "m_5", "Three")]
    return Vector(
        "reset-log-pruned",
        "The client was offline for longer than the log is kept: it loads everything again.",
        snapshot,
        frames,
        server.expected_state(),
    )


def reset_before_the_load() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    held = server.expected_state()
    server.incoming(GRACE, "m_3", "One")
    frames = [connect(3), server.hello(resumed=False), server.reset("log_pruned"), server.incoming(ADA, "m_4", "Two")]
    return Vector(
        "reset-before-the-load",
        "Between a reset and the load, objects stay unchanged, frames wait, and the position is that of the last "
        "frame.",
        snapshot,
        frames,
        held | {"position": server.seq, "needs_reload": True},
    )


def reset_forgets_what_is_not_loaded() -> Vector:
    server = server_with_messages()
    server.incoming(GRACE, "m_3", "One")
    snapshot = server.snapshot(ADA, GRACE)
    frames = [connect(4), server.hello(resumed=False), server.reset("log_pruned"), load(server, ADA)]
    return Vector(
        "reset-forgets-what-is-not-loaded",
        "A load replaces all objects: messages of a conversation that it does not contain are removed.",
        snapshot,
        frames,
        server.expected_state(messages={server.conversation_id(ADA): server.messages()[server.conversation_id(ADA)]}),
    )


def reset_epoch_changed() -> Vector:
    server = server_with_messages()
    backup = restored(server)
    server.incoming(ADA, "m_3", "Lost with the database")
    server.incoming(GRACE, "m_9", "Lost as well")
    server.connect_page("1000", name="Red Things")
    snapshot = server.snapshot(ADA, GRACE)
    frames = [backup.reset("epoch_changed"), backup.incoming(ADA, "m_4", "One"), load(backup, ADA)]
    frames += [backup.incoming(ADA, "m_5", "Two"), backup.heartbeat()]
    return Vector(
        "reset-epoch-changed",
        "The database is restored from a backup while the client is connected: the position moves back, and numbers "
        "that were handled before mean other changes now. The load removes objects that exist only in the old "
        "history.",
        snapshot,
        frames,
        backup.expected_state(),
    )


def reset_position_unknown() -> Vector:
    server = server_with_messages()
    later = deepcopy(server)
    later.incoming(ADA, "m_3", "Never happened here")
    snapshot = later.snapshot(ADA)
    frames = [connect(4), server.hello(resumed=False), server.reset("position_unknown"), load(server, ADA)]
    frames += [server.incoming(ADA, "m_4", "One")]
    return Vector(
        "reset-position-unknown",
        "The client's position is above the top of the log: it loads everything again and accepts lower versions.",
        snapshot,
        frames,
        server.expected_state(),
    )


def load_of_another_epoch() -> Vector:
    server = server_with_messages()
    backup = restored(server)
    snapshot = server.snapshot(ADA)
    held = server.expected_state()
    old = load(server, ADA)
    frames = [backup.reset("epoch_changed"), backup.incoming(ADA, "m_3", "One"), old]
    return Vector(
        "load-of-another-epoch",
        "A response that was read before the restore arrives after the reset: discard it; the load is still needed.",
        snapshot,
        frames,
        held | {"position": 4, "epoch": RESTORED, "needs_reload": True},
    )


def reset_twice() -> Vector:
    server = server_with_messages()
    snapshot = server.snapshot(ADA)
    backup = restored(server)
    frames = [connect(3), server.hello(resumed=False), server.reset("log_pruned"), server.incoming(ADA, "m_3", "Gone")]
    frames += [backup.reset("epoch_changed"), load(backup, ADA), backup.update_conversation(ADA, unread_count=0)]
    return Vector(
        "reset-twice",
        "A second reset arrives before the load: drop the frames that have waited since the first one.",
        snapshot,
        frames,
        backup.expected_state(),
    )


VECTORS = [
    reset_log_pruned,
    reset_before_the_load,
    reset_forgets_what_is_not_loaded,
    reset_epoch_changed,
    reset_position_unknown,
    load_of_another_epoch,
    reset_twice,
]
