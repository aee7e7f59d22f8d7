"""What goes over a client's socket: frames of both sides and close codes. docs/protocol.md is the contract.

A server frame is encoded once, into the bytes of a whole WebSocket frame, whatever number of sockets it is written to.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, NamedTuple, Protocol

import msgspec

from shared.contracts.inbox import (
    FrameKind,
    HelloFrame,
    PresenceFrame,
    ResetFrame,
    ResetReason,
    TypingFrame,
)
from shared.errors import PermanentError

_FIN_AND_TEXT = 0x81
_LONGEST_IN_7_BITS = 125
_LONGEST_IN_16_BITS = 0xFFFF
_SIZE_IN_16_BITS = 126
"""In the place of a size: it follows in two bytes."""


class CloseCode(IntEnum):
    """Why the server closes a socket; 4000 to 4999 are an application's own (RFC 6455, section 7.4.2)."""

    RESTARTING = 1012
    """Come back after the milliseconds that the reason names; nothing is wrong with the client."""
    BAD_TOKEN = 4001
    """No token, a forged or an expired one: get a new one, then come back."""
    NOT_YOUR_USER = 4003
    """The token is another user's: do not come back."""
    TOO_SLOW = 4008
    """It did not read what was sent to it: come back with its position."""
    TOO_MANY_SOCKETS = 4009
    """The user, or this process, has as many as it may have: come back later."""
    BAD_FRAME = 4400
    """The client sent what is not in the protocol: do not come back before it is corrected."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One change of a user's inbox, ready to be written."""

    seq: int
    wire: bytes
    """A whole WebSocket text frame."""
    kind: FrameKind

    @property
    def payload(self) -> bytes:
        """What the WebSocket frame carries: JSON."""
        size = self.wire[1]
        return self.wire[2 if size <= _LONGEST_IN_7_BITS else 4 if size == _SIZE_IN_16_BITS else 10 :]


class Position(NamedTuple):
    """Everything up to here is known."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A frame that is no change and has no `seq` of its own."""

    kind: str
    payload: bytes
    position: Position | None = None
    """Where the client stands once it has this."""


class Encoding(Protocol):
    """How frames are written to a client."""

    def change(self, frame: Frame, epoch: str) -> bytes:
        """Return a change; `epoch` is that of the log it is from."""

    def notice(self, notice: Notice) -> bytes:
        """Return anything else."""


class _WebSocket:
    """A frame is a WebSocket text frame, which says everything in its JSON."""

    def change(self, frame: Frame, epoch: str) -> bytes:
        del epoch
        return frame.wire

    def notice(self, notice: Notice) -> bytes:
        return websocket_text(notice.payload)


WEB_SOCKET: Encoding = _WebSocket()


def websocket_text(payload: bytes) -> bytes:
    """Return `payload` (UTF-8) as one unmasked text frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size <= _LONGEST_IN_7_BITS:
        return bytes((_FIN_AND_TEXT, size)) + payload
    if size <= _LONGEST_IN_16_BITS:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def sequenced(kind: FrameKind, seq: int, data: msgspec.Raw) -> Frame:
    """Return the frame of one change; `data` is JSON and goes on as it is."""
    return Frame(seq, websocket_text(b'{"type":"%b","seq":%d,"data":%b}' % (kind.encode(), seq, bytes(data))), kind)


def hello(seq: int, position: Position, *, resumed: bool, heartbeat_seconds: float) -> Notice:
    """Return the first frame of a socket.

    `seq` is the top of the log. `resumed`: everything after the position that the client named follows; otherwise the
    socket begins at `seq`.
    """
    data = HelloFrame(seq=seq, epoch=position.epoch, resumed=resumed, heartbeat_seconds=heartbeat_seconds)
    return _notice("hello", data, position)


def heartbeat(seq: int) -> Notice:
    """Return the frame that says: everything up to `seq` was sent on this socket."""
    return Notice("heartbeat", b'{"type":"heartbeat","data":{"seq":%d}}' % seq)


def reset(position: Position, reason: ResetReason) -> Notice:
    """Return the frame that says: what you hold cannot be continued; load it anew and go on after `position`."""
    return _notice("reset", ResetFrame(seq=position.seq, epoch=position.epoch, reason=reason), position)


def typing(data: TypingFrame) -> Notice:
    """Return the frame that says who writes where."""
    return _notice("typing", data)


def presence(data: PresenceFrame) -> Notice:
    """Return the frame that says who is there."""
    return _notice("presence", data)


def _notice(kind: str, data: object, position: Position | None = None) -> Notice:
    return Notice(kind, msgspec.json.encode({"type": kind, "data": data}), position)


PONG = Notice("pong", b'{"type":"pong"}')


class BadFrame(PermanentError):
    """The client sent what is not in the protocol; `str()` is fit for a close reason."""


ConversationId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_UpToSeq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Ping(msgspec.Struct, frozen=True):
    """The text `ping`: answered with `pong`."""


class Auth(msgspec.Struct, frozen=True, tag_field="type", tag="auth"):
    """A new token of the same user, before the old one expires."""

    token: str


class Typing(msgspec.Struct, frozen=True, tag_field="type", tag="typing"):
    """Somebody writes."""

    conversation_id: ConversationId


class Viewing(msgspec.Struct, frozen=True, tag_field="type", tag="viewing"):
    """Somebody looks at a conversation, or at none."""

    conversation_id: ConversationId | None


class Read(msgspec.Struct, frozen=True, tag_field="type", tag="read"):
    """A conversation was read up to a change."""

    conversation_id: ConversationId
    up_to_seq: _UpToSeq


ClientFrame = Ping | Auth | Typing | Viewing | Read
_client_frames: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(Auth | Typing | Viewing | Read)


def read_client_frame(message: str | bytes) -> ClientFrame:
    """Return what a client's message says.

    Raises:
        BadFrame: binary, no JSON, or of no known type.
    """
    if isinstance(message, bytes):
        raise BadFrame("binary frames are not in the protocol")
    if message == "ping":
        return Ping()
    try:
        return _client_frames.decode(message)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
        raise BadFrame("not a known frame") from error
