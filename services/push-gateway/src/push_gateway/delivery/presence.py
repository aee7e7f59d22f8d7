"""Typing and presence, on this gateway and between gateways: for the moment, best effort, never stored.

Whoever is here hears at once. Other gateways hear through `signal.sent.v1`, of which nothing is kept for anybody who is
not listening; what is lost is said again, or expires.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

import structlog

from push_gateway.core import TYPING_SECONDS, People, Terms, Typist, frames
from push_gateway.delivery.hub import Registry
from push_gateway.delivery.session import Session
from push_gateway.metrics import Metrics
from shared.aio.background import BackgroundTasks
from shared.contracts import AnyEvent, SignalSentV1, derive_id
from shared.contracts.inbox import PresenceFrame, TypingFrame, Who
from shared.errors import DependencyUnavailable
from shared.messaging.ports import Publisher

log = structlog.get_logger(__name__)

_TICK_SECONDS = 0.5
_WAITING_SIGNALS = 5_000
"""More are not kept: the oldest are forgotten, and said again in time."""
_SIGNALS_PER_PUBLISH = 512
_ANNOUNCED_PER_TURN = 200
"""Users announced before other work gets its turn."""

_Key = tuple[str, str, str]
"""User, device, conversation typed in: a later signal takes the place of one that still waits."""


class Signals:
    """One of it a process.

    Args:
        gateway_id: tells this process from all others.
        now: the wall clock, UTC.
        announce_seconds: how often other gateways are told again who is here.
        grace_seconds: a device that comes back within this has not been away.
    """

    def __init__(
        self,
        gateway_id: str,
        publisher: Publisher,
        registry: Registry,
        metrics: Metrics,
        now: Callable[[], datetime],
        *,
        announce_seconds: float,
        grace_seconds: float,
    ) -> None:
        self._gateway_id = gateway_id
        self._publisher = publisher
        self._registry = registry
        self._metrics = metrics
        self._now = now
        self._announce_seconds = announce_seconds
        self._terms = Terms(grace_seconds=grace_seconds, remote_seconds=announce_seconds * 2.5)
        self._people: dict[str, People] = {}
        self._ending: set[str] = set()
        """Users of whom somebody may have gone without a word."""
        self._typists: dict[Session, Typist] = {}
        self._waiting: dict[_Key, SignalSentV1] = {}
        self._something = asyncio.Event()
        self._numbers = 0

    @asynccontextmanager
    async def running(self, background: BackgroundTasks) -> AsyncIterator[None]:
        """Pass on, announce and expire while the context lasts."""
        works = {
            "signals to other gateways": self._publish(),
            "announcements of who is there": self._announce(),
            "expiry of who was there": self._expire(),
        }
        async with background.run(works):
            yield

    def came(self, session: Session) -> None:
        """A session has begun: tell it who is there, and the others that it is."""
        user_id = session.client.user_id
        people = self._people.setdefault(user_id, People(self._terms))
        changes = people.came(session, session.client.who, self._time())
        for other in people.others(session.who_id):
            session.passing(frames.presence(other))
        self._tell(user_id, people, changes)

    def views(self, session: Session, conversation_id: str | None) -> None:
        """A session looks at something else."""
        people = self._people.get(session.client.user_id)
        if people is not None:
            self._tell(session.client.user_id, people, people.views(session, conversation_id, self._time()))

    def types(self, session: Session, conversation_id: str) -> None:
        """Somebody writes."""
        if not self._typists.setdefault(session, Typist()).types(conversation_id, self._time()):
            return
        user_id, who = session.client.user_id, session.client.who
        until = self._now() + timedelta(seconds=TYPING_SECONDS)
        self._tell_typing(user_id, TypingFrame(conversation_id=conversation_id, who=who, until=until))
        self._send(user_id, "typing", who, until, conversation_id=conversation_id)

    def went(self, session: Session) -> None:
        """A session has ended, or never began."""
        self._typists.pop(session, None)
        people = self._people.get(session.client.user_id)
        if people is not None:
            people.went(session, self._time())
            self._ending.add(session.client.user_id)

    def on_events(self, events: Sequence[AnyEvent]) -> None:
        """Take what other gateways say."""
        for event in events:
            if not isinstance(event, SignalSentV1) or event.gateway_id == self._gateway_id:
                continue
            self._metrics.signals.labels("heard").inc()
            if event.kind == "typing":
                self._heard_typing(event)
            elif (people := self._people.get(event.user_id)) is not None:
                changes, is_new = people.heard(
                    event.gateway_id, event.who, online=event.online, viewing=event.viewing, now=self._time()
                )
                self._ending.add(event.user_id)
                self._tell(event.user_id, people, changes)
                if is_new:  # it has just begun to listen, and knows nobody
                    self._announce_user(event.user_id, people)

    def _heard_typing(self, event: SignalSentV1) -> None:
        now = self._now()
        until = min(event.until, now + timedelta(seconds=TYPING_SECONDS))  # however its clock goes
        if until > now and event.conversation_id is not None:
            frame = TypingFrame(conversation_id=event.conversation_id, who=event.who, until=until)
            self._tell_typing(event.user_id, frame)

    def _tell_typing(self, user_id: str, frame: TypingFrame) -> None:
        self._registry.tell_others(user_id, frame.who.id, frames.typing(frame))

    def _tell(self, user_id: str, people: People, changes: Sequence[PresenceFrame]) -> None:
        for change in changes:
            self._registry.tell_others(user_id, change.who.id, frames.presence(change))
        for news in people.news(self._time()):
            self._send_presence(user_id, news)

    def _send_presence(self, user_id: str, frame: PresenceFrame) -> None:
        until = self._now() + timedelta(seconds=self._terms.remote_seconds)
        self._send(user_id, "presence", frame.who, until, online=frame.online, viewing=frame.viewing)

    def _send(
        self,
        user_id: str,
        kind: Literal["typing", "presence"],
        who: Who,
        until: datetime,
        *,
        conversation_id: str | None = None,
        online: bool = True,
        viewing: str | None = None,
    ) -> None:
        self._numbers += 1
        now = self._now()
        key = (user_id, who.id, conversation_id or "")
        self._waiting.pop(key, None)
        if len(self._waiting) >= _WAITING_SIGNALS:
            del self._waiting[next(iter(self._waiting))]
            self._metrics.signals.labels("dropped").inc()
        self._waiting[key] = SignalSentV1(
            id=derive_id("signal", self._gateway_id, str(self._numbers)),
            occurred_at=now,
            received_at=now,
            user_id=user_id,
            gateway_id=self._gateway_id,
            kind=kind,
            who=who,
            conversation_id=conversation_id,
            online=online,
            viewing=viewing,
            until=until,
        )
        self._something.set()

    async def _publish(self) -> None:
        while True:
            await self._something.wait()
            keys = list(self._waiting)[:_SIGNALS_PER_PUBLISH]
            signals = [self._waiting.pop(key) for key in keys]
            if not self._waiting:
                self._something.clear()
            try:
                await self._publisher.publish(signals)
                self._metrics.signals.labels("sent").inc(len(signals))
            except DependencyUnavailable as error:
                log.debug("signals are lost", reason=str(error), signals=len(signals))
                self._metrics.signals.labels("dropped").inc(len(signals))
                await asyncio.sleep(_TICK_SECONDS)

    async def _announce(self) -> None:
        """Say who is here again and again, spread over the time."""
        while True:
            users = list(self._people)
            turns = range(0, len(users), _ANNOUNCED_PER_TURN)
            for start in turns:
                for user_id in users[start : start + _ANNOUNCED_PER_TURN]:
                    if (people := self._people.get(user_id)) is not None:
                        self._announce_user(user_id, people)
                await asyncio.sleep(self._announce_seconds / len(turns))
            if not users:
                await asyncio.sleep(_TICK_SECONDS)

    def _announce_user(self, user_id: str, people: People) -> None:
        for frame in people.here(self._time()):
            self._send_presence(user_id, frame)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            for user_id in list(self._ending):
                people = self._people[user_id]
                self._tell(user_id, people, people.tick(self._time()))
                if not people.ends:
                    self._ending.discard(user_id)
                if people.is_deserted:
                    self._ending.discard(user_id)
                    del self._people[user_id]

    def _time(self) -> float:
        return asyncio.get_running_loop().time()
