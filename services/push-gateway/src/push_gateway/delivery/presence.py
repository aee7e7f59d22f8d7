"""Typing and presence, on this gateway and between gateways: ephemeral, best effort, never stored.

Devices on this gateway learn of changes at once. Other gateways receive them as `signal.sent.v1`, which is kept for
nobody; what is lost is announced again, or expires.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from push_gateway.core import TYPING_SECONDS, PresenceLimits, PresenceTracker, TypingThrottle, frames
from push_gateway.delivery.hub import Hub
from push_gateway.delivery.session import Session
from push_gateway.delivery.signal_publisher import SignalPublisher
from push_gateway.metrics import Metrics
from shared.aio.background import BackgroundTasks, bugs_caught
from shared.contracts import AnyEvent, SignalSentV1
from shared.contracts.inbox import PresenceFrame, TypingFrame

_TICK_SECONDS = 0.5
_USERS_PER_TURN = 200
"""Users that are announced before other tasks get their turn."""
_REMOTE_FACTOR = 2.5
"""A device counts as offline when its gateway has missed two announcements."""


class Presence:
    """One instance per process.

    Args:
        publisher: Publishes to other gateways.
        hub: Sends to the devices on this gateway.
        metrics: Counts signals of other gateways.
        utc_now: The wall clock, UTC.
        announce_seconds: How often other gateways are told which devices are online here.
        grace_seconds: A device that reconnects within this was never offline.
    """

    def __init__(
        self,
        publisher: SignalPublisher,
        hub: Hub,
        metrics: Metrics,
        utc_now: Callable[[], datetime],
        *,
        announce_seconds: float,
        grace_seconds: float,
    ) -> None:
        self._publisher = publisher
        self._hub = hub
        self._metrics = metrics
        self._utc_now = utc_now
        self._announce_seconds = announce_seconds
        self._limits = PresenceLimits(grace_seconds=grace_seconds, remote_seconds=announce_seconds * _REMOTE_FACTOR)
        self._trackers: dict[str, PresenceTracker] = {}
        self._users_with_expiring_entries: set[str] = set()
        self._typing_throttles: dict[Session, TypingThrottle] = {}

    @asynccontextmanager
    async def running(self, background: BackgroundTasks) -> AsyncIterator[None]:
        """Publish, announce and expire while the context lasts."""
        # The names are label values of a metric, on which alerts may match: they stay as they are.
        works = {
            "signals to other gateways": self._publisher.run,
            "announcements of who is there": self._announce,
            "expiry of who was there": self._expire,
        }
        async with background.run(works):
            yield

    def join(self, session: Session) -> None:
        """Tell a new session which devices are online, and the others that its device is."""
        user_id = session.client.user_id
        tracker = self._trackers.setdefault(user_id, PresenceTracker(self._limits))
        changes = tracker.join(session, session.client.who, _monotonic())
        for other in tracker.others(session.device_id):
            session.send_ephemeral(frames.presence(other))
        self._send_changes(user_id, tracker, changes)

    def viewing(self, session: Session, conversation_id: str | None) -> None:
        """Tell the others what a session shows now."""
        user_id = session.client.user_id
        tracker = self._trackers.get(user_id)
        if tracker is not None:
            self._send_changes(user_id, tracker, tracker.set_viewing(session, conversation_id, _monotonic()))

    def typing(self, session: Session, conversation_id: str) -> None:
        """Tell the others that somebody is typing, unless they were told a moment ago."""
        if not self._typing_throttles.setdefault(session, TypingThrottle()).allow(conversation_id, _monotonic()):
            return
        user_id, who = session.client.user_id, session.client.who
        until = self._utc_now() + timedelta(seconds=TYPING_SECONDS)
        self._send_typing(user_id, TypingFrame(conversation_id=conversation_id, who=who, until=until))
        self._publisher.send(user_id, "typing", who, until, conversation_id=conversation_id)

    def leave(self, session: Session) -> None:
        """Remove a session, whether or not it has joined."""
        self._typing_throttles.pop(session, None)
        tracker = self._trackers.get(session.client.user_id)
        if tracker is not None:
            changes = tracker.leave(session, _monotonic())
            self._send_changes(session.client.user_id, tracker, changes)
            self._users_with_expiring_entries.add(session.client.user_id)

    def on_events(self, events: Sequence[AnyEvent]) -> None:
        """Take the signals of other gateways."""
        for event in events:
            if not isinstance(event, SignalSentV1) or event.gateway_id == self._publisher.gateway_id:
                continue
            self._metrics.signals.labels("heard").inc()
            if event.kind == "typing":
                self._on_remote_typing(event)
            elif (tracker := self._trackers.get(event.user_id)) is not None:
                changes, is_new = tracker.update_remote(
                    event.gateway_id, event.who, online=event.online, viewing=event.viewing, now=_monotonic()
                )
                self._users_with_expiring_entries.add(event.user_id)
                self._send_changes(event.user_id, tracker, changes)
                if is_new:  # it has just subscribed and does not know our devices
                    self._announce_user(event.user_id, tracker)

    def _on_remote_typing(self, event: SignalSentV1) -> None:
        now = self._utc_now()
        until = min(event.until, now + timedelta(seconds=TYPING_SECONDS))  # the other gateway's clock may be wrong
        if until > now and event.conversation_id is not None:
            frame = TypingFrame(conversation_id=event.conversation_id, who=event.who, until=until)
            self._send_typing(event.user_id, frame)

    def _send_typing(self, user_id: str, frame: TypingFrame) -> None:
        self._hub.send_to_other_devices(user_id, frame.who.id, frames.typing(frame))

    def _send_changes(self, user_id: str, tracker: PresenceTracker, changes: Sequence[PresenceFrame]) -> None:
        """Send `changes` to the sessions here, and changes of our own devices to other gateways."""
        for change in changes:
            self._hub.send_to_other_devices(user_id, change.who.id, frames.presence(change))
        for change in tracker.local_changes(_monotonic()):
            self._publish_presence(user_id, change)

    def _publish_presence(self, user_id: str, frame: PresenceFrame) -> None:
        expires_at = self._utc_now() + timedelta(seconds=self._limits.remote_seconds)
        self._publisher.send(user_id, "presence", frame.who, expires_at, online=frame.online, viewing=frame.viewing)

    async def _announce(self) -> None:
        """Announce the devices on this gateway periodically, spread over the period."""
        while True:
            users = list(self._trackers)
            turns = range(0, len(users), _USERS_PER_TURN)
            for start in turns:
                for user_id in users[start : start + _USERS_PER_TURN]:
                    with bugs_caught("announcements of who is there", user_id=user_id):
                        if (tracker := self._trackers.get(user_id)) is not None:
                            self._announce_user(user_id, tracker)
                await asyncio.sleep(self._announce_seconds / len(turns))
            if not users:
                await asyncio.sleep(_TICK_SECONDS)

    def _announce_user(self, user_id: str, tracker: PresenceTracker) -> None:
        for frame in tracker.local(_monotonic()):
            self._publish_presence(user_id, frame)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            for user_id in list(self._users_with_expiring_entries):
                with bugs_caught("expiry of who was there", user_id=user_id):
                    self._expire_user(user_id, self._trackers[user_id])

    def _expire_user(self, user_id: str, tracker: PresenceTracker) -> None:
        self._send_changes(user_id, tracker, tracker.expire(_monotonic()))
        if not tracker.has_expiring_entries:
            self._users_with_expiring_entries.discard(user_id)
        if tracker.is_empty:
            self._users_with_expiring_entries.discard(user_id)
            del self._trackers[user_id]


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
