"""The loop around the core: gives a session its inputs, carries out its effects. The only writer to its outlet."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from push_gateway.core import Close, Effect, FetchLog, Noted, Page, Recent, Send, TokenBucket, Told, VerifyToken
from push_gateway.core import Session as Core
from push_gateway.core.frames import CloseCode, Encoding, Frame, Notice, Read, Typing, Viewing
from push_gateway.metrics import Metrics
from shared.contracts.inbox import Who

CLOSE_WAIT_SECONDS = 5.0
"""How long a client may take to take note of the end before it is cut off."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client may not have a session, or may not keep it."""

    code: CloseCode
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who is at the other end, and where they resume from."""

    user_id: str
    who: Who
    after: int | None
    """The client's position; None if it has none."""
    epoch: str | None
    """The epoch of that position; None if the client does not know it."""
    token_expires_at: float
    """On the event loop's clock."""


RenewToken = Callable[[str], Awaitable[float | Refusal]]
"""Verifies a new token of the session's user and returns when it expires, on the event loop's clock."""


class Transport(Protocol):
    """What a session needs of its client's connection. Nothing here waits or raises."""

    on_drained: Callable[[], None] | None
    """Called when it was full and takes bytes again."""

    def capacity(self) -> int:
        """Return how many bytes it may still take."""

    def write(self, wire: bytes) -> bool:
        """Write whole frames; False when the client has just gone."""

    async def close(self, code: CloseCode, reason: str, timeout_seconds: float) -> None:
        """Say why, and end within `seconds`."""


class Surroundings(Protocol):
    """What a session needs of the process."""

    @property
    def is_streaming(self) -> bool:
        """Whether events arrive at present.

        Otherwise the log is newer than what is kept in memory; a wrong answer costs time until the next check of tops,
        and nothing else.
        """

    def want(self, user_id: str, after: int | None) -> None:
        """Ask the store for what follows a position."""

    def began(self, session: "Session") -> None:
        """`hello` was sent."""

    def told(self, session: "Session", frame: Typing | Viewing | Read) -> None:
        """The client says something that concerns others."""


class Session:
    """One client. `offer`, `page` and `top` are called by the registry, the rest by whoever accepted it.

    Args:
        incoming: how many frames the client may send.
    """

    def __init__(
        self,
        transport: Transport,
        core: Core,
        metrics: Metrics,
        *,
        client: Client,
        encoding: Encoding,
        surroundings: Surroundings,
        renew: RenewToken,
        incoming: TokenBucket,
    ) -> None:
        self.client = client
        self._transport = transport
        self._core = core
        self._metrics = metrics
        self._encoding = encoding
        self._surroundings = surroundings
        self._renew = renew
        self._incoming = incoming
        self._recent: Recent | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = 0.0
        self._has_begun = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def who_id(self) -> str:
        """Which device it is."""
        return self.client.who.id

    def open(self, recent: Recent) -> None:
        """Read the log. The user's events have to arrive already."""
        self._recent = recent
        self._transport.on_drained = self._drained
        self._apply(self._core.open())

    def ended(self) -> None:
        """The client has gone: nothing more is asked or written."""
        self._transport.on_drained = None
        self._core.close(CloseCode.RESTARTING, "the client has gone already")
        self._schedule()

    def offer(self, frame: Frame) -> bool:
        """Take a live event: written at once when it is the next one and the client keeps up."""
        room = self._transport.capacity()
        if room > 0 and self._core.take_next(frame.seq):
            self._write(self._encoding.change(frame, self._core.epoch), 1)
            return True
        self._apply(self._core.event(frame, self._loop.time(), room))
        return False

    def page(self, page: Page) -> None:
        """Take a part of the log."""
        self._apply(self._core.page(page, self._loop.time(), self._transport.capacity()))

    def top(self, epoch: str, top: int) -> None:
        """Take where the log stands."""
        self._apply(self._core.top(epoch, top, self._loop.time()))

    def heartbeat(self) -> None:
        """Say how far the client has come."""
        self._apply(self._core.heartbeat(self._loop.time(), self._transport.capacity()))

    def passing(self, notice: Notice) -> None:
        """Send what means little later, if that is possible now."""
        self._apply(self._core.passing(notice, self._transport.capacity()))

    def close(self, code: CloseCode, reason: str) -> None:
        """End it."""
        self._apply(self._core.close(code, reason))

    async def received(self, message: str | bytes) -> None:
        """Take a frame of the client."""
        if not self._incoming.take(1, self._loop.time()):
            self.close(CloseCode.BAD_FRAME, "too many frames")
            return
        for effect in self._core.received(message, self._transport.capacity()):
            match effect:
                case VerifyToken(token=token):
                    await self._renewed(token)
                case Told(frame=frame):
                    if self._core.is_live:
                        self._surroundings.told(self, frame)
                case _:
                    self._apply([effect])

    async def _renewed(self, token: str) -> None:
        renewed = await self._renew(token)
        if isinstance(renewed, Refusal):
            self.close(renewed.code, renewed.reason)
        else:
            self._core.token_renewed(renewed)
            self._schedule()

    def _drained(self) -> None:
        self._apply(self._core.drained(self._loop.time()))

    def _tick(self) -> None:
        self._timer = None
        self._apply(self._core.tick(self._loop.time(), self._transport.capacity()))

    def _apply(self, effects: Sequence[Effect]) -> None:
        waiting = deque(effects)
        while waiting:
            effect = waiting.popleft()
            match effect:
                case Send(wire=wire, frames=frames):
                    self._write(wire, frames)
                case FetchLog(after=after):
                    waiting.extend(self._fetch(after))
                case Noted(occasion=occasion):
                    self._metrics.occasions[occasion].inc()
                case Close(code=code, reason=reason):
                    self._close(code, reason)
                case VerifyToken() | Told():
                    raise AssertionError("only a client's frame asks for this")
                case _:
                    assert_never(effect)
        if self._core.has_drained(self._transport.capacity()):
            # The kernel took everything at once, so that the transport was never full and will not say that it drained.
            self._loop.call_soon(self._drained)
        self._schedule()
        if not self._has_begun and self._core.is_live:
            self._has_begun = True
            self._surroundings.began(self)

    def _fetch(self, after: int | None) -> Sequence[Effect]:
        """Serve from memory where that is the whole answer; else ask the store."""
        recent, epoch = self._recent, self.client.epoch
        if recent is not None and epoch in (None, recent.epoch) and self._surroundings.is_streaming:
            page = recent.page(after)
            if page is not None:
                return self._core.page(page, self._loop.time(), self._transport.capacity())
        self._surroundings.want(self.client.user_id, after)
        return ()

    def _write(self, wire: bytes, frames: int) -> None:
        if self._transport.write(wire):
            self._metrics.frames_sent.inc(frames)

    def _close(self, code: CloseCode, reason: str) -> None:
        self._metrics.closes.labels(code=int(code)).inc()
        self._closing = self._loop.create_task(self._transport.close(code, reason, CLOSE_WAIT_SECONDS))

    def _schedule(self) -> None:
        wake_at = self._core.wake_at
        is_closed = self._core.is_closed
        if self._timer is not None:
            if wake_at == self._wake_at and not is_closed:
                return
            self._timer.cancel()
        self._wake_at = wake_at
        self._timer = None if is_closed else self._loop.call_at(wake_at, self._tick)
