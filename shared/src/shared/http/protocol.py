"""uvicorn's HTTP protocol with limits on what a client may send, and how long it may take.

uvicorn limits only the time between two requests. Everything below uses its protocol class, which has no other hooks.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.http.intake import Incoming, Intake, Refused

_MESSAGE = "switchboard.message"

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class _Message(Incoming):
    """A request on `connection`."""

    has_head = False
    began_at: float | None = None
    """The end of the read in which the head, or else the body, began. None if the same read ended it."""
    cycle: RequestResponseCycle | None = None
    """uvicorn's side of the request, from the end of its head until the request is finished."""

    def __init__(self, connection: "LimitedProtocol") -> None:
        self.connection = connection

    def refuse(self, reason: Refused) -> None:
        self.connection.refuse_latest(reason)


class LimitedProtocol(HttpToolsProtocol):
    """One connection.

    Between any two events of a connection one of these is true: a request is being handled, or a timer runs that will
    end the connection. One timer serves head and body; it is started only when a read ends in the middle of a request.

    Args:
        intake: the limits, and the count of all connections' bytes.
    """

    def __init__(self, *args: Any, intake: Intake, **options: Any) -> None:
        super().__init__(*args, **options)
        self._intake = intake
        self._latest: _Message | None = None
        self._unfinished: list[_Message] = []
        """More than one only if the client sends a request before the last one was answered."""
        self._timer: asyncio.TimerHandle | None = None
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Called by asyncio when a client has connected."""
        super().connection_made(transport)
        self._start_timer(self._intake.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio when the connection is closed."""
        self._stop_timer()
        super().connection_lost(exc)
        for message in tuple(self._unfinished):
            if message.cycle is None or any(message.cycle is waiting for waiting, _ in self.pipeline):
                self.end(message)
            else:
                _disconnect(message.cycle)  # uvicorn tells only the latest request
            self._arrived(message)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio for every read. It may hold a part of a request or several requests."""
        if self._is_refused:
            return
        super().data_received(data)
        message = self._latest
        if message is None:
            return  # the timer of the connection runs
        if message.has_arrived and message.has_ended:
            self._expect_next_request()
            return
        has_room = self._intake.receive(message, len(data))
        if message.has_arrived:
            if not has_room and message.cycle is not None and message.cycle.body:
                self._intake.refuse(message, Refused.OVERLOADED)
        elif not message.has_head and message.held_bytes > self._intake.limits.head_bytes:
            self._intake.refuse(message, Refused.LARGE_HEAD)
        elif message.began_at is None and not self._is_refused:
            message.began_at = self.loop.time()
            self._start_timer(self._due_at(message) - message.began_at)

    def on_message_begin(self) -> None:
        """Called by the parser at the first byte of a request."""
        super().on_message_begin()
        message = self._latest = _Message(self)
        self._unfinished.append(message)
        self.scope["extensions"] = {_MESSAGE: message}  # type: ignore[dict-item]  # the type is of others' extensions
        if self._timer is not None:
            self._stop_timer()

    def on_headers_complete(self) -> None:
        """Called by the parser at the end of a head."""
        super().on_headers_complete()
        message = self._latest
        assert message is not None
        message.cycle = self.cycle
        message.has_head = True
        if self._timer is not None:
            message.began_at = None
            self._stop_timer()

    def on_message_complete(self) -> None:
        """Called by the parser at the end of a body, or of a head without one."""
        super().on_message_complete()
        assert self._latest is not None
        self._arrived(self._latest)
        if self._timer is not None:
            self._stop_timer()

    def end(self, message: _Message) -> None:
        """Take note that the application has ended, or will not be called."""
        self._intake.ended(message)
        if message.cycle is not None and message.cycle.body:
            message.cycle.body = bytearray()  # uvicorn would keep what was not read until the next request
        if message.has_arrived:
            self._finish(message)

    def _arrived(self, message: _Message) -> None:
        self._intake.arrived(message)
        if message.has_ended:
            self._finish(message)

    def _finish(self, message: _Message) -> None:
        if message in self._unfinished:
            self._unfinished.remove(message)
            message.cycle = None  # the two refer to each other

    def _due_at(self, message: _Message) -> float:
        limits = self._intake.limits
        assert message.began_at is not None
        return message.began_at + (
            limits.body_seconds_after(message.held_bytes) if message.has_head else limits.head_seconds
        )

    def _on_time_up(self) -> None:
        self._timer = None
        message = self._latest
        if message is None or message.has_arrived:
            self.transport.close()
            return
        now = self.loop.time()
        if self.flow.read_paused:  # we do not read, so it is not the client who is slow
            message.began_at = now
        if (due_at := self._due_at(message)) > now:
            self._start_timer(due_at - now)
            return
        self._intake.refuse(message, Refused.SLOW_BODY if message.has_head else Refused.SLOW_HEAD)

    def refuse_latest(self, reason: Refused) -> None:
        """Answer the latest request, if it is its turn and nothing was answered yet, and close the connection."""
        self._is_refused = True
        self._stop_timer()
        if all(message is self._latest for message in self._unfinished) and not _has_begun(self._latest):
            self.transport.write(reason.response)
        for message in self._unfinished:
            if message.cycle is not None:
                _disconnect(message.cycle)
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # the client does not read, so closing could take for ever

    def _expect_next_request(self) -> None:
        """Let the connection end if no request follows. uvicorn forgets this when data follows a response."""
        if self.cycle.response_complete and self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(max(0.0, seconds), self._on_time_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _has_begun(message: _Message | None) -> bool:
    return message is not None and message.cycle is not None and message.cycle.response_started


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Make the application receive `http.disconnect`, and send nothing any more."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()


def ends_with_its_application(app: Any) -> App:
    """Return the ASGI application `app` for `LimitedProtocol`: a request is held until `app` has ended."""

    async def held(scope: Scope, receive: Any, send: Any) -> None:
        message: _Message = scope["extensions"][_MESSAGE]
        try:
            if not message.is_refused:
                await app(scope, receive, send)
        finally:
            message.connection.end(message)

    return held


def abort(scope: Scope) -> None:
    """Drop a request's connection at once, including unsent data. `http.disconnect` follows.

    For a response that has begun and cannot be finished: the client sees a reset instead of a truncated body.

    Args:
        scope: of the request, from `serving`.
    """
    scope["extensions"][_MESSAGE].connection.transport.abort()
