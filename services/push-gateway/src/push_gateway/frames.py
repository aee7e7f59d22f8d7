"""What goes over a client's socket: frames of both sides and close codes. docs/protocol.md is the contract.

A server frame is encoded once, into the bytes of a whole WebSocket frame, whatever number of sockets it is written to.
"""

from dataclasses import dataclass
from enum import IntEnum

import msgspec

from shared.contracts.inbox import FrameKind
from shared.errors import PermanentError

_FIN_AND_TEXT = 0x81
_LONGEST_IN_7_BITS = 125
_LONGEST_IN_16_BITS = 0xFFFF


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
    return Frame(seq, websocket_text(b'{"type":"%b","seq":%d,"data":%b}' % (kind.encode(), seq, bytes(data))))


def hello(*, seq: int, epoch: str, resumed: bool, heartbeat_seconds: float) -> bytes:
    """Return the first frame of a socket.

    `seq` is the top of the log. `resumed`: everything after the position that the client named follows; otherwise the
    socket begins at `seq`.
    """
    data = {"seq": seq, "epoch": epoch, "resumed": resumed, "heartbeat_seconds": heartbeat_seconds}
    return websocket_text(msgspec.json.encode({"type": "hello", "data": data}))


def heartbeat(seq: int) -> bytes:
    """Return the frame that says: everything up to `seq` was sent on this socket."""
    return websocket_text(b'{"type":"heartbeat","data":{"seq":%d}}' % seq)


def reset(*, seq: int, epoch: str, reason: str) -> bytes:
    """Return the frame that says: what you hold cannot be continued; load it anew and go on after `seq`."""
    return websocket_text(
        msgspec.json.encode({"type": "reset", "data": {"seq": seq, "epoch": epoch, "reason": reason}})
    )


PONG = websocket_text(b'{"type":"pong"}')


class BadFrame(PermanentError):
    """The client sent what is not in the protocol; `str()` is fit for a close reason."""


class Ping(msgspec.Struct, frozen=True):
    """The text `ping`: answered with `pong`."""


class Auth(msgspec.Struct, frozen=True, tag_field="type", tag="auth"):
    """A new token of the same user, before the old one expires."""

    token: str


class Typing(msgspec.Struct, frozen=True, tag_field="type", tag="typing"):
    """Somebody writes; accepted, and not yet passed on."""


class Viewing(msgspec.Struct, frozen=True, tag_field="type", tag="viewing"):
    """Somebody looks at a conversation; accepted, and not yet passed on."""


class Read(msgspec.Struct, frozen=True, tag_field="type", tag="read"):
    """Something was read; accepted, and not yet acted upon: `POST /api/conversations/…/read` is."""


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
