"""The presence tracker, compared with a slow and simple model."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from push_gateway.core import PresenceLimits, PresenceTracker
from shared.contracts.inbox import PresenceFrame, Who

LIMITS = PresenceLimits(grace_seconds=5.0, remote_seconds=50.0, max_devices=4, max_remote_entries=6)
DEVICES = st.sampled_from(["laptop", "phone", "tablet"])
GATEWAYS = st.sampled_from(["g1", "g2"])
CONVERSATIONS = st.sampled_from([None, "c1", "c2"])


def who(device: str) -> Who:
    return Who(id=device)


def test_the_number_of_devices_that_are_leaving_is_limited_and_the_oldest_is_reported_offline() -> None:
    tracker = PresenceTracker(LIMITS)
    count = LIMITS.max_devices + 2
    for number in range(count):
        tracker.join(f"s{number}", who(f"device-{number}"), 0.0)

    changes = [change for number in range(count) for change in tracker.leave(f"s{number}", number / 10)]

    assert [change.who.id for change in changes if not change.online] == ["device-0", "device-1"]
    assert len(tracker) == LIMITS.max_devices


def test_a_session_that_left_or_never_joined_changes_nothing() -> None:
    tracker = PresenceTracker(LIMITS)
    tracker.join("s1", who("laptop"), 0.0)
    tracker.leave("s1", 1.0)

    tracker.leave("s1", 4.0)
    tracker.leave("unknown", 4.0)

    assert tracker.set_viewing("s1", "c1", 2.0) == []
    assert tracker.set_viewing("unknown", "c1", 2.0) == []
    assert [change.online for change in tracker.expire(6.0)] == [False]


def test_a_device_joins_views_and_leaves() -> None:
    tracker = PresenceTracker(LIMITS)
    assert tracker.join("s1", who("laptop"), 0.0) == [PresenceFrame(who=who("laptop"), online=True, viewing=None)]
    assert tracker.set_viewing("s1", "c1", 1.0) == [PresenceFrame(who=who("laptop"), online=True, viewing="c1")]
    assert tracker.set_viewing("s1", "c1", 2.0) == []
    tracker.leave("s1", 3.0)
    assert tracker.expire(7.9) == []
    assert tracker.expire(8.0) == [PresenceFrame(who=who("laptop"), online=False, viewing=None)]
    assert tracker.is_empty


def test_a_reconnect_within_the_grace_changes_nothing() -> None:
    tracker = PresenceTracker(LIMITS)
    tracker.join("s1", who("laptop"), 0.0)
    tracker.set_viewing("s1", "c1", 0.0)
    tracker.leave("s1", 1.0)

    assert tracker.join("s2", who("laptop"), 5.0) == []
    assert tracker.expire(100.0) == []
    assert tracker.others("phone") == [PresenceFrame(who=who("laptop"), online=True, viewing="c1")]


def test_a_device_that_moves_to_another_gateway_stays_online() -> None:
    tracker = PresenceTracker(LIMITS)
    tracker.join("s1", who("laptop"), 0.0)
    tracker.local_changes(0.0)
    tracker.leave("s1", 1.0)
    assert tracker.update_remote("g2", who("laptop"), online=True, viewing=None, now=2.0) == ([], True)
    assert tracker.expire(6.0) == []
    assert tracker.local_changes(6.0) == [PresenceFrame(who=who("laptop"), online=False, viewing=None)], (
        "it is no longer on this gateway"
    )
    assert [frame.online for frame in tracker.expire(52.0)] == [False]


def test_a_device_with_several_sessions_views_what_it_opened_last() -> None:
    tracker = PresenceTracker(LIMITS)
    tracker.join("s1", who("laptop"), 0.0)
    tracker.join("s2", who("laptop"), 0.0)
    tracker.set_viewing("s1", "c1", 1.0)
    assert tracker.set_viewing("s2", "c2", 2.0)[0].viewing == "c2"
    assert tracker.set_viewing("s2", None, 3.0)[0].viewing == "c1"


def test_a_device_with_many_short_sessions_takes_no_other_device_offline() -> None:
    tracker = PresenceTracker(LIMITS)
    tracker.join("phone", who("phone"), 0.0)
    for number in range(LIMITS.max_devices + 1):
        tracker.join(number, who("laptop"), 0.0)
    tracker.leave("phone", 1.0)
    changes = [frame for number in range(LIMITS.max_devices + 1) for frame in tracker.leave(number, 2.0)]

    assert changes == []
    assert {frame.who.id for frame in tracker.others("")} == {"phone", "laptop"}
    assert {frame.who.id for frame in tracker.local(2.0)} == {"phone", "laptop"}


@dataclass
class Model:
    """Keeps every fact with its time and computes the rest."""

    sessions: dict[int, tuple[str, float | None]] = field(default_factory=dict)
    remote: dict[tuple[str, str], float] = field(default_factory=dict)

    def online(self, now: float) -> set[str]:
        here = {device for device, went in self.sessions.values() if went is None or now < went + LIMITS.grace_seconds}
        there = {device for (_, device), announced in self.remote.items() if now < announced + LIMITS.remote_seconds}
        return here | there


class Presence(RuleBasedStateMachine):
    """What others received is always current, however sessions and gateways come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = PresenceTracker(LIMITS)
        self.model = Model()
        self.now = 0.0
        self.numbers = 0
        self.received_frames: dict[str, PresenceFrame] = {}
        self.announced: dict[str, PresenceFrame] = {}

    def receive(self, changes: list[PresenceFrame]) -> None:
        for change in changes:
            known = self.received_frames.get(change.who.id)
            assert change != known, "nothing is sent twice"
            assert change.online or known is not None, "only a device that was online goes offline"
            if change.online:
                self.received_frames[change.who.id] = change
            else:
                del self.received_frames[change.who.id]
        for news in self.tracker.local_changes(self.now):
            if news.online:
                self.announced[news.who.id] = news
            else:
                del self.announced[news.who.id]

    @rule(device=DEVICES)
    def join(self, device: str) -> None:
        for number, (known, went) in list(self.model.sessions.items()):
            if known == device and went is not None:
                del self.model.sessions[number]  # taken over
        self.numbers += 1
        self.model.sessions[self.numbers] = (device, None)
        self.receive(self.tracker.join(self.numbers, who(device), self.now))

    @rule(data=st.data(), viewing=CONVERSATIONS)
    def view(self, data: st.DataObject, viewing: str | None) -> None:
        number = data.draw(st.integers(0, self.numbers))
        self.receive(self.tracker.set_viewing(number, viewing, self.now))

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, self.numbers))
        device, went = self.model.sessions.get(number, ("", 0.0))
        if went is None:
            self.model.sessions[number] = (device, self.now)
            self.receive(self.tracker.leave(number, self.now))

    @rule(gateway=GATEWAYS, device=DEVICES, online=st.booleans(), viewing=CONVERSATIONS)
    def receive_remote(self, gateway: str, device: str, online: bool, viewing: str | None) -> None:  # noqa: FBT001 - drawn
        if online:
            self.model.remote[gateway, device] = self.now
        else:
            self.model.remote.pop((gateway, device), None)
        changes, _ = self.tracker.update_remote(gateway, who(device), online=online, viewing=viewing, now=self.now)
        self.receive(changes)

    @rule(seconds=st.sampled_from([0.5, 4.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.receive(self.tracker.expire(self.now))

    @invariant()
    def received_is_current(self) -> None:
        assert set(self.received_frames) == self.model.online(self.now)
        assert {frame.who.id for frame in self.tracker.others("nobody")} == set(self.received_frames)

    @invariant()
    def announced_is_current(self) -> None:
        assert self.announced == {frame.who.id: frame for frame in self.tracker.local(self.now)}

    @invariant()
    def size_is_bounded(self) -> None:
        live = sum(went is None for _, went in self.model.sessions.values())
        assert len(self.tracker) <= live + LIMITS.max_devices + LIMITS.max_remote_entries


Presence.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestPresence = Presence.TestCase


def test_devices_and_entries_are_bounded() -> None:
    tracker = PresenceTracker(LIMITS)
    for number in range(100):
        tracker.update_remote(f"g{number % 7}", who(f"d{number}"), online=True, viewing=None, now=0.0)
    assert len(tracker) == LIMITS.max_remote_entries
    assert len(tracker.others("")) == LIMITS.max_devices
    for number in range(100):
        tracker.join(number, who(f"e{number}"), 0.0)
        tracker.leave(number, 0.0)
    assert len(tracker) <= LIMITS.max_devices + LIMITS.max_remote_entries
