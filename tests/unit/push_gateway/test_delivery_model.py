"""A whole gateway with several tabs of a user, and everything that can happen to it: every tab shows the database.

Beside `test_session_machine_model`: there one session and its socket, here what sessions share (the hub, the newest
frames in memory, pages read for one another), clients that fold what they get, and everything that can be lost between
the store and a client's screen: events, the broker, the gateway, the store, the older part of the log, and the database
itself, of which an earlier state is restored.
"""

import json
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
    """A connection: a listener of the hub, and what is on its way to the screen."""

    machine: "Gateway"
    screen: Screen
    session: SessionMachine
    asked_epoch: str | None
    device_id: str = "tab"
    on_its_way: list[Any] = field(default_factory=list)

    def deliver(self, one: SequencedFrame) -> bool:
        if self.session.take_if_next(one.seq):
            self.apply([Send(one.wire)])
            return True
        self.apply(self.session.on_event(one, self.machine.now, CAPACITY))
        return False

    def on_log_page(self, page: LogPage) -> None:
        self.apply(self.session.on_log_page(page, self.machine.now, CAPACITY))

    def on_top(self, epoch: str, top_seq: int) -> None:
        self.apply(self.session.on_top(epoch, top_seq, self.machine.now))

    def heartbeat(self) -> None:
        self.apply(self.session.heartbeat(self.machine.now, CAPACITY))

    def send_ephemeral(self, notice: UnsequencedFrame) -> None:
        raise AssertionError(notice)

    def tick(self) -> None:
        if self.machine.now >= self.session.wake_at:
            self.apply(self.session.tick(self.machine.now, CAPACITY))

    def arrive(self, count: int) -> None:
        for message in self.on_its_way[:count]:
            self.screen.receive(message)
        del self.on_its_way[:count]

    def apply(self, effects: list[Effect]) -> None:
        waiting = list(effects)
        while waiting:
            match waiting.pop(0):
                case Send(wire=wire):
                    self.on_its_way += [json.loads(payload) for payload in payloads(wire)]
                case FetchLog(after=after):
                    page = self.machine.replayed_page(after, self.asked_epoch)
                    if page is None:
                        self.machine.wanted.append(after)
                    else:
                        waiting += self.session.on_log_page(page, self.machine.now, CAPACITY)


class Gateway(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.database = Database()
        self.now = 0.0
        self.in_flight: list[InboxPersistedV1] = []
        self.is_broker_there = True
        self.is_loss_noticed = False
        self.is_store_there = True
        self.screens = [Screen(self.database) for _ in range(TABS)]

    @initialize()
    def start(self) -> None:
        """A process begins, knowing nothing: a restart after a crash, too."""
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
        self.wanted: list[int | None] = []
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
        channel.is_bound = (self.is_broker_there and not self.is_loss_noticed) or channel.is_bound
        self.tabs[number] = (channel, tab)
        tab.apply(session.start())

    def replayed_page(self, after: int | None, asked_epoch: str | None) -> LogPage | None:
        """What the shell does before it asks the store."""
        [channel] = self.hub.channels
        is_usable = asked_epoch in (None, channel.replay_buffer.epoch) and not self.is_loss_noticed
        return channel.replay_buffer.page_after(after) if is_usable else None

    def deliver(self, index: int) -> None:
        self.hub.on_events([self.in_flight.pop(index)])

    @rule(rows=st.lists(st.integers(1, ROWS), min_size=1, max_size=4))
    def publish(self, rows: list[int]) -> None:
        for row in rows:
            seq = self.database.commit(row)
            data = msgspec.Raw(self.database.data(seq, by="event"))
            if self.is_broker_there:
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
    def the_broker_is_lost(self) -> None:
        """With the queue and what was in it; nobody knows yet."""
        self.is_broker_there = False
        self.in_flight.clear()

    @precondition(lambda self: not self.is_broker_there)
    @rule()
    def the_loss_is_noticed(self) -> None:
        self.is_loss_noticed = True

    @precondition(lambda self: not self.is_broker_there)
    @rule()
    def the_broker_is_back(self) -> None:
        self.is_broker_there = True
        self.is_loss_noticed = False
        self.hub.on_gap()
        if self.is_store_there:
            self.tops_are_checked()

    @rule(is_there=st.booleans())
    def the_store_goes_or_comes(self, is_there: bool) -> None:  # noqa: FBT001 - drawn
        self.is_store_there = is_there

    @rule(kept=st.integers(0, 5))
    def the_log_is_pruned(self, kept: int) -> None:
        self.database.floor = max(self.database.floor, self.database.top - kept)

    @rule(lost=st.integers(0, 6))
    def an_earlier_database_is_restored(self, lost: int) -> None:
        """It takes minutes: of the events of its former life none is on its way any more."""
        self.in_flight.clear()
        self.database.restore(max(0, self.database.top - lost))

    @precondition(lambda self: self.wanted and self.is_store_there)
    @rule(lost=st.integers(0, 6), rows=st.lists(st.integers(1, ROWS), min_size=1, max_size=4))
    def a_restored_database_is_read_before_anybody_knows(self, lost: int, rows: list[int]) -> None:
        self.an_earlier_database_is_restored(lost)
        self.publish(rows)
        self.the_store_answers(limit=3, late=0)

    @rule()
    def the_gateway_crashes(self) -> None:
        """What was on its way to the screens is lost; they all come back."""
        self.start()

    @rule(number=st.integers(0, TABS - 1), arrived=st.integers(0, 3))
    def a_connection_breaks(self, number: int, arrived: int) -> None:
        channel, tab = self.tabs[number]
        tab.arrive(arrived)
        self.hub.leave(channel, tab, self.now)
        self.connect(number)

    @rule(number=st.integers(0, TABS - 1), count=st.integers(1, 5))
    def the_network_delivers(self, number: int, count: int) -> None:
        self.tabs[number][1].arrive(count)

    @precondition(lambda self: self.wanted and self.is_store_there)
    @rule(limit=st.integers(1, 3), late=st.integers(0, 2))
    def the_store_answers(self, limit: int, late: int) -> None:
        """With what was committed when it read, which may be a little less than there is now."""
        after, database = self.wanted.pop(0), self.database
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

    @precondition(lambda self: self.is_store_there)
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
    def everything_is_well_for_a_while(self) -> None:
        """Then every screen shows everything, and nothing else."""
        self.is_store_there = True
        if not self.is_broker_there:
            self.the_broker_is_back()
        for _ in range(self.database.top * 4 + 20):
            self.tops_are_checked()
            while self.wanted:
                self.the_store_answers(limit=3, late=0)
            self.time_passes(1.0)
        for number, screen in enumerate(self.screens):
            self.the_network_delivers(number, 10_000)
            assert (screen.position, screen.epoch) == (self.database.top, self.database.epoch)
            assert screen.rows == self.database.rows

    @invariant()
    def no_screen_is_ahead_of_its_database(self) -> None:
        for screen in self.screens:
            assert screen.epoch != self.database.epoch or (screen.position or 0) <= self.database.top

    def teardown(self) -> None:
        if hasattr(self, "tabs"):
            self.everything_is_well_for_a_while()


Gateway.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestGateway = Gateway.TestCase
