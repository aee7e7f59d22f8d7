"""Runs one client's session: passes inputs to its state machine and carries out the effects.

A session is the only writer to its transport.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from push_gateway.core import (
    ClientMessage,
    Close,
    Count,
    Effect,
    FetchLog,
    LogPage,
    ReplayBuffer,
    Send,
    SessionMachine,
    TokenBucket,
    VerifyToken,
)
from push_gateway.core.close_codes import CloseCode
from push_gateway.core.frames import FrameEncoder, SequencedFrame, UnsequencedFrame
from push_gateway.metrics import Metrics
from shared.contracts.inbox import Who
from shared.security.user_tokens import UserToken

CLOSE_TIMEOUT_SECONDS = 5.0
"""How long a client may take to answer the close before its connection is aborted."""


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
    token: UserToken
    """The verified token."""
    token_expires_at: float
    """On the event loop's clock."""


@dataclass(frozen=True, slots=True)
class RenewedToken:
    """A new token of a session's user."""

    token: UserToken
    expires_at: float
    """On the event loop's clock."""


RenewToken = Callable[[str], Awaitable[RenewedToken | Refusal]]
"""Verifies a new token of the session's user."""


class Transport(Protocol):
    """Writes to the client's connection. No method raises, and only `close` waits."""

    on_drained: Callable[[], None] | None
    """Called when the write buffer was full and has drained."""

    def capacity(self) -> int:
        """Return how many bytes the write buffer still takes; 0 or less if it is full."""

    def write(self, wire: bytes) -> bool:
        """Write complete frames; return False if the connection is closed."""

    async def close(self, code: CloseCode, reason: str, timeout_seconds: float) -> None:
        """Close the connection; abort it if the client has not answered after `timeout_seconds`."""


class SessionContext(Protocol):
    """What a session needs of the process."""

    @property
    def is_receiving(self) -> bool:
        """Whether events arrive from the broker now.

        If not, the log may be newer than the replay buffer. A wrong answer delays changes until the next check of tops,
        and has no other effect.
        """

    def request_log(self, user_id: str, after: int | None) -> None:
        """Request what follows `after` in the user's log; None requests only the top."""

    def on_started(self, session: "Session") -> None:
        """Note that `hello` was sent."""

    def on_client_message(self, session: "Session", message: ClientMessage) -> None:
        """Handle a frame of the client that concerns others than this session."""


class Session:
    """One client. The hub calls the methods of `Subscriber`, and the transport's endpoint the others.

    Args:
        transport: The client's connection.
        machine: Decides what to send.
        metrics: Gets frames, closes and counted events.
        client: Who is at the other end.
        encoder: Encodes frames for the transport.
        context: What the session needs of the process.
        renew_token: Verifies tokens that the client sends.
        incoming: Limits how many frames the client may send.
    """

    def __init__(
        self,
        transport: Transport,
        machine: SessionMachine,
        metrics: Metrics,
        *,
        client: Client,
        encoder: FrameEncoder,
        context: SessionContext,
        renew_token: RenewToken,
        incoming: TokenBucket,
    ) -> None:
        self.client = client
        self._token = client.token
        self._transport = transport
        self._machine = machine
        self._metrics = metrics
        self._encoder = encoder
        self._context = context
        self._renew_token = renew_token
        self._incoming = incoming
        self._replay_buffer: ReplayBuffer | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = 0.0
        self._has_started = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def device_id(self) -> str:
        """See `Subscriber`."""
        return self.client.who.id

    def start(self, replay_buffer: ReplayBuffer) -> None:
        """Read the log, from `replay_buffer` where it suffices. The user's events must arrive already."""
        self._replay_buffer = replay_buffer
        self._transport.on_drained = self._on_drained
        self._apply(self._machine.start())

    def detach(self) -> None:
        """End the session because its connection has ended: nothing more is requested or written."""
        self._transport.on_drained = None
        self._machine.close(CloseCode.RESTARTING, "the connection has ended")
        self._schedule()

    def deliver(self, frame: SequencedFrame) -> bool:
        """See `Subscriber`. The frame is written at once if it is the next one and the client keeps up."""
        capacity = self._transport.capacity()
        if capacity > 0 and self._machine.take_if_next(frame.seq):
            self._write(self._encoder.encode_sequenced(frame, self._machine.epoch), 1)
            return True
        self._apply(self._machine.on_event(frame, self._loop.time(), capacity))
        return False

    def on_log_page(self, page: LogPage) -> None:
        """See `Subscriber`."""
        self._apply(self._machine.on_log_page(page, self._loop.time(), self._transport.capacity()))

    def on_top(self, epoch: str, top_seq: int) -> None:
        """See `Subscriber`."""
        self._apply(self._machine.on_top(epoch, top_seq, self._loop.time()))

    def heartbeat(self) -> None:
        """See `Subscriber`."""
        self._apply(self._machine.heartbeat(self._loop.time(), self._transport.capacity()))

    def send_ephemeral(self, frame: UnsequencedFrame) -> None:
        """See `Subscriber`."""
        self._apply(self._machine.send_ephemeral(frame, self._transport.capacity()))

    def close_if_revoked(self, is_revoked: Callable[[UserToken], bool]) -> None:
        """See `Subscriber`."""
        if is_revoked(self._token):
            self.close(CloseCode.BAD_TOKEN, "the token was revoked")

    def close(self, code: CloseCode, reason: str) -> None:
        """Close the session and its connection."""
        self._apply(self._machine.close(code, reason))

    async def on_message(self, message: str | bytes) -> None:
        """Take a message of the client; return when it has been handled."""
        if not self._incoming.take(1, self._loop.time()):
            self.close(CloseCode.BAD_FRAME, "too many frames")
            return
        for effect in self._machine.on_message(message, self._transport.capacity()):
            match effect:
                case VerifyToken(token=token):
                    await self._renew(token)
                case ClientMessage():
                    if self._machine.is_live:
                        self._context.on_client_message(self, effect)
                case _:
                    self._apply([effect])

    async def _renew(self, token: str) -> None:
        renewed = await self._renew_token(token)
        if isinstance(renewed, Refusal):
            self.close(renewed.code, renewed.reason)
        else:
            self._token = renewed.token
            self._machine.on_token_renewed(renewed.expires_at)
            self._schedule()

    def _on_drained(self) -> None:
        self._apply(self._machine.on_drained(self._loop.time()))

    def _tick(self) -> None:
        self._timer = None
        self._apply(self._machine.tick(self._loop.time(), self._transport.capacity()))

    def _apply(self, effects: Sequence[Effect]) -> None:
        pending = deque(effects)
        while pending:
            effect = pending.popleft()
            match effect:
                case Send(wire=wire, frames=frames):
                    self._write(wire, frames)
                case FetchLog(after=after):
                    pending.extend(self._fetch(after))
                case Count(event=event):
                    self._metrics.counted_events[event].inc()
                case Close(code=code, reason=reason):
                    self._close(code, reason)
                case VerifyToken() | ClientMessage():
                    raise AssertionError("only a message of the client has this effect")
                case _:
                    assert_never(effect)
        if self._machine.has_drained(self._transport.capacity()):
            # The kernel took everything at once: the write buffer was never full, so the transport will not report that
            # it has drained.
            self._loop.call_soon(self._on_drained)
        self._schedule()
        if not self._has_started and self._machine.is_live:
            self._has_started = True
            self._context.on_started(self)

    def _fetch(self, after: int | None) -> Sequence[Effect]:
        """Read from the replay buffer if it has everything; else request the log."""
        replay_buffer, epoch = self._replay_buffer, self.client.epoch
        if replay_buffer is not None and epoch in (None, replay_buffer.epoch) and self._context.is_receiving:
            page = replay_buffer.page_after(after)
            if page is not None:
                return self._machine.on_log_page(page, self._loop.time(), self._transport.capacity())
        self._context.request_log(self.client.user_id, after)
        return ()

    def _write(self, wire: bytes, frames: int) -> None:
        if self._transport.write(wire):
            self._metrics.frames_sent.inc(frames)

    def _close(self, code: CloseCode, reason: str) -> None:
        self._metrics.closes.labels(code=int(code)).inc()
        self._closing = self._loop.create_task(self._transport.close(code, reason, CLOSE_TIMEOUT_SECONDS))

    def _schedule(self) -> None:
        """Have `_tick` called when the machine wants it."""
        wake_at = self._machine.wake_at
        is_closed = self._machine.is_closed
        if self._timer is not None:
            if wake_at == self._wake_at and not is_closed:
                return
            self._timer.cancel()
        self._wake_at = wake_at
        self._timer = None if is_closed else self._loop.call_at(wake_at, self._tick)
