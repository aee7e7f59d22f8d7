"""Frames as server-sent events (HTML Living Standard, section 9.2): the same JSON as on a WebSocket, one event a frame.

`id` is the client's position: the browser sends it back as `Last-Event-ID` when it reconnects by itself.
"""

from push_gateway.core.frames import BadFrame, CloseCode, Frame, Notice, Position

RETRY_MS = 2_000
"""How long a browser waits before it reconnects, unless it was told otherwise."""
_MAX_SEQ_DIGITS = 18


class _EventStream:
    def change(self, frame: Frame, epoch: str) -> bytes:
        return _event(frame.kind, frame.payload, Position(epoch, frame.seq))

    def notice(self, notice: Notice) -> bytes:
        beat = b": beat\n" if notice.kind == "heartbeat" else b""
        return beat + _event(notice.kind, notice.payload, notice.position)


EVENT_STREAM = _EventStream()
PREAMBLE = b": the log is being read\nretry: %d\n\n" % RETRY_MS
"""The first bytes of a stream: everybody between here and the client passes the head on."""


def encode_close(code: CloseCode, reason: str) -> bytes:
    """Return the last event: what the close code of a WebSocket would say, and when to come back."""
    told = reason.removeprefix("retry_after_ms=")
    retry_ms = int(told) if told.isdigit() else RETRY_MS
    return b'retry: %d\nevent: close\ndata: {"code":%d,"reason":"%b","retry_after_ms":%d}\n\n' % (
        retry_ms,
        code,
        reason.encode(),
        retry_ms,
    )


def parse_event_id(last_event_id: str) -> Position:
    """Return the position that an `id` of ours names.

    Raises:
        BadFrame: it is none of ours.
    """
    epoch, dash, seq = last_event_id.rpartition("-")
    if not (dash and epoch and seq.isascii() and seq.isdigit() and len(seq) <= _MAX_SEQ_DIGITS):
        raise BadFrame("Last-Event-ID is not a position")
    return Position(epoch, int(seq))


def _event(kind: str, payload: bytes, position: Position | None) -> bytes:
    if b"\n" in payload or b"\r" in payload:  # in JSON only ever between tokens; here it would end the field
        payload = payload.replace(b"\n", b" ").replace(b"\r", b" ")
    where = b"id: %b-%d\n" % (position.epoch.encode(), position.seq) if position is not None else b""
    return b"event: %b\n%bdata: %b\n\n" % (kind.encode(), where, payload)
