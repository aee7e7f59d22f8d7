"""The vectors of a client that has to begin anew, because its position means nothing any more."""

from copy import deepcopy

from tests.contract.change_vectors import Vector, begun
from tests.contract.connection_vectors import connect, edited, load
from tests.contract.inbox_server import ADA, GRACE, World

RESTORED = "91ab03cc"
"""The epoch after the database was restored."""


def restored(world: World) -> World:
    """Return what a backup holds, as it is when it is brought back later."""
    backup = deepcopy(world)
    backup.epoch = RESTORED
    return backup


def reset_log_pruned() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    world.incoming(GRACE, "m_3", "One")
    edited(world)
    frames = [connect(3), world.hello(resumed=False), world.reset("log_pruned"), world.incoming(GRACE, "m_4", "Two")]
    frames += [load(world, ADA, GRACE), world.incoming(ADA, "m_5", "Three")]
    return Vector(
        "reset-log-pruned",
        "The client was away for longer than the log reaches back: it loads everything anew.",
        snapshot,
        frames,
        world.expected(),
    )


def reset_before_the_load() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    held = world.expected()
    world.incoming(GRACE, "m_3", "One")
    frames = [connect(3), world.hello(resumed=False), world.reset("log_pruned"), world.incoming(ADA, "m_4", "Two")]
    return Vector(
        "reset-before-the-load",
        "After a reset, until the load: what is held stays as it was, frames wait, the position is that of the last "
        "one.",
        snapshot,
        frames,
        held | {"position": world.seq, "needs_reload": True},
    )


def reset_forgets_what_is_not_loaded() -> Vector:
    world = begun()
    world.incoming(GRACE, "m_3", "One")
    snapshot = world.snapshot(ADA, GRACE)
    frames = [connect(4), world.hello(resumed=False), world.reset("log_pruned"), load(world, ADA)]
    return Vector(
        "reset-forgets-what-is-not-loaded",
        "A load takes the place of all that is held: messages of a conversation that it does not name are no longer "
        "known.",
        snapshot,
        frames,
        world.expected(messages={world.thread(ADA): world.messages()[world.thread(ADA)]}),
    )


def reset_epoch_changed() -> Vector:
    world = begun()
    backup = restored(world)
    world.incoming(ADA, "m_3", "Lost with the database")
    world.incoming(GRACE, "m_9", "Lost as well")
    world.connected_page("1000", name="Red Things")
    snapshot = world.snapshot(ADA, GRACE)
    frames = [backup.reset("epoch_changed"), backup.incoming(ADA, "m_4", "One"), load(backup, ADA)]
    frames += [backup.incoming(ADA, "m_5", "Two"), backup.heartbeat()]
    return Vector(
        "reset-epoch-changed",
        "The database is restored from a backup while the client is connected: the position goes back, and numbers "
        "that were handled before now mean other changes. What is only held from before is gone with the load.",
        snapshot,
        frames,
        backup.expected(),
    )


def reset_position_unknown() -> Vector:
    world = begun()
    later = deepcopy(world)
    later.incoming(ADA, "m_3", "Never happened here")
    snapshot = later.snapshot(ADA)
    frames = [connect(4), world.hello(resumed=False), world.reset("position_unknown"), load(world, ADA)]
    frames += [world.incoming(ADA, "m_4", "One")]
    return Vector(
        "reset-position-unknown",
        "The client's position is above the top of the log: everything is loaded anew, and lower versions are taken.",
        snapshot,
        frames,
        world.expected(),
    )


def load_of_another_epoch() -> Vector:
    world = begun()
    backup = restored(world)
    snapshot = world.snapshot(ADA)
    held = world.expected()
    old = load(world, ADA)
    frames = [backup.reset("epoch_changed"), backup.incoming(ADA, "m_3", "One"), old]
    return Vector(
        "load-of-another-epoch",
        "An answer that was read before the database was restored comes after the reset: it is thrown away, and the "
        "load is still to be made.",
        snapshot,
        frames,
        held | {"position": 4, "epoch": RESTORED, "needs_reload": True},
    )


def reset_twice() -> Vector:
    world = begun()
    snapshot = world.snapshot(ADA)
    backup = restored(world)
    frames = [connect(3), world.hello(resumed=False), world.reset("log_pruned"), world.incoming(ADA, "m_3", "Gone")]
    frames += [backup.reset("epoch_changed"), load(backup, ADA), backup.about(ADA, unread_count=0)]
    return Vector(
        "reset-twice",
        "A second reset comes before the load: frames that waited since the first belong to the old numbers and are "
        "dropped.",
        snapshot,
        frames,
        backup.expected(),
    )


RESETS = [
    reset_log_pruned,
    reset_before_the_load,
    reset_forgets_what_is_not_loaded,
    reset_epoch_changed,
    reset_position_unknown,
    load_of_another_epoch,
    reset_twice,
]
