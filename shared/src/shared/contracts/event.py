"""What all events have in common."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec


class Wire(StrEnum):
    """The encoding of a type on the wire; the value is the AMQP content type."""

    JSON = "application/json"
    """The default: every consumer can read it."""
    MSGPACK = "application/msgpack"
    """For events that contain an unchanged body: bytes are sent as bytes, not as base64."""


class Hop(msgspec.Struct, frozen=True, array_like=True):
    """A service that handled the event, and when."""

    service: str
    at: datetime


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A fact. Writing is strict (msgspec structs take no unknown field), reading is tolerant."""

    wire: ClassVar[Wire] = Wire.JSON

    id: str
    """32 hex digits, derived from the cause: the same for every redelivery of the same fact."""
    occurred_at: datetime
    """When it happened, according to the platform (UTC)."""
    received_at: datetime
    """When ingest received the webhook that caused it (UTC). Webhook-to-screen time starts here."""
    traceparent: str = ""
    """W3C trace context of the webhook; empty if there is none."""
    hops: tuple[Hop, ...] = ()
    """The services that handled it, in order."""

    @classmethod
    def type_name(cls) -> str:
        """Return `<noun>.<past participle>.v<N>`: the tag on the wire and the first part of the routing key."""
        return str(cls.__struct_config__.tag)

    @property
    def shard_key(self) -> str | None:
        """Events with the same key share a routing key and keep their order; None if the order does not matter."""
        return None
