"""The frames that the server sends. docs/protocol.md is the contract.

A change is encoded once, as the bytes of a complete WebSocket frame, and written to any number of sockets.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from shared.contracts.inbox import (
    FrameKind,
    HelloFrame,
    PresenceFrame,
    ResetFrame,
    ResetReason,
    TypingFrame,
)

_FIN_AND_TEXT = 0x81
_MAX_7_BIT_LENGTH = 125
_MAX_16_BIT_LENGTH = 0xFFFF
_16_BIT_LENGTH_FOLLOWS = 126
"""In the place of a 7-bit length (RFC 6455, section 5.2)."""


@dataclass(frozen=True, slots=True)
class SequencedFrame:
    """One change of a user's inbox, encoded."""

    seq: int
    wire: bytes
    """A complete WebSocket text frame."""
    kind: FrameKind

    @property
    def payload(self) -> bytes:
        """The JSON inside the WebSocket frame."""
        length = self.wire[1]
        return self.wire[2 if length <= _MAX_7_BIT_LENGTH else 4 if length == _16_BIT_LENGTH_FOLLOWS else 10 :]


class ClientPosition(NamedTuple):
    """The client has received every change up to `seq` of the log that `epoch` names."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class UnsequencedFrame:
    """A frame that is not a change of the inbox and has no `seq` of its own."""

    kind: str
    payload: bytes
    """JSON."""
    position: ClientPosition | None = None
    """Where the client is after this frame; None if the frame does not move it."""


class FrameEncoder(Protocol):
    """Encodes frames for one kind of transport."""

    def encode_sequenced(self, frame: SequencedFrame, epoch: str) -> bytes:
        """Return the bytes of a change; `epoch` is that of its log."""

    def encode_unsequenced(self, frame: UnsequencedFrame) -> bytes:
        """Return the bytes of any other frame."""


class _WebSocketEncoder:
    """A frame is one WebSocket text frame. Its JSON contains everything, so epoch and position are not encoded."""

    def encode_sequenced(self, frame: SequencedFrame, epoch: str) -> bytes:
        del epoch
        return frame.wire

    def encode_unsequenced(self, frame: UnsequencedFrame) -> bytes:
        return websocket_text(frame.payload)


WEBSOCKET_ENCODER: FrameEncoder = _WebSocketEncoder()


def websocket_text(payload: bytes) -> bytes:
    """Return `payload` (UTF-8) as one unmasked text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size <= _MAX_7_BIT_LENGTH:
        return bytes((_FIN_AND_TEXT, size)) + payload
    if size <= _MAX_16_BIT_LENGTH:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def sequenced_frame(kind: FrameKind, seq: int, data: msgspec.Raw) -> SequencedFrame:
    """Return the frame of one change. `data` is JSON and is copied unchanged."""
    payload = b'{"type":"%b","seq":%d,"data":%b}' % (kind.encode(), seq, bytes(data))
    return SequencedFrame(seq, websocket_text(payload), kind)


def hello(top_seq: int, position: ClientPosition, *, resumed: bool, heartbeat_seconds: float) -> UnsequencedFrame:
    """Return the first frame of a session.

    Args:
        top_seq: The top of the log.
        position: Where the client starts.
        resumed: Whether every change after the client's own position follows. Otherwise it starts at the top.
        heartbeat_seconds: How often heartbeats will come.
    """
    data = HelloFrame(seq=top_seq, epoch=position.epoch, resumed=resumed, heartbeat_seconds=heartbeat_seconds)
    return _unsequenced_frame("hello", data, position)


def heartbeat(seq: int) -> UnsequencedFrame:
    """Return the frame that tells the client that everything up to `seq` was sent in this session."""
    return UnsequencedFrame("heartbeat", b'{"type":"heartbeat","data":{"seq":%d}}' % seq)


def reset(position: ClientPosition, reason: ResetReason) -> UnsequencedFrame:
    """Return the frame that tells the client to load its inbox again and to continue after `position`."""
    return _unsequenced_frame("reset", ResetFrame(seq=position.seq, epoch=position.epoch, reason=reason), position)


def typing(data: TypingFrame) -> UnsequencedFrame:
    """Return the frame that tells who is typing where."""
    return _unsequenced_frame("typing", data)


def presence(data: PresenceFrame) -> UnsequencedFrame:
    """Return the frame that tells that a device came online, went offline, or views something else."""
    return _unsequenced_frame("presence", data)


def _unsequenced_frame(kind: str, data: object, position: ClientPosition | None = None) -> UnsequencedFrame:
    return UnsequencedFrame(kind, msgspec.json.encode({"type": kind, "data": data}), position)


PONG = UnsequencedFrame("pong", b'{"type":"pong"}')
