"""Whatever fails, every tab of a user ends up showing the database.

`test_session_machine_model` tests one session and its socket. This tests what sessions share (the hub, the replay
buffer, pages read for each other), clients that apply what they receive, and every loss between the store and a screen:
of events, the broker, the gateway, the store, the older part of the log, and the database, which is restored from a
backup.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from prometheus_client import CollectorRegistry

from push_gateway.core import Effect, FetchLog, LogPage, Send, SessionLimits, SessionMachine
from push_gateway.core.frames import SequencedFrame, UnsequencedFrame
from push_gateway.delivery.hub import Hub, UserChannel
from push_gateway.metrics import Metrics
from shared.contracts import InboxPersistedV1
from shared.security.user_tokens import UserToken
from tests.builders import inbox_persisted
from tests.unit.push_gateway.simulation import Database, Screen
from tests.unit.push_gateway.wire import payloads

USER = "ada"
TABS = 3
ROWS = 4
CAPACITY = 10_000
LIMITS = SessionLimits(reorder_frames=3, reorder_bytes=300, drained_capacity_bytes=CAPACITY)


@dataclass
class Tab:
    """A connection: a subscriber of the hub, and the messages in transit to the screen."""

    machine: "Gateway"
    screen: Screen
    session: SessionMachine
    requested_epoch: str | None
    device_id: str = "tab"
    in_transit: list[Any] = field(default_factory=list)

    def deliver(self, frame: SequencedFrame) -> bool:
        if self.session.take_if_next(frame.seq):
            self.apply([Send(frame.wire)])
            return True
        self.apply(self.session.on_event(frame, self.machine.now, CAPACITY))
        return False

    def on_log_page(self, page: LogPage) -> None:
        self.apply(self.session.on_log_page(page, self.machine.now, CAPACITY))

    def on_top(self, epoch: str, top_seq: int) -> None:
        self.apply(self.session.on_top(epoch, top_seq, self.machine.now))

    def heartbeat(self) -> None:
        self.apply(self.session.heartbeat(self.machine.now, CAPACITY))

    def close_if_revoked(self, is_revoked: Callable[[UserToken], bool]) -> None:
        raise AssertionError(is_revoked)

    def send_ephemeral(self, frame: UnsequencedFrame) -> None:
        raise AssertionError(frame)

    def tick(self) -> None:
        if self.machine.now >= self.session.wake_at:
            self.apply(self.session.tick(self.machine.now, CAPACITY))

    def receive(self, count: int) -> None:
        for message in self.in_transit[:count]:
            self.screen.receive(message)
        del self.in_transit[:count]

    def apply(self, effects: list[Effect]) -> None:
        waiting = list(effects)
        while waiting:
            match waiting.pop(0):
                case Send(wire=wire):
                    self.in_transit += [json.loads(payload) for payload in payloads(wire)]
                case FetchLog(after=after):
                    page = self.machine.replayed_page(after, self.requested_epoch)
                    if page is None:
                        self.machine.requested.append(after)
                    else:
                        waiting += self.session.on_log_page(page, self.machine.now, CAPACITY)


class Gateway(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.database = Database()
        self.now = 0.0
        self.in_flight: list[InboxPersistedV1] = []
        self.is_broker_up = True
        self.is_gap_noticed = False
        self.is_store_up = True
        self.screens = [Screen(self.database) for _ in range(TABS)]

    @initialize()
    def start(self) -> None:
        """Start a process without any state, also after a crash."""
        self.hub = Hub(
            Metrics(CollectorRegistry()),
            lambda: datetime(2026, 1, 2, tzinfo=UTC),
            max_sockets_per_user=TABS,
            max_sockets=TABS,
            idle_seconds=60.0,
            replay_bytes_per_user=400,
            replay_bytes=10_000,
        )
        self.tabs: dict[int, tuple[UserChannel, Tab]] = {}
        self.requested: list[int | None] = []
        self.in_flight.clear()
        for number in range(TABS):
            self.connect(number)

    def connect(self, number: int) -> None:
        screen = self.screens[number]
        session = SessionMachine(
            after=screen.position, epoch=screen.epoch, expires_at=1e9, heartbeat_seconds=20, limits=LIMITS
        )
        tab = Tab(self, screen, session, screen.epoch)
        channel, _ = self.hub.join(USER, tab)
        channel.is_bound = (self.is_broker_up and not self.is_gap_noticed) or channel.is_bound
        self.tabs[number] = (channel, tab)
        tab.apply(session.start())

    def replayed_page(self, after: int | None, requested_epoch: str | None) -> LogPage | None:
        """Do what `Session` does before it requests the log."""
        [channel] = self.hub.channels
        is_usable = requested_epoch in (None, channel.replay_buffer.epoch) and not self.is_gap_noticed
        return channel.replay_buffer.page_after(after) if is_usable else None

    def deliver(self, index: int) -> None:
        self.hub.on_events([self.in_flight.pop(index)])

    @rule(rows=st.lists(st.integers(1, ROWS), min_size=1, max_size=4))
    def publish(self, rows: list[int]) -> None:
        for row in rows:
            seq = self.database.commit(row)
            data = msgspec.Raw(self.database.data(seq, by="event"))
            if self.is_broker_up:
                self.in_flight.append(inbox_persisted(user_id=USER, seq=seq, kind="message_updated", data=data))

    @precondition(lambda self: self.in_flight)
    @rule()
    def deliver_in_order(self) -> None:
        self.deliver(0)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), again=st.booleans())
    def deliver_out_of_order(self, data: st.DataObject, again: bool) -> None:  # noqa: FBT001 - drawn
        index = data.draw(st.integers(0, len(self.in_flight) - 1))
        if again:
            self.in_flight.append(self.in_flight[index])
        self.deliver(index)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1)))

    @rule()
    def broker_fails(self) -> None:
        """Its queue and the events in it are lost, and nobody knows yet."""
        self.is_broker_up = False
        self.in_flight.clear()

    @precondition(lambda self: not self.is_broker_up)
    @rule()
    def gap_is_noticed(self) -> None:
        self.is_gap_noticed = True

    @precondition(lambda self: not self.is_broker_up)
    @rule()
    def broker_recovers(self) -> None:
        self.is_broker_up = True
        self.is_gap_noticed = False
        self.hub.on_gap()
        if self.is_store_up:
            self.tops_are_checked()

    @rule(is_up=st.booleans())
    def store_fails_or_recovers(self, is_up: bool) -> None:  # noqa: FBT001 - drawn
        self.is_store_up = is_up

    @rule(retained=st.integers(0, 5))
    def log_is_pruned(self, retained: int) -> None:
        self.database.floor = max(self.database.floor, self.database.top - retained)

    @rule(lost=st.integers(0, 6))
    def backup_is_restored(self, lost: int) -> None:
        """It takes minutes, so no event of the earlier epoch is still in flight."""
        self.in_flight.clear()
        self.database.restore(max(0, self.database.top - lost))

    @precondition(lambda self: self.requested and self.is_store_up)
    @rule(lost=st.integers(0, 6), rows=st.lists(st.integers(1, ROWS), min_size=1, max_size=4))
    def restored_database_is_read_first(self, lost: int, rows: list[int]) -> None:
        self.backup_is_restored(lost)
        self.publish(rows)
        self.store_answers(limit=3, late=0)

    @rule()
    def gateway_crashes(self) -> None:
        """What is in transit to the screens is lost; all clients reconnect."""
        self.start()

    @rule(number=st.integers(0, TABS - 1), received=st.integers(0, 3))
    def connection_breaks(self, number: int, received: int) -> None:
        channel, tab = self.tabs[number]
        tab.receive(received)
        self.hub.leave(channel, tab, self.now)
        self.connect(number)

    @rule(number=st.integers(0, TABS - 1), count=st.integers(1, 5))
    def network_delivers(self, number: int, count: int) -> None:
        self.tabs[number][1].receive(count)

    @precondition(lambda self: self.requested and self.is_store_up)
    @rule(limit=st.integers(1, 3), late=st.integers(0, 2))
    def store_answers(self, limit: int, late: int) -> None:
        """The page holds what was committed when the store read it, which may be less than now."""
        after, database = self.requested.pop(0), self.database
        top = max(database.top - late, database.floor, min(after or 0, database.top))
        start = top if after is None else after
        self.hub.on_log_page(
            USER,
            LogPage(
                after=start,
                epoch=database.epoch,
                top_seq=top,
                floor_seq=0 if after is None else database.floor,
                frames=database.frames(start, top, limit),
            ),
        )

    @precondition(lambda self: self.is_store_up)
    @rule()
    def tops_are_checked(self) -> None:
        self.hub.on_tops(self.database.epoch, {USER: self.database.top})

    @rule()
    def heartbeat(self) -> None:
        for subscriber in self.hub.subscribers():
            subscriber.heartbeat()

    @rule(seconds=st.sampled_from([0.001, 0.03, 0.5, 2.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for _, tab in self.tabs.values():
            tab.tick()

    @rule()
    def everything_recovers(self) -> None:
        """When everything works again, every screen shows the database."""
        self.is_store_up = True
        if not self.is_broker_up:
            self.broker_recovers()
        for _ in range(self.database.top * 4 + 20):
            self.tops_are_checked()
            while self.requested:
                self.store_answers(limit=3, late=0)
            self.time_passes(1.0)
        for number, screen in enumerate(self.screens):
            self.network_delivers(number, 10_000)
            assert (screen.position, screen.epoch) == (self.database.top, self.database.epoch)
            assert screen.rows == self.database.rows

    @invariant()
    def no_screen_is_ahead_of_its_database(self) -> None:
        for screen in self.screens:
            assert screen.epoch != self.database.epoch or (screen.position or 0) <= self.database.top

    def teardown(self) -> None:
        if hasattr(self, "tabs"):
            self.everything_recovers()


Gateway.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestGateway = Gateway.TestCase
