"""One client's session: what it was sent, and what to send next. A state machine without a socket.

Inputs take `now` (seconds on the caller's monotonic clock) and, where something may be written, `capacity` (how many
bytes the client's write buffer still takes). They return effects, which the caller carries out in order.

One rule covers a lost event, a duplicate, a lost queue and a slow client: a frame whose `seq` was sent is dropped, the
next one is sent, and a later one waits until the log has supplied what is missing.
"""

from enum import Enum, auto

from push_gateway.core import frames
from push_gateway.core.client_frames import Auth, Ping, parse_client_frame
from push_gateway.core.close_codes import CloseCode, ProtocolError
from push_gateway.core.effects import ClientMessage, Close, Count, CountedEvent, Effect, FetchLog, Send, VerifyToken
from push_gateway.core.frames import ClientPosition, FrameEncoder, SequencedFrame, UnsequencedFrame
from push_gateway.core.limits import SessionLimits
from push_gateway.core.log_page import LogPage
from push_gateway.core.reorder_buffer import ReorderBuffer
from shared.contracts.inbox import ResetReason


class _Phase(Enum):
    OPENING = auto()
    LIVE = auto()
    CLOSED = auto()


class SessionMachine:
    """See the module.

    Args:
        after: The client's position; None starts at the top of the log.
        epoch: The epoch that the position is from; None if the client does not know it.
        expires_at: When the client's token expires, on the clock of `now`.
        heartbeat_seconds: What `hello` promises; the caller calls `heartbeat` that often.
        limits: How long to wait, and how much to buffer.
        encoder: Encodes frames for the client's transport.
    """

    def __init__(
        self,
        *,
        after: int | None,
        epoch: str | None,
        expires_at: float,
        heartbeat_seconds: float,
        limits: SessionLimits,
        encoder: FrameEncoder = frames.WEBSOCKET_ENCODER,
    ) -> None:
        self._requested_epoch = epoch
        self._starts_at_top = after is None
        self._expires_at = expires_at
        self._heartbeat_seconds = heartbeat_seconds
        self._limits = limits
        self._encoder = encoder
        self._phase = _Phase.OPENING
        self.epoch = ""
        self._sent = after or 0
        self._top = 0
        self._reorder_buffer = ReorderBuffer(limits)
        self._is_fetching = False
        self._empty_fetches = 0
        self._fetch_at: float | None = None
        self._paused_since: float | None = None
        self._next_drain_poll_at = 0.0

    @property
    def sent_seq(self) -> int:
        """Every change up to this one was sent in this session."""
        return self._sent

    @property
    def is_live(self) -> bool:
        """Whether `hello` was sent and the session is not closed."""
        return self._phase is _Phase.LIVE

    @property
    def is_closed(self) -> bool:
        """Whether no further effect will come."""
        return self._phase is _Phase.CLOSED

    @property
    def wake_at(self) -> float:
        """When to call `tick` next."""
        due = (self._fetch_at, None if self._paused_since is None else self._next_drain_poll_at)
        return min([self._expires_at, *(at for at in due if at is not None)])

    def start(self) -> list[Effect]:
        """Read the log. The caller must receive the user's events from now on."""
        self._is_fetching = True
        return [] if self.is_closed else [FetchLog(None if self._starts_at_top else self._sent)]

    def take_if_next(self, seq: int) -> bool:
        """Return whether to write event `seq` at once; it then counts as sent. The fast path of nearly every event."""
        is_behind = self._sent != self._top or self._paused_since is not None
        if is_behind or seq != self._top + 1 or self._phase is not _Phase.LIVE:
            return False
        self._sent = self._top = seq
        return True

    def on_event(self, frame: SequencedFrame, now: float, capacity: int) -> list[Effect]:
        """Take a live event: the next one, one out of order, or a duplicate."""
        if self._phase is _Phase.CLOSED or (self._phase is _Phase.LIVE and frame.seq <= self._sent):
            return []
        self._top = max(self._top, frame.seq)
        if self._paused_since is not None:
            return []
        is_next = frame.seq == self._sent + 1
        if is_next or (frame.seq > self._sent and not self._reorder_buffer.is_full):
            self._reorder_buffer.add(frame)  # what does not fit is read from the log, because `_top` is above it
        if self._phase is _Phase.OPENING:
            return []
        return self._send_next(now, capacity) + self._fetch_missing(now, self._limits.gap_wait_seconds)

    def on_log_page(self, page: LogPage, now: float, capacity: int) -> list[Effect]:
        """Take a part of the log that this session, or another one of the user, asked for."""
        effects: list[Effect] = []
        if self._phase is _Phase.OPENING:
            effects = self._say_hello(page)
            if not self.is_live:
                return effects
        elif self._phase is _Phase.CLOSED:
            return []
        elif page.epoch != self.epoch:
            effects = self._reset(page.epoch, page.top_seq, "epoch_changed")
        elif self._sent < page.floor_seq:
            effects = self._reset(page.epoch, page.top_seq, "log_pruned")
        elif page.after > self._sent:
            return []
        self._is_fetching = False
        self._top = max(self._top, page.top_seq)
        before = self._sent
        if self._paused_since is None:
            for frame in page.frames:
                if frame.seq > self._sent:
                    self._reorder_buffer.add(frame)
            effects += self._send_next(now, capacity)
        has_helped = bool(effects) or self._sent > before
        is_own = page.after == before  # a page for a tab far behind does not show what the log has for this one
        self._fetch_at = None if has_helped or is_own else self._fetch_at
        return effects + self._fetch_missing(now, self._fetch_wait_seconds(has_helped=has_helped, is_own=is_own))

    def on_top(self, epoch: str, top_seq: int, now: float) -> list[Effect]:
        """Take the top of the log: it reveals the loss of a last event, which no later event would reveal."""
        if self._phase is not _Phase.LIVE:
            return []
        if epoch != self.epoch:
            return self._reset(epoch, top_seq, "epoch_changed")
        self._top = max(self._top, top_seq)
        return self._fetch_missing(now, self._limits.gap_wait_seconds)

    def heartbeat(self, now: float, capacity: int) -> list[Effect]:
        """Send the heartbeat that is due."""
        if self._phase is not _Phase.LIVE or self._paused_since is not None:
            return []
        if capacity <= 0:
            return self._pause(now)
        return [self._send(frames.heartbeat(self._sent))]

    def send_ephemeral(self, frame: UnsequencedFrame, capacity: int) -> list[Effect]:
        """Send a frame that means little later: now if the write buffer has capacity for it, else never."""
        if self._phase is not _Phase.LIVE or self._paused_since is not None or capacity <= len(frame.payload):
            return []
        return [self._send(frame)]

    def has_drained(self, capacity: int) -> bool:
        """Return whether the session is paused although the write buffer has drained."""
        return self._paused_since is not None and capacity >= self._limits.drained_capacity_bytes

    def on_drained(self, now: float) -> list[Effect]:
        """Continue: the write buffer has drained."""
        if self._paused_since is None or self._phase is not _Phase.LIVE:
            return []
        self._paused_since = None
        return self._fetch_missing(now, 0.0)

    def tick(self, now: float, capacity: int) -> list[Effect]:
        """Do what is due at `wake_at`."""
        if self._phase is _Phase.CLOSED:
            return []
        if now >= self._expires_at:
            return self.close(CloseCode.BAD_TOKEN, "token expired")
        if self._paused_since is not None and now >= self._next_drain_poll_at:
            if self.has_drained(capacity):
                return self.on_drained(now)
            if now >= self._paused_since + self._limits.lagging_seconds:
                return self.close(CloseCode.TOO_SLOW, "too slow: resume after the last frame")
            self._next_drain_poll_at = now + self._limits.drain_poll_seconds
        is_fetch_due = self._fetch_at is not None and now >= self._fetch_at
        return [Count(CountedEvent.GAP), *self._fetch()] if is_fetch_due else []

    def on_message(self, message: str | bytes, capacity: int) -> list[Effect]:
        """Take a message of the client. One that violates the protocol closes the session."""
        if self._phase is _Phase.CLOSED:
            return []
        try:
            frame = parse_client_frame(message)
        except ProtocolError as error:
            return self.close(CloseCode.BAD_FRAME, str(error))
        if isinstance(frame, Ping):
            return [self._send(frames.PONG)] if capacity > 0 else []
        return [VerifyToken(frame.token)] if isinstance(frame, Auth) else [ClientMessage(frame)]

    def on_token_renewed(self, expires_at: float) -> None:
        """Take the expiry of the client's new token, on the clock of `now`."""
        self._expires_at = expires_at

    def close(self, code: CloseCode, reason: str) -> list[Effect]:
        """End the session. What was not sent is in the log."""
        if self._phase is _Phase.CLOSED:
            return []
        self._phase = _Phase.CLOSED
        self._reorder_buffer.clear()
        return [Close(code, reason)]

    def _say_hello(self, page: LogPage) -> list[Effect]:
        """Send `hello` and resume or reset. A page that was read for another session may not allow that yet."""
        if page.after > self._sent and not self._starts_at_top:
            return []
        if page.top_seq < self._sent != page.after:  # it may have been read before the client reached its position
            return [FetchLog(self._sent)]
        if page.epoch != self._requested_epoch:
            self._reorder_buffer.clear()  # it may hold events of an earlier epoch; the log has those of this one
        refusal = None if self._starts_at_top else page.reset_reason(self._sent, self._requested_epoch)
        resumed = not self._starts_at_top and refusal is None
        self._phase = _Phase.LIVE
        self.epoch = page.epoch
        position = ClientPosition(page.epoch, self._sent if resumed else page.top_seq)
        hello = self._send(
            frames.hello(page.top_seq, position, resumed=resumed, heartbeat_seconds=self._heartbeat_seconds)
        )
        if refusal is not None:
            return [hello, *self._reset(page.epoch, page.top_seq, refusal)]
        if resumed:
            return [hello, Count(CountedEvent.RESUMED)]
        self._skip_to(page.top_seq)
        return [hello]

    def _reset(self, epoch: str, top_seq: int, reason: ResetReason) -> list[Effect]:
        """Continue from the top; the client loads what came before it."""
        if epoch != self.epoch:
            self._reorder_buffer.clear()
            self._top = top_seq
        self.epoch = epoch
        self._is_fetching, self._fetch_at = False, None
        self._skip_to(top_seq)
        return [Count(CountedEvent.RESET), self._send(frames.reset(ClientPosition(epoch, top_seq), reason))]

    def _skip_to(self, seq: int) -> None:
        self._sent = seq
        self._top = max(self._top, seq)
        self._reorder_buffer.discard_through(seq)

    def _send(self, frame: UnsequencedFrame) -> Send:
        return Send(self._encoder.encode_unsequenced(frame))

    def _send_next(self, now: float, capacity: int) -> list[Effect]:
        """Send the contiguous frames in the reorder buffer, as far as `capacity` allows."""
        wires: list[bytes] = []
        while (frame := self._reorder_buffer.get(self._sent + 1)) is not None and capacity > 0:
            self._reorder_buffer.discard(frame.seq)
            wires.append(self._encoder.encode_sequenced(frame, self.epoch))
            capacity -= len(wires[-1])
            self._sent = frame.seq
        effects: list[Effect] = []
        if wires:
            self._fetch_at = None
            effects.append(Send(b"".join(wires), len(wires)))
        if frame is not None:
            effects += self._pause(now)
        return effects

    def _pause(self, now: float) -> list[Effect]:
        """Send nothing until the write buffer has drained, and buffer nothing meanwhile: the log has it."""
        self._paused_since = now
        self._next_drain_poll_at = now + min(self._limits.drain_poll_seconds, self._limits.lagging_seconds)
        self._fetch_at = None
        self._reorder_buffer.clear()
        return [Count(CountedEvent.LAGGING)]

    def _fetch_missing(self, now: float, wait_seconds: float) -> list[Effect]:
        """Fetch what is missing up to the top, once, after `wait_seconds`."""
        if self._phase is not _Phase.LIVE or self._is_fetching or self._paused_since is not None:
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

    def _fetch_wait_seconds(self, *, has_helped: bool, is_own: bool) -> float:
        """Return how long to wait before the next fetch: not at all, unless the last one returned nothing new."""
        self._empty_fetches = 0 if has_helped else self._empty_fetches + is_own
        if has_helped:
            return 0.0
        if self._empty_fetches > self._limits.max_empty_fetches:
            self._reorder_buffer.clear()
            self._top = self._sent
        longest = self._limits.max_empty_fetch_wait_seconds
        return float(min(longest, self._limits.gap_wait_seconds * 2**self._empty_fetches))
