"""The loop around the core: gives a session its inputs, carries out its effects. The only writer to its socket."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, assert_never

from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.server import ServerProtocol

from push_gateway.core import Close, Effect, FetchLog, Noted, Page, Recent, Send, VerifyToken
from push_gateway.core import Session as Core
from push_gateway.frames import CloseCode, Frame
from push_gateway.metrics import Metrics

CLOSE_WAIT_SECONDS = 5.0
"""How long a client may take to answer a close frame before the connection is cut."""

Renew = Callable[[str], Awaitable[float | tuple[CloseCode, str]]]
"""Verifies another token of the same user: when it expires (loop time), or how to close."""


class Connection(ServerConnection):
    """A socket that says when it has drained, and that logs no request line: it may hold a token."""

    def __init__(self, protocol: ServerProtocol, server: Server, **options: Any) -> None:
        super().__init__(protocol, server, **options)
        self.debug = protocol.debug = False
        self.on_drained: Callable[[], None] | None = None

    def resume_writing(self) -> None:
        """Called by the transport when its buffer is below the low-water mark again."""
        super().resume_writing()
        if self.on_drained is not None:
            self.on_drained()


async def close_within(connection: ServerConnection, code: CloseCode, reason: str, seconds: float) -> None:
    """Close in good order; cut the connection when that takes longer than `seconds` (a client that does not read)."""
    try:
        async with asyncio.timeout(seconds):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()


class Session:
    """One socket. `offer`, `page` and `top` are called by the registry, `run` by whoever accepted the socket.

    Args:
        epoch: what the client said; then only such recent frames may serve it.
        is_streaming: whether events arrive at present. Otherwise the log is newer than what is kept in memory; a wrong
            answer costs time until the next check of tops, and nothing else.
        want: asks the store for what follows a position.
        write_budget_bytes: with more than this unsent the socket is not fed.
    """

    def __init__(
        self,
        connection: Connection,
        core: Core,
        metrics: Metrics,
        *,
        epoch: str | None,
        is_streaming: Callable[[], bool],
        want: Callable[[int | None], None],
        renew: Renew,
        write_budget_bytes: int,
    ) -> None:
        self._connection = connection
        self._transport = connection.transport
        self._protocol = connection.protocol
        self._core = core
        self._metrics = metrics
        self._epoch = epoch
        self._is_streaming = is_streaming
        self._want = want
        self._renew = renew
        self._write_budget_bytes = write_budget_bytes
        self._recent: Recent | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = 0.0
        self._closing: asyncio.Task[None] | None = None

    async def run(self, recent: Recent) -> None:
        """Read the log, then the client, until the socket is closed. The user's events have to arrive already."""
        self._recent = recent
        self._connection.on_drained = self._drained
        try:
            self._apply(self._core.open())
            while True:
                await self._received(await self._connection.recv())
        except ConnectionClosed:
            pass
        finally:
            self._connection.on_drained = None
            self._core.close(CloseCode.RESTARTING, "the socket is closed already")
            self._schedule()

    def offer(self, frame: Frame) -> bool:
        """Take a live event: written at once when it is the next one and the socket keeps up."""
        room = self._room()
        if room > 0 and self._core.take_next(frame.seq):
            self._write(frame.wire, 1)
            return True
        self._apply(self._core.event(frame, self._loop.time(), room))
        return False

    def page(self, page: Page) -> None:
        """Take a part of the log."""
        self._apply(self._core.page(page, self._loop.time(), self._room()))

    def top(self, epoch: str, top: int) -> None:
        """Take where the log stands."""
        self._apply(self._core.top(epoch, top, self._loop.time()))

    def heartbeat(self) -> None:
        """Say how far the socket has come."""
        self._apply(self._core.heartbeat(self._loop.time(), self._room()))

    def _drained(self) -> None:
        self._apply(self._core.drained(self._loop.time()))

    def _tick(self) -> None:
        self._timer = None
        self._apply(self._core.tick(self._loop.time(), self._room()))

    def _room(self) -> int:
        # One byte more than the budget: the transport calls `resume_writing` only after it had more than its limit.
        return self._write_budget_bytes + 1 - self._transport.get_write_buffer_size()

    async def _received(self, message: str | bytes) -> None:
        effects = self._core.received(message, self._room())
        for effect in effects:
            if isinstance(effect, VerifyToken):
                renewed = await self._renew(effect.token)
                if isinstance(renewed, tuple):
                    self._apply(self._core.close(*renewed))
                else:
                    self._core.token_renewed(renewed)
                    self._apply([])
                return
        self._apply(effects)

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
                case VerifyToken():
                    raise AssertionError("only a client's frame asks for a verification")
                case _:
                    assert_never(effect)
        if self._core.has_drained(self._room()):
            # The kernel took everything at once, so that the transport was never full and will not say that it drained.
            self._loop.call_soon(self._drained)
        self._schedule()

    def _fetch(self, after: int | None) -> Sequence[Effect]:
        """Serve from memory where that is the whole answer; else ask the store."""
        if self._recent is not None and self._epoch in (None, self._recent.epoch) and self._is_streaming():
            page = self._recent.page(after)
            if page is not None:
                return self._core.page(page, self._loop.time(), self._room())
        self._want(after)
        return ()

    def _write(self, wire: bytes, frames: int) -> None:
        if self._protocol.state is not State.OPEN or self._transport.is_closing():
            return
        try:
            self._transport.write(wire)
        except (OSError, RuntimeError):
            return  # it has just gone; the reader is told
        self._metrics.frames_sent.inc(frames)

    def _close(self, code: CloseCode, reason: str) -> None:
        self._metrics.closes.labels(code=int(code)).inc()
        self._closing = self._loop.create_task(close_within(self._connection, code, reason, CLOSE_WAIT_SECONDS))

    def _schedule(self) -> None:
        wake_at = self._core.wake_at
        is_closed = self._core.is_closed
        if self._timer is not None:
            if wake_at == self._wake_at and not is_closed:
                return
            self._timer.cancel()
        self._wake_at = wake_at
        self._timer = None if is_closed else self._loop.call_at(wake_at, self._tick)
