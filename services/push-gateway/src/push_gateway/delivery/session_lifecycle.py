"""A session from its creation to its end: joins it to the hub, and serves what it asks of the process."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from push_gateway.core import Limits, TokenBucket
from push_gateway.core import Session as Core
from push_gateway.core.frames import CloseCode, Encoding, Read, Typing, Viewing
from push_gateway.delivery.hub import Feed, Registry, TooManySockets
from push_gateway.delivery.log_fetcher import CatchUp
from push_gateway.delivery.presence import Signals
from push_gateway.delivery.read_marks import ReadMarks
from push_gateway.delivery.session import Client, Refusal, Session, Transport
from push_gateway.delivery.shard_bindings import Shards
from push_gateway.metrics import Metrics
from push_gateway.settings import Settings


class SessionLifecycle:
    """One instance per process; the `Surroundings` of all sessions.

    Args:
        renew_token: Verifies a new token of a user (see `Admission.renew_token`).
        is_receiving: Whether events arrive from the broker now.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        metrics: Metrics,
        registry: Registry,
        shards: Shards,
        catch_up: CatchUp,
        signals: Signals,
        read_marks: ReadMarks,
        renew_token: Callable[[str, str], Awaitable[float | Refusal]],
        is_receiving: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._registry = registry
        self._shards = shards
        self._catch_up = catch_up
        self._signals = signals
        self._read_marks = read_marks
        self._renew_token = renew_token
        self._is_receiving = is_receiving
        self._limits = Limits(
            lagging_seconds=settings.gateway_lagging_seconds,
            drained_room_bytes=settings.gateway_write_budget_bytes * 3 // 4,
        )

    @property
    def is_streaming(self) -> bool:
        """See `Surroundings`."""
        return self._is_receiving()

    def want(self, user_id: str, after: int | None) -> None:
        """See `Surroundings`."""
        self._catch_up.want(user_id, after)

    def began(self, session: Session) -> None:
        """See `Surroundings`."""
        self._signals.came(session)

    def told(self, session: Session, frame: Typing | Viewing | Read) -> None:
        """See `Surroundings`."""
        match frame:
            case Typing(conversation_id=conversation_id):
                self._signals.types(session, conversation_id)
            case Viewing(conversation_id=conversation_id):
                self._signals.views(session, conversation_id)
            case Read(conversation_id=conversation_id, up_to_seq=up_to_seq):
                self._read_marks.mark(session.client.user_id, conversation_id, up_to_seq)

    def create(self, transport: Transport, encoding: Encoding, client: Client) -> Session:
        """Return a new session. It does nothing before `start`."""
        settings = self._settings
        core = Core(
            after=client.after,
            epoch=client.epoch,
            expires_at=client.token_expires_at,
            heartbeat_seconds=settings.heartbeat_seconds,
            limits=self._limits,
            encoding=encoding,
        )
        return Session(
            transport,
            core,
            self._metrics,
            client=client,
            encoding=encoding,
            surroundings=self,
            renew=partial(self._renew_token, client.user_id),
            incoming=TokenBucket(
                per_second=settings.gateway_frames_per_second,
                burst=settings.gateway_frames_burst,
                now=asyncio.get_running_loop().time(),
            ),
        )

    def join(self, session: Session) -> Feed | Refusal:
        """Add `session` to its user's channel and return the channel; the caller must `leave` it."""
        try:
            feed, is_new = self._registry.join(session.client.user_id, session)
        except TooManySockets as error:
            return Refusal(CloseCode.TOO_MANY_SOCKETS, str(error))
        if is_new:
            self._shards.acquire(feed.shard)
        return feed

    async def start(self, session: Session, feed: Feed) -> None:
        """Start `session` as soon as the user's shard is bound, or without it if the broker takes too long."""
        feed.is_heard = await self._shards.heard(feed.shard) or feed.is_heard
        session.open(feed.recent)

    def leave(self, session: Session, feed: Feed) -> None:
        """Remove `session` from its channel: its connection has ended."""
        session.ended()
        self._signals.went(session)
        self._registry.leave(feed, session, asyncio.get_running_loop().time())
        if not feed.listeners:
            self._catch_up.forget(feed.user_id)
