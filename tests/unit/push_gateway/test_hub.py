from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from push_gateway.core import Page
from push_gateway.core.frames import Frame, Notice
from push_gateway.delivery.hub import Registry, TooManySockets
from push_gateway.metrics import Metrics
from shared.contracts import AnyEvent, shard_of
from tests.builders import A_SECOND_LATER, inbox_enriched, inbox_persisted
from tests.unit.push_gateway.wire import page


class Recorder:
    """A listener that writes down what it is given."""

    def __init__(self, who_id: str = "laptop") -> None:
        self.who_id = who_id
        self.notices: list[Notice] = []
        self.offered: list[int] = []
        self.wires: list[bytes] = []
        self.pages: list[Page] = []
        self.tops: list[tuple[str, int]] = []

    def offer(self, frame: Frame) -> bool:
        self.offered.append(frame.seq)
        self.wires.append(frame.wire)
        return True

    def page(self, page: Page) -> None:
        self.pages.append(page)

    def top(self, epoch: str, top: int) -> None:
        self.tops.append((epoch, top))

    def passing(self, notice: Notice) -> None:
        self.notices.append(notice)

    def heartbeat(self) -> None:
        raise AssertionError("nobody asked for one")


def registry(metrics: CollectorRegistry | None = None, **changes: Any) -> Registry:
    limits = {
        "max_sockets_per_user": 2,
        "max_sockets": 3,
        "linger_seconds": 60.0,
        "recent_bytes_per_user": 10_000,
        "recent_bytes": 100_000,
    }
    return Registry(
        Metrics(metrics or CollectorRegistry()),
        lambda: datetime(2026, 1, 2, 12, 0, 3, tzinfo=UTC),
        **{**limits, **changes},
    )


def event(user_id: str, seq: int) -> AnyEvent:
    return inbox_persisted(user_id=user_id, seq=seq, kind="new_message", data=msgspec.Raw(b"{}"))


def test_an_event_reaches_every_socket_of_its_user_encoded_once_and_nobody_else() -> None:
    users, one, two, other = registry(), Recorder(), Recorder(), Recorder()
    users.join("ada", one)
    users.join("ada", two)
    users.join("bob", other)

    users.on_events([event("ada", 6), inbox_enriched(), event("nobody", 1), event("bob", 9)])

    assert (one.offered, two.offered, other.offered) == ([6], [6], [9])
    assert one.wires[0] is two.wires[0]


def test_the_time_from_webhook_to_frame_is_measured() -> None:
    metrics = CollectorRegistry()
    users = registry(metrics)
    users.join("ada", Recorder())

    users.on_events([event("ada", 6)])

    assert event("ada", 6).received_at == A_SECOND_LATER
    assert metrics.get_sample_value("switchboard_gateway_webhook_to_frame_seconds_sum") == 2.0


def test_a_user_and_a_process_have_a_limit_of_sockets() -> None:
    users = registry()
    users.join("ada", Recorder())
    users.join("ada", Recorder())

    with pytest.raises(TooManySockets):
        users.join("ada", Recorder())
    users.join("bob", Recorder())
    with pytest.raises(TooManySockets):
        users.join("eve", Recorder())
    assert len(users) == 3


def test_a_user_is_heard_for_a_while_after_the_last_socket_went() -> None:
    users, socket = registry(), Recorder()
    feed, is_new = users.join("ada", socket)
    assert is_new
    assert feed.shard == shard_of("ada")

    users.leave(feed, socket, now=100.0)

    assert users.expire(now=159.0) == []
    again, is_new = users.join("ada", socket)
    assert again is feed
    assert not is_new
    assert users.expire(now=1000.0) == []
    users.leave(feed, socket, now=1000.0)
    assert users.expire(now=1060.0) == [feed]
    assert users.feeds == ()


def test_a_page_is_handed_on_with_what_was_heard_while_it_was_read() -> None:
    users, socket = registry(), Recorder()
    users.join("ada", socket)
    users.on_tops("e1", {"ada": 5})
    users.on_events([event("ada", 8)])

    users.on_page("ada", page(5, 6, 7))

    assert socket.pages[0].seq == 8
    users.on_page("nobody", page(0, 1))


def test_memory_serves_only_users_whose_stream_is_whole() -> None:
    users, socket = registry(), Recorder()
    feed, _ = users.join("ada", socket)
    users.on_tops("e1", {"ada": 5, "gone": 1})
    assert feed.recent.page(5) is None, "the broker has not confirmed the binding"

    feed.is_heard = True
    users.on_tops("e1", {"ada": 5})
    assert feed.recent.page(5) is not None

    users.on_gap()
    assert feed.recent.page(5) is None
    assert socket.tops == [("e1", 5), ("e1", 5)]
