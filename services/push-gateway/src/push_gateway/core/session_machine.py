"""One client's session: what it has been sent, and what is to be sent next. A state machine without a socket.

Every input takes `now` (seconds on the shell's monotonic clock) and, where something may be written, `room`: how many
bytes the socket may still take. It returns effects, to be carried out in order.

One rule covers a lost event, a duplicate, a lost queue and a slow socket: a frame whose `seq` was sent is dropped, the
next one is sent, and a later one waits until the log has given what is between.
"""

from enum import Enum, auto

from push_gateway.core import frames
from push_gateway.core.effects import Close, Effect, FetchLog, Noted, Occasion, Send, Told, VerifyToken
from push_gateway.core.frames import CloseCode, Encoding, Frame, Notice, Position
from push_gateway.core.limits import Limits
from push_gateway.core.reorder_buffer import Held
from push_gateway.core.replay_buffer import Page
from shared.contracts.inbox import ResetReason


class _Phase(Enum):
    OPENING = auto()
    LIVE = auto()
    CLOSED = auto()


class Session:
    """See the module.

    Args:
        after: the client's position; None starts at the top of the log.
        epoch: of the log that the position is from; None when the client does not know.
        expires_at: when the client's token does, on the clock of `now`.
        encoding: how frames are written to the client.
    """

    def __init__(
        self,
        *,
        after: int | None,
        epoch: str | None,
        expires_at: float,
        heartbeat_seconds: float,
        limits: Limits,
        encoding: Encoding = frames.WEB_SOCKET,
    ) -> None:
        self._asked_epoch = epoch
        self._starts_at_top = after is None
        self._expires_at = expires_at
        self._heartbeat_seconds = heartbeat_seconds
        self._limits = limits
        self._encoding = encoding
        self._phase = _Phase.OPENING
        self.epoch = ""
        self._sent = after or 0
        self._top = 0
        self._held = Held(limits)
        self._is_fetching = False
        self._fruitless = 0
        self._fetch_at: float | None = None
        self._stalled_since: float | None = None
        self._look_again_at = 0.0

    @property
    def sent(self) -> int:
        """Everything up to here was sent on this socket."""
        return self._sent

    @property
    def is_live(self) -> bool:
        """Whether `hello` was sent, and the end has not come."""
        return self._phase is _Phase.LIVE

    @property
    def is_closed(self) -> bool:
        """Whether nothing will be asked any more."""
        return self._phase is _Phase.CLOSED

    @property
    def wake_at(self) -> float:
        """When `tick` has something to do next."""
        due = (self._fetch_at, None if self._stalled_since is None else self._look_again_at)
        return min([self._expires_at, *(moment for moment in due if moment is not None)])

    def open(self) -> list[Effect]:
        """The user's events arrive from now on: read the log."""
        self._is_fetching = True
        return [] if self.is_closed else [FetchLog(None if self._starts_at_top else self._sent)]

    def take_next(self, seq: int) -> bool:
        """Whether event `seq` is to be written at once; it counts as sent then. The short way of nearly every event."""
        is_behind = self._sent != self._top or self._stalled_since is not None
        if is_behind or seq != self._top + 1 or self._phase is not _Phase.LIVE:
            return False
        self._sent = self._top = seq
        return True

    def event(self, frame: Frame, now: float, room: int) -> list[Effect]:
        """A live event: in order, out of order, or for the second time."""
        if self._phase is _Phase.CLOSED or (self._phase is _Phase.LIVE and frame.seq <= self._sent):
            return []
        self._top = max(self._top, frame.seq)
        if self._stalled_since is not None:
            return []
        is_wanted = frame.seq == self._sent + 1 or (frame.seq > self._sent and not self._held.is_full)
        if is_wanted:  # what does not fit is read from the log: `_top` knows of it
            self._held.keep(frame)
        if self._phase is _Phase.OPENING:
            return []
        return self._feed(now, room) + self._settle(now, self._limits.hole_wait_seconds)

    def page(self, page: Page, now: float, room: int) -> list[Effect]:
        """A part of the log: what was asked for, or what another session of the user asked for."""
        effects: list[Effect] = []
        if self._phase is _Phase.OPENING:
            effects = self._begin(page)
            if not self.is_live:
                return effects
        elif self._phase is _Phase.CLOSED:
            return []
        elif page.epoch != self.epoch:
            effects = self._restart(page.epoch, page.seq, "epoch_changed")
        elif self._sent < page.floor_seq:
            effects = self._restart(page.epoch, page.seq, "log_pruned")
        elif page.after > self._sent:
            return []
        self._is_fetching = False
        self._top = max(self._top, page.seq)
        before = self._sent
        if self._stalled_since is None:
            for frame in page.frames:
                if frame.seq > self._sent:
                    self._held.keep(frame)
            effects += self._feed(now, room)
        has_helped = bool(effects) or self._sent > before
        is_own = page.after == before  # a part for a tab far behind says nothing about what the log has for this one
        self._fetch_at = None if has_helped or is_own else self._fetch_at
        return effects + self._settle(now, self._pause_seconds(has_helped=has_helped, is_own=is_own))

    def top(self, epoch: str, top: int, now: float) -> list[Effect]:
        """Where the log stands: shows the loss of a last event, which no later one would show."""
        if self._phase is not _Phase.LIVE:
            return []
        if epoch != self.epoch:
            return self._restart(epoch, top, "epoch_changed")
        self._top = max(self._top, top)
        return self._settle(now, self._limits.hole_wait_seconds)

    def heartbeat(self, now: float, room: int) -> list[Effect]:
        """It is time to say how far the socket has come."""
        if self._phase is not _Phase.LIVE or self._stalled_since is not None:
            return []
        if room <= 0:
            return self._stall(now)
        return [self._notice(frames.heartbeat(self._sent))]

    def passing(self, notice: Notice, room: int) -> list[Effect]:
        """Something that means little later: it is sent where there is room for it now, or never."""
        if self._phase is not _Phase.LIVE or self._stalled_since is not None or room <= len(notice.payload):
            return []
        return [self._notice(notice)]

    def has_drained(self, room: int) -> bool:
        """Whether the socket was full, and is not any more."""
        return self._stalled_since is not None and room >= self._limits.drained_room_bytes

    def drained(self, now: float) -> list[Effect]:
        """The socket takes bytes again."""
        if self._stalled_since is None or self._phase is not _Phase.LIVE:
            return []
        self._stalled_since = None
        return self._settle(now, 0.0)

    def tick(self, now: float, room: int) -> list[Effect]:
        """`wake_at` has come."""
        if self._phase is _Phase.CLOSED:
            return []
        if now >= self._expires_at:
            return self.close(CloseCode.BAD_TOKEN, "token expired")
        if self._stalled_since is not None and now >= self._look_again_at:
            if self.has_drained(room):
                return self.drained(now)
            if now >= self._stalled_since + self._limits.lagging_seconds:
                return self.close(CloseCode.TOO_SLOW, "too slow: resume after the last frame")
            self._look_again_at = now + self._limits.look_again_seconds
        is_missing = self._fetch_at is not None and now >= self._fetch_at
        return [Noted(Occasion.GAP), *self._fetch()] if is_missing else []

    def received(self, message: str | bytes, room: int) -> list[Effect]:
        """A frame of the client."""
        if self._phase is _Phase.CLOSED:
            return []
        try:
            frame = frames.read_client_frame(message)
        except frames.BadFrame as error:
            return self.close(CloseCode.BAD_FRAME, str(error))
        if isinstance(frame, frames.Ping):
            return [self._notice(frames.PONG)] if room > 0 else []
        return [VerifyToken(frame.token)] if isinstance(frame, frames.Auth) else [Told(frame)]

    def token_renewed(self, expires_at: float) -> None:
        """The client has shown another good token."""
        self._expires_at = expires_at

    def close(self, code: CloseCode, reason: str) -> list[Effect]:
        """End the session; what is not sent is in the log."""
        if self._phase is _Phase.CLOSED:
            return []
        self._phase = _Phase.CLOSED
        self._held.clear()
        return [Close(code, reason)]

    def _begin(self, page: Page) -> list[Effect]:
        """Send `hello`, and decide whether the client's position can be continued; do neither on another's page."""
        if page.after > self._sent and not self._starts_at_top:
            return []
        if page.seq < self._sent != page.after:  # it may have been read before the client was where it is
            return [FetchLog(self._sent)]
        if page.epoch != self._asked_epoch:
            self._held.clear()  # it may be of a former life of the log, which has what is of this one
        refusal = None if self._starts_at_top else page.why_not_after(self._sent, self._asked_epoch)
        resumed = not self._starts_at_top and refusal is None
        self._phase = _Phase.LIVE
        self.epoch = page.epoch
        position = Position(page.epoch, self._sent if resumed else page.seq)
        hello = self._notice(
            frames.hello(page.seq, position, resumed=resumed, heartbeat_seconds=self._heartbeat_seconds)
        )
        if refusal is not None:
            return [hello, *self._restart(page.epoch, page.seq, refusal)]
        if resumed:
            return [hello, Noted(Occasion.RESUMED)]
        self._move_to(page.seq)
        return [hello]

    def _restart(self, epoch: str, top: int, reason: ResetReason) -> list[Effect]:
        """Go on from `top`; the client loads what was before."""
        if epoch != self.epoch:
            self._held.clear()
            self._top = top
        self.epoch = epoch
        self._is_fetching, self._fetch_at = False, None
        self._move_to(top)
        return [Noted(Occasion.RESET), self._notice(frames.reset(Position(epoch, top), reason))]

    def _move_to(self, seq: int) -> None:
        self._sent = seq
        self._top = max(self._top, seq)
        self._held.drop_until(seq)

    def _notice(self, notice: Notice) -> Send:
        return Send(self._encoding.notice(notice))

    def _feed(self, now: float, room: int) -> list[Effect]:
        """Send what is held and next, as far as there is room."""
        wires: list[bytes] = []
        while (frame := self._held.get(self._sent + 1)) is not None and room > 0:
            self._held.drop(frame.seq)
            wires.append(self._encoding.change(frame, self.epoch))
            room -= len(wires[-1])
            self._sent = frame.seq
        effects: list[Effect] = []
        if wires:
            self._fetch_at = None
            effects.append(Send(b"".join(wires), len(wires)))
        if frame is not None:
            effects += self._stall(now)
        return effects

    def _stall(self, now: float) -> list[Effect]:
        """Stop feeding: nothing is held for a socket that does not read, the log has it."""
        self._stalled_since = now
        self._look_again_at = now + min(self._limits.look_again_seconds, self._limits.lagging_seconds)
        self._fetch_at = None
        self._held.clear()
        return [Noted(Occasion.LAGGING)]

    def _settle(self, now: float, wait_seconds: float) -> list[Effect]:
        """See to it that what is missing gets asked for: once, after `wait_seconds`."""
        if self._phase is not _Phase.LIVE or self._is_fetching or self._stalled_since is not None:
            return []
        if self._sent >= self._top:
            self._fetch_at = None
            return []
        if wait_seconds <= 0:
            return self._fetch()
        self._fetch_at = now + wait_seconds if self._fetch_at is None else self._fetch_at
        return []

    def _fetch(self) -> list[Effect]:
        self._is_fetching, self._fetch_at = True, None
        return [FetchLog(self._sent)]

    def _pause_seconds(self, *, has_helped: bool, is_own: bool) -> float:
        """Return how long to wait before the log is asked for more: not at all, unless it gave nothing new."""
        self._fruitless = 0 if has_helped else self._fruitless + is_own
        if has_helped:
            return 0.0
        if self._fruitless > self._limits.fruitless_fetches:
            self._held.clear()
            self._top = self._sent
        return float(min(self._limits.fruitless_wait_seconds, self._limits.hole_wait_seconds * 2**self._fruitless))
