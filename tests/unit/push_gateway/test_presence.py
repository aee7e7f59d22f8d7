from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from prometheus_client import CollectorRegistry

from push_gateway.delivery.presence import Presence
from push_gateway.delivery.session import Client, Session
from push_gateway.delivery.signal_publisher import SignalPublisher
from push_gateway.metrics import Metrics
from shared.aio.background import BackgroundTasks
from shared.contracts import Event, SignalSentV1
from shared.contracts.inbox import Who
from shared.errors import DependencyUnavailable
from shared.security.user_tokens import UserToken
from tests.unit.push_gateway.test_hub import RecordingSubscriber, hub
from tests.unit.push_gateway.test_log_fetcher import until

TOKEN = UserToken("ada", datetime(2100, 1, 1, tzinfo=UTC))

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


class UnavailableBroker:
    async def publish(self, events: Sequence[Event]) -> None:
        raise DependencyUnavailable(f"unavailable, with {len(events)} events")


class Device(RecordingSubscriber):
    """A subscriber of the hub, and as much of a session as presence needs."""

    def __init__(self, user_id: str, device_id: str) -> None:
        super().__init__(device_id)
        self.client = Client(
            user_id=user_id, who=Who(id=device_id, name=None), after=None, epoch=None, token=TOKEN, token_expires_at=1e9
        )


class Gateway:
    """Presence with its hub, and a broker that is unavailable."""

    def __init__(self, **changes: Any) -> None:
        self.metrics = CollectorRegistry()
        metrics = Metrics(self.metrics)
        self.hub = hub(max_sockets=10_000, **changes)
        self.publisher = SignalPublisher("here", UnavailableBroker(), metrics, lambda: NOW)
        self.presence = Presence(
            self.publisher, self.hub, metrics, lambda: NOW, announce_seconds=20.0, grace_seconds=0.0
        )

    def connect(self, user_id: str, device_id: str) -> tuple[Device, Session]:
        device = Device(user_id, device_id)
        self.hub.join(user_id, device)
        session = cast("Session", device)
        self.presence.join(session)
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


async def test_typing_from_another_gateway_lasts_at_most_six_seconds_whatever_its_clock_says() -> None:
    gateway = Gateway()
    ada, _ = gateway.connect("ada", "laptop")
    bob, _ = gateway.connect("bob", "desk")
    before = len(bob.ephemeral)

    gateway.presence.on_events([typing("ada", NOW + timedelta(days=300))])
    gateway.presence.on_events([typing("ada", NOW - timedelta(seconds=1))])
    gateway.presence.on_events([typing("ada", NOW + timedelta(seconds=5), gateway_id="here")])

    [frame] = ada.ephemeral
    assert b"2026-01-02T12:00:06Z" in frame.payload
    assert len(bob.ephemeral) == before


async def test_signals_that_wait_for_the_broker_are_bounded_and_the_oldest_is_dropped() -> None:
    gateway = Gateway(max_sockets_per_user=10_000)
    for number in range(5_100):
        gateway.connect(f"user-{number}", "laptop")

    assert len(gateway.publisher._pending) == 5_000
    dropped = gateway.metrics.get_sample_value("switchboard_gateway_signals_total", {"outcome": "dropped"})
    assert dropped == 100
    assert ("user-0", "laptop", "") not in gateway.publisher._pending
    assert ("user-5099", "laptop", "") in gateway.publisher._pending


async def test_nothing_is_kept_of_users_who_are_gone() -> None:
    gateway = Gateway()
    _, session = gateway.connect("ada", "laptop")
    gateway.presence.typing(session, "c1")
    gateway.presence.leave(session)
    async with gateway.presence.running(BackgroundTasks()):
        await until(lambda: not gateway.presence._trackers)

    assert not gateway.presence._typing_throttles
    assert not gateway.presence._users_with_expiring_entries
