"""Encodes events to bytes and decodes them.

An AMQP message contains 1 to 64 events of one type: an array in the wire form of the type. Each event is encoded once,
and the array is joined from the encoded parts, so that batching costs no second encoding. Decoding first splits the
array into parts, so that one unreadable event does not affect its neighbours.
"""

from collections.abc import Sequence

import msgspec

from shared.contracts import events as e
from shared.contracts.event import Event, Wire
from shared.errors import MalformedEvent

AnyEvent = (
    e.WebhookReceivedV1
    | e.WebhookReleasedV1
    | e.InboxEnrichedV1
    | e.InboxPersistedV1
    | e.ItemParkedV1
    | e.WebhookSplitV1
    | e.WebhookUnclaimedV1
    | e.TokenRefusedV1
    | e.ProfileRequestedV1
    | e.ProfileResolvedV1
    | e.AccountChangedV1
    | e.SignalSentV1
    | e.TokensRevokedV1
)

_json = msgspec.json.Encoder()
_msgpack = msgspec.msgpack.Encoder()
_json_event = msgspec.json.Decoder(AnyEvent)
_msgpack_event = msgspec.msgpack.Decoder(AnyEvent)
_json_array = msgspec.json.Decoder(list[msgspec.Raw])
_msgpack_array = msgspec.msgpack.Decoder(list[msgspec.Raw])


def encode(event: Event) -> bytes:
    """Return `event` in the wire form of its type."""
    return _json.encode(event) if event.wire is Wire.JSON else _msgpack.encode(event)


def join(wire: Wire, parts: Sequence[bytes]) -> bytes:
    """Return the array of `parts`, which are encoded events, as the body of an AMQP message."""
    if wire is Wire.JSON:
        return b"[" + b",".join(parts) + b"]"
    # An array32 header (msgpack specification, "array format family") is valid for any length.
    return b"\xdd" + len(parts).to_bytes(4, "big") + b"".join(parts)


def split(content_type: str, body: bytes) -> list[bytes]:
    """Return the encoded events in the body of one AMQP message.

    Raises:
        MalformedEvent: `body` is not an array in a known wire form.
    """
    try:
        array = _json_array if Wire(content_type) is Wire.JSON else _msgpack_array
        return [bytes(part) for part in array.decode(body)]
    except (ValueError, msgspec.MsgspecError) as error:
        raise MalformedEvent(f"not an array of events in {content_type!r}: {error}") from error


def decode(content_type: str, part: bytes) -> AnyEvent:
    """Return the event that `part` encodes.

    Raises:
        MalformedEvent: `part` is not an event of a type and shape that this version knows.
    """
    try:
        event: AnyEvent = (_json_event if Wire(content_type) is Wire.JSON else _msgpack_event).decode(part)
        return event
    except (ValueError, msgspec.MsgspecError) as error:
        raise MalformedEvent(f"not a known event: {error}") from error
