import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from prometheus_client import CollectorRegistry

from push_gateway.delivery.presence import Signals
from push_gateway.delivery.session import Client, Session
from push_gateway.metrics import Metrics
from shared.aio.background import BackgroundTasks
from shared.contracts import Event, SignalSentV1
from shared.contracts.inbox import Who
from shared.errors import DependencyUnavailable
from tests.unit.push_gateway.test_hub import Recorder, registry

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Nobody:
    """A broker that is away."""

    async def publish(self, events: Sequence[Event]) -> None:
        raise DependencyUnavailable(f"away, with {len(events)} events")


class Device(Recorder):
    """A listener, and as much of a session as signals need."""

    def __init__(self, user_id: str, name: str) -> None:
        super().__init__(name)
        self.client = Client(user_id=user_id, who=Who(id=name, name=None), after=None, epoch=None, token_expires_at=1e9)

    def said(self) -> list[bytes]:
        return [notice.payload for notice in self.notices]


class Scene:
    """A gateway with devices, and the signals between them."""

    def __init__(self, **changes: Any) -> None:
        self.metrics = CollectorRegistry()
        self.users = registry(max_sockets=10_000, **changes)
        self.signals = Signals(
            "here", Nobody(), self.users, Metrics(self.metrics), lambda: NOW, announce_seconds=20.0, grace_seconds=0.0
        )

    def came(self, user_id: str, name: str) -> tuple[Any, Session]:
        device = Device(user_id, name)
        self.users.join(user_id, device)
        session = cast("Session", device)
        self.signals.came(session)
        return device, session


def typing(user_id: str, until: datetime, gateway_id: str = "elsewhere") -> SignalSentV1:
    return SignalSentV1(
        id="0" * 32,
        occurred_at=NOW,
        received_at=NOW,
        user_id=user_id,
        gateway_id=gateway_id,
        kind="typing",
        who=Who(id="phone", name=None),
        conversation_id="c1",
        online=True,
        viewing=None,
        until=until,
    )


async def test_typing_from_another_gateway_lasts_six_seconds_at_most_whatever_its_clock_says() -> None:
    scene = Scene()
    ada, _ = scene.came("ada", "laptop")
    bob, _ = scene.came("bob", "desk")
    before = len(bob.notices)

    scene.signals.on_events([typing("ada", NOW + timedelta(days=300))])
    scene.signals.on_events([typing("ada", NOW - timedelta(seconds=1))])
    scene.signals.on_events([typing("ada", NOW + timedelta(seconds=5), gateway_id="here")])

    [said] = ada.said()
    assert b"2026-01-02T12:00:06Z" in said
    assert len(bob.notices) == before


async def test_what_waits_for_the_broker_is_bounded_and_the_oldest_is_forgotten() -> None:
    scene = Scene(max_sockets_per_user=10_000)
    for number in range(5_100):
        scene.came(f"user-{number}", "laptop")

    assert len(scene.signals._waiting) == 5_000
    dropped = scene.metrics.get_sample_value("switchboard_gateway_signals_total", {"outcome": "dropped"})
    assert dropped == 100
    assert ("user-0", "laptop", "") not in scene.signals._waiting
    assert ("user-5099", "laptop", "") in scene.signals._waiting


async def test_nothing_is_kept_of_users_who_have_gone() -> None:
    scene = Scene()
    _, session = scene.came("ada", "laptop")
    scene.signals.types(session, "c1")
    scene.signals.went(session)
    async with scene.signals.running(BackgroundTasks()), asyncio.timeout(5):
        while scene.signals._people:  # noqa: ASYNC110 - by the clock of the signals
            await asyncio.sleep(0.05)

    assert not scene.signals._typists
    assert not scene.signals._ending
