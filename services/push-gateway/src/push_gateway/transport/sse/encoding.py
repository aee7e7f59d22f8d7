"""Frames as server-sent events (HTML Living Standard, section 9.2): the same JSON as on a WebSocket.

Each frame is one event. Its `id` is the client's position, which a browser that reconnects by itself sends back as
`Last-Event-ID`.
"""

from push_gateway.core.close_codes import CloseCode, ProtocolError
from push_gateway.core.frames import ClientPosition, SequencedFrame, UnsequencedFrame

RETRY_MS = 2_000
"""How long a browser waits before it reconnects, unless a close event says otherwise."""
_MAX_SEQ_DIGITS = 18


class _EventStreamEncoder:
    def encode_sequenced(self, frame: SequencedFrame, epoch: str) -> bytes:
        return _event(frame.kind, frame.payload, ClientPosition(epoch, frame.seq))

    def encode_unsequenced(self, frame: UnsequencedFrame) -> bytes:
        comment = b": beat\n" if frame.kind == "heartbeat" else b""
        return comment + _event(frame.kind, frame.payload, frame.position)


EVENT_STREAM_ENCODER = _EventStreamEncoder()
PREAMBLE = b": the log is being read\nretry: %d\n\n" % RETRY_MS
"""The first bytes of a stream. Proxies forward the head of a response only once its body has begun."""


def encode_close(code: CloseCode, reason: str) -> bytes:
    """Return the last event of a stream: the close code of a WebSocket, and when to reconnect."""
    delay = reason.removeprefix("retry_after_ms=")
    retry_ms = int(delay) if delay.isdigit() else RETRY_MS
    return b'retry: %d\nevent: close\ndata: {"code":%d,"reason":"%b","retry_after_ms":%d}\n\n' % (
        retry_ms,
        code,
        reason.encode(),
        retry_ms,
    )


def parse_event_id(last_event_id: str) -> ClientPosition:
    """Return the position in the `id` of an event.

    Raises:
        ProtocolError: It is not an `id` of ours.
    """
    epoch, dash, seq = last_event_id.rpartition("-")
    if not (dash and epoch and seq.isascii() and seq.isdigit() and len(seq) <= _MAX_SEQ_DIGITS):
        raise ProtocolError("Last-Event-ID is not a position")
    return ClientPosition(epoch, int(seq))


def _event(kind: str, payload: bytes, position: ClientPosition | None) -> bytes:
    if b"\n" in payload or b"\r" in payload:  # in JSON only between tokens, but here it would end the field
        payload = payload.replace(b"\n", b" ").replace(b"\r", b" ")
    event_id = b"id: %b-%d\n" % (position.epoch.encode(), position.seq) if position is not None else b""
    return b"event: %b\n%bdata: %b\n\n" % (kind.encode(), event_id, payload)
