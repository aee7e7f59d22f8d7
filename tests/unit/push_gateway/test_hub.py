from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from push_gateway.core import LogPage
from push_gateway.core.frames import SequencedFrame, UnsequencedFrame
from push_gateway.delivery.hub import Hub, TooManySockets
from push_gateway.metrics import Metrics
from shared.contracts import AnyEvent, shard_of
from shared.security.user_tokens import UserToken
from tests.builders import A_SECOND_LATER, inbox_enriched, inbox_persisted
from tests.unit.push_gateway.wire import page


class RecordingSubscriber:
    """Records what it is given."""

    def __init__(self, device_id: str = "laptop") -> None:
        self.device_id = device_id
        self.ephemeral: list[UnsequencedFrame] = []
        self.delivered: list[int] = []
        self.wires: list[bytes] = []
        self.pages: list[LogPage] = []
        self.tops: list[tuple[str, int]] = []

    def deliver(self, frame: SequencedFrame) -> bool:
        self.delivered.append(frame.seq)
        self.wires.append(frame.wire)
        return True

    def on_log_page(self, page: LogPage) -> None:
        self.pages.append(page)

    def on_top(self, epoch: str, top_seq: int) -> None:
        self.tops.append((epoch, top_seq))

    def send_ephemeral(self, frame: UnsequencedFrame) -> None:
        self.ephemeral.append(frame)

    def close_if_revoked(self, is_revoked: Callable[[UserToken], bool]) -> None:
        raise AssertionError(is_revoked)

    def heartbeat(self) -> None:
        raise AssertionError("no heartbeat is due")


def hub(metrics: CollectorRegistry | None = None, **changes: Any) -> Hub:
    limits = {
        "max_sockets_per_user": 2,
        "max_sockets": 3,
        "idle_seconds": 60.0,
        "replay_bytes_per_user": 10_000,
        "replay_bytes": 100_000,
    }
    return Hub(
        Metrics(metrics or CollectorRegistry()),
        lambda: datetime(2026, 1, 2, 12, 0, 3, tzinfo=UTC),
        **{**limits, **changes},
    )


def event(user_id: str, seq: int) -> AnyEvent:
    return inbox_persisted(user_id=user_id, seq=seq, kind="new_message", data=msgspec.Raw(b"{}"))


def test_an_event_reaches_every_socket_of_its_user_encoded_once_and_nobody_else() -> None:
    users, one, two, other = hub(), RecordingSubscriber(), RecordingSubscriber(), RecordingSubscriber()
    users.join("ada", one)
    users.join("ada", two)
    users.join("bob", other)

    users.on_events([event("ada", 6), inbox_enriched(), event("nobody", 1), event("bob", 9)])

    assert (one.delivered, two.delivered, other.delivered) == ([6], [6], [9])
    assert one.wires[0] is two.wires[0]


def test_the_time_from_webhook_to_frame_is_measured() -> None:
    metrics = CollectorRegistry()
    users = hub(metrics)
    users.join("ada", RecordingSubscriber())

    users.on_events([event("ada", 6)])

    assert event("ada", 6).received_at == A_SECOND_LATER
    assert metrics.get_sample_value("switchboard_gateway_webhook_to_frame_seconds_sum") == 2.0


def test_a_user_and_a_process_have_a_limit_of_sockets() -> None:
    users = hub()
    users.join("ada", RecordingSubscriber())
    users.join("ada", RecordingSubscriber())

    with pytest.raises(TooManySockets):
        users.join("ada", RecordingSubscriber())
    users.join("bob", RecordingSubscriber())
    with pytest.raises(TooManySockets):
        users.join("eve", RecordingSubscriber())
    assert len(users) == 3


def test_a_channel_outlives_its_last_session_for_a_while() -> None:
    users, socket = hub(), RecordingSubscriber()
    channel, is_new = users.join("ada", socket)
    assert is_new
    assert channel.shard == shard_of("ada")

    users.leave(channel, socket, now=100.0)

    assert users.remove_idle(now=159.0) == []
    again, is_new = users.join("ada", socket)
    assert again is channel
    assert not is_new
    assert users.remove_idle(now=1000.0) == []
    users.leave(channel, socket, now=1000.0)
    assert users.remove_idle(now=1060.0) == [channel]
    assert users.channels == ()


def test_a_log_page_carries_the_top_of_events_that_arrived_meanwhile() -> None:
    users, socket = hub(), RecordingSubscriber()
    users.join("ada", socket)
    users.on_tops("e1", {"ada": 5})
    users.on_events([event("ada", 8)])

    users.on_log_page("ada", page(5, 6, 7))

    assert socket.pages[0].top_seq == 8
    users.on_log_page("nobody", page(0, 1))


def test_the_replay_buffer_is_current_only_while_the_shard_is_bound() -> None:
    users, socket = hub(), RecordingSubscriber()
    channel, _ = users.join("ada", socket)
    users.on_tops("e1", {"ada": 5, "gone": 1})
    assert channel.replay_buffer.page_after(5) is None, "the broker has not confirmed the binding"

    channel.is_bound = True
    users.on_tops("e1", {"ada": 5})
    assert channel.replay_buffer.page_after(5) is not None

    users.on_gap()
    assert channel.replay_buffer.page_after(5) is None
    assert socket.tops == [("e1", 5), ("e1", 5)]
