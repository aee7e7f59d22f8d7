"""The frames that clients send. docs/protocol.md is the contract."""

from typing import Annotated

import msgspec

from push_gateway.core.close_codes import ProtocolError

_ConversationId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_UpToSeq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Ping(msgspec.Struct, frozen=True):
    """The text `ping`, which is answered with `pong`."""


class Auth(msgspec.Struct, frozen=True, tag_field="type", tag="auth"):
    """A new token of the same user, sent before the old one expires."""

    token: str


class Typing(msgspec.Struct, frozen=True, tag_field="type", tag="typing"):
    """The user of this device is typing."""

    conversation_id: _ConversationId


class Viewing(msgspec.Struct, frozen=True, tag_field="type", tag="viewing"):
    """The conversation that this device shows, if any."""

    conversation_id: _ConversationId | None


class Read(msgspec.Struct, frozen=True, tag_field="type", tag="read"):
    """A conversation was read up to a change."""

    conversation_id: _ConversationId
    up_to_seq: _UpToSeq


ClientFrame = Ping | Auth | Typing | Viewing | Read
_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(Auth | Typing | Viewing | Read)


def parse_client_frame(message: str | bytes) -> ClientFrame:
    """Return the frame in a WebSocket message.

    Raises:
        ProtocolError: The message is binary, not JSON, or not of a known type.
    """
    if isinstance(message, bytes):
        raise ProtocolError("binary frames are not in the protocol")
    if message == "ping":
        return Ping()
    try:
        return _decoder.decode(message)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
        raise ProtocolError("not a known frame") from error
