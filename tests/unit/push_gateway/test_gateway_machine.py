"""A whole gateway with several tabs of a user, which crashes, on a broker that is lost: every tab sees the log.

Beside `test_session_machine`: there one session and its socket, here what sessions share (the registry, the newest
frames in memory, pages read for one another), and everything that can be lost between the store and a client's screen.
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

from push_gateway.core import Effect, FetchLog, Limits, Page, Send, Session
from push_gateway.frames import Frame, Notice
from push_gateway.metrics import Metrics
from push_gateway.registry import Feed, Registry
from shared.contracts import InboxPersistedV1
from tests.builders import inbox_persisted
from tests.unit.push_gateway.wire import frame, payloads

USER = "ada"
EPOCH = "e1"
TABS = 3
ROOM = 10_000
LIMITS = Limits(held_frames=3, held_bytes=300, drained_room_bytes=ROOM)


@dataclass
class Screen:
    """What a tab shows; it survives its connections."""

    position: int | None = None

    def receive(self, message: Any) -> None:
        match message["type"]:
            case "hello" if self.position is None:
                self.position = message["data"]["seq"]
            case "reset":
                raise AssertionError("nothing is pruned or restored here")
            case "heartbeat":
                assert message["data"]["seq"] == self.position
            case "new_message":
                assert self.position is not None
                assert message["seq"] == self.position + 1
                assert message["data"]["n"] == message["seq"]
                self.position += 1


@dataclass
class Tab:
    """A connection: a listener of the registry, and what is on its way to the screen."""

    machine: "Gateway"
    screen: Screen
    session: Session
    who_id: str = "tab"
    on_its_way: list[Any] = field(default_factory=list)

    def offer(self, one: Frame) -> bool:
        if self.session.take_next(one.seq):
            self.apply([Send(one.wire)])
            return True
        self.apply(self.session.event(one, self.machine.now, ROOM))
        return False

    def page(self, page: Page) -> None:
        self.apply(self.session.page(page, self.machine.now, ROOM))

    def top(self, epoch: str, top: int) -> None:
        self.apply(self.session.top(epoch, top, self.machine.now))

    def heartbeat(self) -> None:
        self.apply(self.session.heartbeat(self.machine.now, ROOM))

    def passing(self, notice: Notice) -> None:
        raise AssertionError(notice)

    def tick(self) -> None:
        if self.machine.now >= self.session.wake_at:
            self.apply(self.session.tick(self.machine.now, ROOM))

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
                    page = self.machine.recent_page(after)
                    if page is None:
                        self.machine.wanted.append(after)
                    else:
                        waiting += self.session.page(page, self.machine.now, ROOM)


class Gateway(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.log: list[Frame] = []
        self.now = 0.0
        self.in_flight: list[InboxPersistedV1] = []
        self.is_broker_there = True
        self.is_loss_noticed = False
        self.screens = [Screen() for _ in range(TABS)]

    @initialize()
    def start(self) -> None:
        """A process begins, knowing nothing: a restart after a crash, too."""
        self.registry = Registry(
            Metrics(CollectorRegistry()),
            lambda: datetime(2026, 1, 2, tzinfo=UTC),
            max_sockets_per_user=TABS,
            max_sockets=TABS,
            linger_seconds=60.0,
            recent_bytes_per_user=400,
            recent_bytes=10_000,
        )
        self.tabs: dict[int, tuple[Feed, Tab]] = {}
        self.wanted: list[int | None] = []
        self.in_flight.clear()
        for number in range(TABS):
            self.connect(number)

    def connect(self, number: int) -> None:
        after = self.screens[number].position
        session = Session(
            after=after, epoch=EPOCH if after is not None else None, expires_at=1e9, heartbeat_seconds=20, limits=LIMITS
        )
        tab = Tab(self, self.screens[number], session)
        feed, _ = self.registry.join(USER, tab)
        feed.is_heard = (self.is_broker_there and not self.is_loss_noticed) or feed.is_heard
        self.tabs[number] = (feed, tab)
        tab.apply(session.open())

    def recent_page(self, after: int | None) -> Page | None:
        [feed] = self.registry.feeds
        return None if self.is_loss_noticed else feed.recent.page(after)

    def deliver(self, index: int) -> None:
        self.registry.on_events([self.in_flight.pop(index)])

    @rule(count=st.integers(1, 4))
    def publish(self, count: int) -> None:
        for _ in range(count):
            seq = len(self.log) + 1
            self.log.append(frame(seq, "x" * (seq % 5) * 20))
            data = msgspec.Raw(json.dumps({"n": seq}).encode())
            if self.is_broker_there:
                self.in_flight.append(inbox_persisted(user_id=USER, seq=seq, kind="new_message", data=data))

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
        self.registry.on_gap()
        self.tops_are_checked()

    @rule()
    def the_gateway_crashes(self) -> None:
        """What was on its way to the screens is lost; they all come back."""
        self.start()

    @rule(number=st.integers(0, TABS - 1), arrived=st.integers(0, 3))
    def a_connection_breaks(self, number: int, arrived: int) -> None:
        feed, tab = self.tabs[number]
        tab.arrive(arrived)
        self.registry.leave(feed, tab, self.now)
        self.connect(number)

    @rule(number=st.integers(0, TABS - 1), count=st.integers(1, 5))
    def the_network_delivers(self, number: int, count: int) -> None:
        self.tabs[number][1].arrive(count)

    @precondition(lambda self: self.wanted)
    @rule(limit=st.integers(1, 3), late=st.integers(0, 2))
    def the_store_answers(self, limit: int, late: int) -> None:
        """With what was committed when it read, which may be a little less than there is now."""
        after = self.wanted.pop(0)
        top = max(len(self.log) - late, after or 0)
        frames = () if after is None else tuple(self.log[after : min(after + limit, top)])
        start = top if after is None else after
        self.registry.on_page(USER, Page(after=start, epoch=EPOCH, seq=top, floor_seq=0, frames=frames))

    @rule()
    def tops_are_checked(self) -> None:
        self.registry.on_tops(EPOCH, {USER: len(self.log)})

    @rule()
    def heartbeat(self) -> None:
        for listener in self.registry.listeners():
            listener.heartbeat()

    @rule(seconds=st.sampled_from([0.001, 0.03, 0.5, 2.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for _, tab in self.tabs.values():
            tab.tick()

    @invariant()
    def no_screen_is_ahead_of_the_log(self) -> None:
        assert all((screen.position or 0) <= len(self.log) for screen in self.screens)

    def teardown(self) -> None:
        """When everything is back, every screen shows everything."""
        if not hasattr(self, "tabs"):
            return
        self.the_broker_is_back()
        for _ in range(len(self.log) * 4 + 20):
            self.tops_are_checked()
            while self.wanted:
                self.the_store_answers(limit=3, late=0)
            self.time_passes(1.0)
        for number in range(TABS):
            self.the_network_delivers(number, 10_000)
        assert [screen.position for screen in self.screens] == [len(self.log)] * TABS


Gateway.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestGateway = Gateway.TestCase
