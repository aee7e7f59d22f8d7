"""Whatever is lost, duplicated, reordered or unavailable, a client receives the log once and in order."""

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from push_gateway.core import Close, Effect, FetchLog, LogPage, Send, SessionLimits, SessionMachine
from push_gateway.core.frames import SequencedFrame
from tests.unit.push_gateway.wire import frame, payloads

BUDGET_BYTES = 400
LIMITS = SessionLimits(reorder_frames=3, reorder_bytes=250, drained_capacity_bytes=300, lagging_seconds=30.0)
EPOCH = "e1"


@dataclass
class Client:
    """A client that has everything up to `position`, and rejects what it must never receive."""

    position: int | None = None
    contents: dict[int, Any] = field(default_factory=dict)

    def receive(self, message: Any, floor: int) -> None:
        data = message.get("data")
        match message["type"]:
            case "hello":
                self.position = data["seq"] if self.position is None else self.position
            case "reset":
                assert self.position is not None
                assert self.position < floor, "an unnecessary reset"
                self.position = data["seq"]
            case "heartbeat":
                assert data["seq"] == self.position
            case "new_message":
                assert self.position is not None
                assert message["seq"] == self.position + 1
                self.position = message["seq"]
                self.contents[message["seq"]] = data["n"]


class Delivery(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.log: list[SequencedFrame] = []
        self.floor = 0
        self.in_flight: list[SequencedFrame] = []
        self.client = Client()
        self.now = 0.0
        self.connect()

    @property
    def top(self) -> int:
        return len(self.log)

    def connect(self) -> None:
        self.buffered_bytes = 0
        self.is_closed = False
        self.requested: list[int | None] = []
        self.session = SessionMachine(
            after=self.client.position, epoch=EPOCH, expires_at=1e9, heartbeat_seconds=20.0, limits=LIMITS
        )
        self.apply(self.session.start())

    def capacity(self) -> int:
        return BUDGET_BYTES - self.buffered_bytes

    def apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(wire=wire):
                    self.buffered_bytes += len(wire)
                    for payload in payloads(wire):
                        self.client.receive(json.loads(payload), self.floor)
                case FetchLog(after=after):
                    self.requested.append(after)
                case Close():
                    self.is_closed = True

    def offer(self, frame: SequencedFrame) -> None:
        if self.capacity() > 0 and self.session.take_if_next(frame.seq):
            self.apply([Send(frame.wire)])
        else:
            self.apply(self.session.on_event(frame, self.now, self.capacity()))

    def read_page(self, after: int, limit: int) -> LogPage:
        start = max(after, self.floor)
        return LogPage(
            after=after, epoch=EPOCH, top_seq=self.top, floor_seq=self.floor, frames=self.log[start : start + limit]
        )

    @rule(count=st.integers(1, 4))
    def publish(self, count: int) -> None:
        for _ in range(count):
            self.log.append(frame(self.top + 1, "x" * (self.top % 5) * 20))
            self.in_flight.append(self.log[-1])

    @precondition(lambda self: self.in_flight)
    @rule()
    def deliver_in_order(self) -> None:
        self.offer(self.in_flight.pop(0))

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def deliver_out_of_order(self, data: st.DataObject) -> None:
        self.offer(self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1))))

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1)))

    @precondition(lambda self: self.log)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        frame = data.draw(st.sampled_from(self.log))
        if frame not in self.in_flight:
            self.offer(frame)

    @precondition(lambda self: self.requested)
    @rule(limit=st.integers(1, 3), earlier=st.integers(0, 3))
    def store_answers(self, limit: int, earlier: int) -> None:
        after = self.requested.pop(0)
        if after is None:
            page = LogPage(after=self.top, epoch=EPOCH, top_seq=self.top, floor_seq=0, frames=())
        else:
            page = self.read_page(max(0, after - earlier), limit)
        self.apply(self.session.on_log_page(page, self.now, self.capacity()))

    @rule(after=st.integers(0, 30), limit=st.integers(0, 3))
    def page_for_another_session_arrives(self, after: int, limit: int) -> None:
        self.apply(self.session.on_log_page(self.read_page(min(after, self.top), limit), self.now, self.capacity()))

    @rule(seconds=st.sampled_from([0.001, 0.03, 0.5, 2.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.session.wake_at:
            self.apply(self.session.tick(self.now, self.capacity()))

    @rule()
    def heartbeat(self) -> None:
        self.apply(self.session.heartbeat(self.now, self.capacity()))

    @rule()
    def tops_are_checked(self) -> None:
        self.apply(self.session.on_top(EPOCH, self.top, self.now))

    @rule()
    def socket_drains(self) -> None:
        self.buffered_bytes = 0
        self.apply(self.session.on_drained(self.now))

    @rule()
    def client_reconnects(self) -> None:
        self.connect()

    @rule(retained=st.integers(0, 5))
    def log_is_pruned(self, retained: int) -> None:
        self.floor = max(self.floor, self.top - retained)

    @invariant()
    def received_is_what_was_written(self) -> None:
        assert all(seq == content for seq, content in self.client.contents.items())
        assert len(self.session._reorder_buffer) <= LIMITS.reorder_frames + 1

    @invariant()
    def closed_session_reconnects(self) -> None:
        if self.is_closed:
            self.connect()

    def teardown(self) -> None:
        """When everything works again, the client has received everything."""
        for _ in range(self.top * 4 + 20):
            self.socket_drains()
            self.tops_are_checked()
            while self.requested:
                self.store_answers(limit=3, earlier=0)
            self.time_passes(1.0)
        assert self.client.position == self.top


Delivery.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestDelivery = Delivery.TestCase
