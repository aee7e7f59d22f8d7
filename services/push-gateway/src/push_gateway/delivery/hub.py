"""The sessions of this process, by user. Delivers every event to the sessions of its user."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from push_gateway.core import LogPage, ReplayBuffer, SharedBudget
from push_gateway.core.frames import SequencedFrame, UnsequencedFrame, sequenced_frame
from push_gateway.metrics import Metrics
from shared.contracts import AnyEvent, InboxPersistedV1, shard_of
from shared.errors import PermanentError
from shared.security.user_tokens import UserToken


class TooManySockets(PermanentError):
    """The user or the process has reached its limit of sockets."""


class Subscriber(Protocol):
    """A session, as the hub sees it. No method waits or raises."""

    @property
    def device_id(self) -> str:
        """The device that the session belongs to."""

    def deliver(self, frame: SequencedFrame) -> bool:
        """Take a live event; return whether it was written at once."""

    def on_log_page(self, page: LogPage) -> None:
        """Take a part of the log."""

    def on_top(self, epoch: str, top_seq: int) -> None:
        """Take the top of the log."""

    def heartbeat(self) -> None:
        """Send the heartbeat that is due."""

    def send_ephemeral(self, frame: UnsequencedFrame) -> None:
        """Send a frame that means little later: now, or never."""

    def close_if_revoked(self, is_revoked: Callable[[UserToken], bool]) -> None:
        """Close the session if its token is no longer accepted."""


@dataclass(eq=False, slots=True)
class UserChannel:
    """One user's sessions. The channel outlives the last one for a while."""

    user_id: str
    shard: int
    replay_buffer: ReplayBuffer
    is_bound: bool = False
    """Whether the broker has confirmed that this process receives the user's events."""
    subscribers: list[Subscriber] = field(default_factory=list)
    empty_since: float | None = None
    """When the last session left, on the clock that `Hub.leave` is called with."""


class Hub:
    """One instance per process.

    Args:
        metrics: Gets the number of sockets and users, and the time from webhook to frame.
        utc_now: The wall clock, UTC.
        max_sockets_per_user: Sessions of one user.
        max_sockets: Sessions of this process.
        idle_seconds: How long a channel without sessions is kept.
        replay_bytes_per_user: Limit of each replay buffer.
        replay_bytes: Limit of all replay buffers together.
    """

    def __init__(
        self,
        metrics: Metrics,
        utc_now: Callable[[], datetime],
        *,
        max_sockets_per_user: int,
        max_sockets: int,
        idle_seconds: float,
        replay_bytes_per_user: int,
        replay_bytes: int,
    ) -> None:
        self._metrics = metrics
        self._utc_now = utc_now
        self._max_sockets_per_user = max_sockets_per_user
        self._max_sockets = max_sockets
        self._idle_seconds = idle_seconds
        self._replay_bytes_per_user = replay_bytes_per_user
        self._budget = SharedBudget(replay_bytes)
        self._channels: dict[str, UserChannel] = {}
        self._sockets = 0

    def __len__(self) -> int:
        """Return how many sessions have joined."""
        return self._sockets

    @property
    def channels(self) -> Sequence[UserChannel]:
        """All channels, with and without sessions."""
        return tuple(self._channels.values())

    def subscribers(self) -> Iterator[Subscriber]:
        """Iterate over all sessions; they may join and leave meanwhile."""
        for channel in self.channels:
            yield from tuple(channel.subscribers)

    def join(self, user_id: str, subscriber: Subscriber) -> tuple[UserChannel, bool]:
        """Add a session to its user's channel.

        Returns:
            The channel, and whether it is new: then its shard has to be bound.

        Raises:
            TooManySockets: One of the two limits is reached.
        """
        channel = self._channels.get(user_id)
        if self._sockets >= self._max_sockets:
            raise TooManySockets("this server has reached its limit of sockets")
        if channel is not None and len(channel.subscribers) >= self._max_sockets_per_user:
            raise TooManySockets(f"at most {self._max_sockets_per_user} sockets per user")
        is_new = channel is None
        if channel is None:
            replay_buffer = ReplayBuffer(self._replay_bytes_per_user, self._budget)
            channel = self._channels[user_id] = UserChannel(user_id, shard_of(user_id), replay_buffer)
        channel.subscribers.append(subscriber)
        channel.empty_since = None
        self._sockets += 1
        self._update_metrics()
        return channel, is_new

    def leave(self, channel: UserChannel, subscriber: Subscriber, now: float) -> None:
        """Remove a session; `now` is on the same monotonic clock as that of `remove_idle`."""
        channel.subscribers.remove(subscriber)
        if not channel.subscribers:
            channel.empty_since = now
        self._sockets -= 1
        self._update_metrics()

    def remove_idle(self, now: float) -> list[UserChannel]:
        """Remove and return channels that had no session for `idle_seconds`; their shards have to be released."""
        idle = [
            channel
            for channel in self._channels.values()
            if channel.empty_since is not None and now - channel.empty_since >= self._idle_seconds
        ]
        for channel in idle:
            channel.replay_buffer.clear()
            del self._channels[channel.user_id]
        self._update_metrics()
        return idle

    def on_events(self, events: Sequence[AnyEvent]) -> None:
        """Deliver live events: each is encoded once, and no session waits for another."""
        for event in events:
            if not isinstance(event, InboxPersistedV1):
                continue
            channel = self._channels.get(event.user_id)
            if channel is None:
                continue
            frame = sequenced_frame(event.kind, event.seq, event.data)
            channel.replay_buffer.add(frame)
            if sum([subscriber.deliver(frame) for subscriber in channel.subscribers]):
                age = self._utc_now() - event.received_at
                self._metrics.webhook_to_frame_seconds.observe(max(0.0, age.total_seconds()))

    def on_log_page(self, user_id: str, page: LogPage) -> None:
        """Give a part of the log to all sessions of its user: those that do not need it ignore it."""
        channel = self._channels.get(user_id)
        if channel is None:
            return
        is_consistent = channel.replay_buffer.is_consistent_with(page.top_seq)
        channel.replay_buffer.merge(page)
        channel.replay_buffer.is_current = channel.is_bound and is_consistent
        # A session that joined while the page was read must know of events that the others received meanwhile.
        top_seq = max(page.top_seq, channel.replay_buffer.top_seq)
        page = LogPage(page.after, page.epoch, top_seq, page.floor_seq, page.frames)
        for subscriber in tuple(channel.subscribers):
            subscriber.on_log_page(page)

    def on_tops(self, epoch: str, top_seqs: dict[str, int]) -> None:
        """Give all sessions the top of their user's log."""
        for channel in self.channels:
            top_seq = top_seqs.get(channel.user_id)
            if top_seq is None:
                continue
            is_consistent = channel.replay_buffer.is_consistent_with(top_seq)
            channel.replay_buffer.update_top(epoch, top_seq)
            channel.replay_buffer.is_current = channel.is_bound and is_consistent
            for subscriber in tuple(channel.subscribers):
                subscriber.on_top(epoch, top_seq)

    def on_gap(self, shard: int | None = None) -> None:
        """Note that events (of `shard`) may have been missed, and that they arrive again from now on."""
        for channel in self._channels.values():
            if shard is None or channel.shard == shard:
                channel.is_bound = True
                channel.replay_buffer.is_current = False

    def send_to_other_devices(self, user_id: str, device_id: str, frame: UnsequencedFrame) -> None:
        """Send an ephemeral frame to all sessions of the user except those of the device `device_id`."""
        channel = self._channels.get(user_id)
        for subscriber in tuple(channel.subscribers) if channel is not None else ():
            if subscriber.device_id != device_id:
                subscriber.send_ephemeral(frame)

    def close_revoked(self, is_revoked: Callable[[UserToken], bool]) -> None:
        """Close all sessions whose token is no longer accepted."""
        for subscriber in self.subscribers():
            subscriber.close_if_revoked(is_revoked)

    def _update_metrics(self) -> None:
        self._metrics.sockets.set(self._sockets)
        self._metrics.users.set(len(self._channels))
