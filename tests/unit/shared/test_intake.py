"""Bytes in flight: never more than the limit while something can give way, and none are forgotten."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from shared.http.intake import Incoming, Intake, IntakeLimits, Refused

LIMIT = 100


class Request(Incoming):
    reason: Refused | None = None

    def refuse(self, reason: Refused) -> None:
        assert self.reason is None, "refused once"
        assert not self.has_arrived, "what has arrived does not give way"
        self.reason = reason


@dataclass
class World:
    intake: Intake = field(default_factory=lambda: Intake(IntakeLimits(bytes_in_flight=LIMIT), CollectorRegistry()))
    requests: list[Request] = field(default_factory=list)

    def held(self) -> int:
        return sum(request.held_bytes for request in self.requests)


steps = st.lists(st.tuples(st.sampled_from(["begin", "more", "arrive", "end"]), st.integers(0, 7), st.integers(1, 60)))


@given(steps)
def test_bytes_in_flight_are_bounded_and_none_are_forgotten(steps: list[tuple[str, int, int]]) -> None:
    world = World()
    for step, index, count in steps:
        if step == "begin":
            world.requests.append(Request())
        if not world.requests:
            continue
        request = world.requests[-1 - index % len(world.requests)]
        if step == "end":
            world.intake.ended(request)
        elif request.is_refused or request.has_arrived:
            continue
        elif step == "arrive":
            world.intake.arrived(request)
        else:
            has_room = world.intake.receive(request, count)
            assert has_room == (world.intake.bytes_in_flight <= LIMIT)

        assert world.intake.bytes_in_flight == world.held()
        if world.intake.bytes_in_flight > LIMIT:
            assert all(one.has_arrived or not one.held_bytes for one in world.requests)
    for request in world.requests:
        world.intake.arrived(request)
        world.intake.ended(request)
    assert world.intake.bytes_in_flight == 0


def test_the_request_that_has_been_arriving_for_the_longest_time_gives_way() -> None:
    world = World()
    world.requests = [Request() for _ in range(4)]
    first, second, third, fourth = world.requests
    for request in (first, second, third):
        world.intake.receive(request, 30)
    world.intake.receive(second, 5)
    world.intake.arrived(first)

    assert world.intake.receive(fourth, 30)
    assert [request.reason for request in world.requests] == [None, Refused.OVERLOADED, None, None]


@given(st.integers(0, 10**9))
def test_a_body_may_take_longer_the_more_of_it_has_arrived_but_not_for_ever(received: int) -> None:
    limits = IntakeLimits(body_grace_seconds=10, body_bytes_per_second=1000, body_seconds=60)

    assert 10 <= limits.body_seconds_after(received) <= limits.body_seconds_after(received + 1000) <= 60
