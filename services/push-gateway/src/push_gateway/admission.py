"""Who may have a session, whichever way it came: token, limits, and what a session needs of the process."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from push_gateway.catch_up import CatchUp
from push_gateway.core import Limits, TokenBucket
from push_gateway.core import Session as Core
from push_gateway.core.frames import CloseCode, Encoding, Read, Typing, Viewing
from push_gateway.metrics import Metrics
from push_gateway.opening import SessionRequest
from push_gateway.outlets import Outlet
from push_gateway.read_marks import ReadMarks
from push_gateway.registry import Feed, Registry, TooManySockets
from push_gateway.sessions import Client, Session
from push_gateway.settings import Settings
from push_gateway.shards import Shards
from push_gateway.signals import Signals
from shared.contracts.inbox import Who
from shared.errors import DependencyUnavailable
from shared.security.user_tokens import InvalidUserToken, UserTokenVerifier

log = structlog.get_logger(__name__)

_VERIFY_SECONDS = 5.0
_LONGEST_NAME = 100
_COME_BACK_MS = 2_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no session."""

    code: CloseCode
    reason: str


COME_BACK = Refusal(CloseCode.RESTARTING, f"retry_after_ms={_COME_BACK_MS}")
"""Where a token cannot be verified now, or the process is about to end: nothing is wrong with the client."""
_TOO_MANY = Refusal(CloseCode.TOO_MANY_SOCKETS, "this server has as many sockets as it may have")


@dataclass(frozen=True, slots=True)
class Granted:
    """A token that was verified."""

    expires_at: float
    """On the loop's clock."""
    name: str | None


class Admission:
    """One of it a process; the surroundings of its sessions.

    Args:
        is_streaming: whether events arrive at present.
        now: the wall clock, UTC.
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
        verifier: UserTokenVerifier,
        is_streaming: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._registry = registry
        self._shards = shards
        self._catch_up = catch_up
        self._signals = signals
        self._read_marks = read_marks
        self._verifier = verifier
        self._streams = is_streaming
        self._now = now
        self._admitted = 0
        self._limits = Limits(
            lagging_seconds=settings.gateway_lagging_seconds,
            drained_room_bytes=settings.gateway_write_budget_bytes * 3 // 4,
        )

    @property
    def is_streaming(self) -> bool:
        """See `Surroundings`."""
        return self._streams()

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

    @contextmanager
    def counted(self) -> Iterator[Refusal | None]:
        """Count a client against the limit of the process while the context lasts; yields why it may not stay."""
        self._admitted += 1
        try:
            yield _TOO_MANY if self._admitted > self._settings.gateway_max_sockets else None
        finally:
            self._admitted -= 1

    async def verified(self, user_id: str, token: str) -> Granted | Refusal:
        """Return what `token` grants its bearer in the inbox of `user_id`."""
        if not token:
            return Refusal(CloseCode.BAD_TOKEN, "a token is needed")
        try:
            async with asyncio.timeout(_VERIFY_SECONDS):
                verified = await self._verifier.verify(token)
        except InvalidUserToken:
            return Refusal(CloseCode.BAD_TOKEN, "the token is not valid, or no longer")
        except (DependencyUnavailable, TimeoutError) as error:
            log.warning("a token cannot be verified now", reason=str(error))
            return COME_BACK
        if verified.user_id != user_id:
            return Refusal(CloseCode.NOT_YOUR_USER, "the token is another user's")
        left_seconds = (verified.expires_at - self._now()).total_seconds()
        name = verified.name[:_LONGEST_NAME] if verified.name else None
        return Granted(asyncio.get_running_loop().time() + left_seconds, name)

    def session(self, outlet: Outlet, encoding: Encoding, request: SessionRequest, granted: Granted) -> Session:
        """Return a session that has not begun."""
        settings = self._settings
        user_id = request.user_id
        core = Core(
            after=request.after,
            epoch=request.epoch,
            expires_at=granted.expires_at,
            heartbeat_seconds=settings.heartbeat_seconds,
            limits=self._limits,
            encoding=encoding,
        )
        who = Who(id=request.client or secrets.token_hex(8), name=granted.name)
        return Session(
            outlet,
            core,
            self._metrics,
            client=Client(user_id=user_id, who=who, epoch=request.epoch),
            encoding=encoding,
            surroundings=self,
            renew=lambda token: self._renewed(user_id, token),
            incoming=TokenBucket(
                per_second=settings.gateway_frames_per_second,
                burst=settings.gateway_frames_burst,
                now=asyncio.get_running_loop().time(),
            ),
        )

    def join(self, session: Session) -> Feed | Refusal:
        """Let `session` hear its user's changes; a feed has to be left again."""
        try:
            feed, is_new = self._registry.join(session.client.user_id, session)
        except TooManySockets as error:
            return Refusal(CloseCode.TOO_MANY_SOCKETS, str(error))
        if is_new:
            self._shards.acquire(feed.shard)
        return feed

    async def begin(self, session: Session, feed: Feed) -> None:
        """Open `session` once its user's changes arrive, or cannot be made to for now."""
        feed.is_heard = await self._shards.heard(feed.shard) or feed.is_heard
        session.open(feed.recent)

    def leave(self, session: Session, feed: Feed) -> None:
        """`session` is over."""
        session.ended()
        self._signals.went(session)
        self._registry.leave(feed, session, asyncio.get_running_loop().time())
        if not feed.listeners:
            self._catch_up.forget(feed.user_id)

    async def _renewed(self, user_id: str, token: str) -> float | tuple[CloseCode, str]:
        granted = await self.verified(user_id, token)
        return granted.expires_at if isinstance(granted, Granted) else (granted.code, granted.reason)
