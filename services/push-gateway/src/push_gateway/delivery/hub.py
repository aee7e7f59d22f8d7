"""Who listens: users, their sockets, and the newest frames of each. Hands every event to the sockets of its user."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from push_gateway.core import Page, Recent, SharedBudget, frames
from push_gateway.core.frames import Frame, Notice
from push_gateway.metrics import Metrics
from shared.contracts import AnyEvent, InboxPersistedV1, shard_of
from shared.errors import PermanentError


class TooManySockets(PermanentError):
    """The user, or the process, has as many sockets as it may have."""


class Listener(Protocol):
    """A session, as seen from here. None of these waits or raises."""

    @property
    def who_id(self) -> str:
        """Which device it is."""

    def offer(self, frame: Frame) -> bool:
        """Take a live event; True when it was written at once."""

    def page(self, page: Page) -> None:
        """Take a part of the log."""

    def top(self, epoch: str, top: int) -> None:
        """Take where the log stands."""

    def heartbeat(self) -> None:
        """Tell the client how far it has come."""

    def passing(self, notice: Notice) -> None:
        """Tell the client what means little later, if that is possible now."""


@dataclass(eq=False, slots=True)
class Feed:
    """One user: heard of while it has sockets, and for a while after."""

    user_id: str
    shard: int
    recent: Recent
    is_heard: bool = False
    """Whether the broker has confirmed that the user's events come here."""
    listeners: list[Listener] = field(default_factory=list)
    left_at: float | None = None
    """When the last socket went, on the shell's clock."""


class Registry:
    """Users and their sockets.

    Args:
        now: the wall clock, UTC; for webhook-to-frame time.
        linger_seconds: how long a user is heard after the last socket went.
    """

    def __init__(
        self,
        metrics: Metrics,
        now: Callable[[], datetime],
        *,
        max_sockets_per_user: int,
        max_sockets: int,
        linger_seconds: float,
        recent_bytes_per_user: int,
        recent_bytes: int,
    ) -> None:
        self._metrics = metrics
        self._now = now
        self._max_sockets_per_user = max_sockets_per_user
        self._max_sockets = max_sockets
        self._linger_seconds = linger_seconds
        self._recent_bytes_per_user = recent_bytes_per_user
        self._budget = SharedBudget(recent_bytes)
        self._feeds: dict[str, Feed] = {}
        self._sockets = 0

    def __len__(self) -> int:
        """How many sockets have joined."""
        return self._sockets

    @property
    def feeds(self) -> Sequence[Feed]:
        """Every user that is heard, with sockets or lingering."""
        return tuple(self._feeds.values())

    def listeners(self) -> Iterator[Listener]:
        """Every socket, as of now."""
        for feed in self.feeds:
            yield from tuple(feed.listeners)

    def tell_others(self, user_id: str, who_id: str, notice: Notice) -> None:
        """Tell every socket of the user, but not those of the device `who_id` itself."""
        feed = self._feeds.get(user_id)
        for listener in tuple(feed.listeners) if feed is not None else ():
            if listener.who_id != who_id:
                listener.passing(notice)

    def join(self, user_id: str, listener: Listener) -> tuple[Feed, bool]:
        """Return the user's feed, and whether it is new: then its shard has to be bound.

        Raises:
            TooManySockets: one of the two limits is reached.
        """
        feed = self._feeds.get(user_id)
        if self._sockets >= self._max_sockets:
            raise TooManySockets("this server has as many sockets as it may have")
        if feed is not None and len(feed.listeners) >= self._max_sockets_per_user:
            raise TooManySockets(f"at most {self._max_sockets_per_user} sockets a user")
        is_new = feed is None
        if feed is None:
            feed = Feed(user_id, shard_of(user_id), Recent(self._recent_bytes_per_user, self._budget))
            self._feeds[user_id] = feed
        feed.listeners.append(listener)
        feed.left_at = None
        self._sockets += 1
        self._count()
        return feed, is_new

    def leave(self, feed: Feed, listener: Listener, now: float) -> None:
        """A socket has gone; `now` is on the clock that `expire` is called with."""
        feed.listeners.remove(listener)
        if not feed.listeners:
            feed.left_at = now
        self._sockets -= 1
        self._count()

    def expire(self, now: float) -> list[Feed]:
        """Forget users whose last socket went long ago; their shards have to be released."""
        gone = [
            feed
            for feed in self._feeds.values()
            if feed.left_at is not None and now - feed.left_at >= self._linger_seconds
        ]
        for feed in gone:
            feed.recent.clear()
            del self._feeds[feed.user_id]
        self._count()
        return gone

    def on_events(self, events: Sequence[AnyEvent]) -> None:
        """Hand live events on: encoded once each, written to every socket of their user without waiting for any."""
        for event in events:
            if not isinstance(event, InboxPersistedV1):
                continue
            feed = self._feeds.get(event.user_id)
            if feed is None:
                continue
            frame = frames.sequenced(event.kind, event.seq, event.data)
            feed.recent.add(frame)
            if sum([listener.offer(frame) for listener in feed.listeners]):
                age = self._now() - event.received_at
                self._metrics.webhook_to_frame_seconds.observe(max(0.0, age.total_seconds()))

    def on_page(self, user_id: str, page: Page) -> None:
        """Hand a part of the log to all sockets of its user: whoever has no use for it drops it."""
        feed = self._feeds.get(user_id)
        if feed is None:
            return
        is_sure = feed.recent.knows_life_of(page.seq)
        feed.recent.learn(page)
        feed.recent.is_current = feed.is_heard and is_sure
        # A socket that joined while the page was read must know what its neighbours heard meanwhile.
        page = Page(page.after, page.epoch, max(page.seq, feed.recent.top), page.floor_seq, page.frames)
        for listener in tuple(feed.listeners):
            listener.page(page)

    def on_tops(self, epoch: str, tops: dict[str, int]) -> None:
        """Tell every socket where its user's log stands."""
        for feed in self.feeds:
            top = tops.get(feed.user_id)
            if top is None:
                continue
            is_sure = feed.recent.knows_life_of(top)
            feed.recent.learn_top(epoch, top)
            feed.recent.is_current = feed.is_heard and is_sure
            for listener in tuple(feed.listeners):
                listener.top(epoch, top)

    def on_gap(self, shard: int | None = None) -> None:
        """Events were missed, and all users (of `shard`) are heard again: what is kept may not be the newest."""
        for feed in self._feeds.values():
            if shard is None or feed.shard == shard:
                feed.is_heard = True
                feed.recent.is_current = False

    def _count(self) -> None:
        self._metrics.sockets.set(self._sockets)
        self._metrics.users.set(len(self._feeds))
