"""What every event carries, whatever happened."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec


class Wire(StrEnum):
    """How a type is written; the value is the AMQP content type."""

    JSON = "application/json"
    """The default: any consumer can read it."""
    MSGPACK = "application/msgpack"
    """For events that carry a body as it came: bytes travel as bytes, not as base64."""


class Hop(msgspec.Struct, frozen=True, array_like=True):
    """One service has handled the event."""

    service: str
    at: datetime


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A fact. Strict to write (msgspec structs take no unknown field), tolerant to read."""

    wire: ClassVar[Wire] = Wire.JSON

    id: str
    """32 hex digits derived from the cause: the same for every redelivery of the same fact."""
    occurred_at: datetime
    """When the platform says that it happened (UTC)."""
    received_at: datetime
    """When ingest took the webhook that caused it (UTC); the start of webhook-to-screen time."""
    traceparent: str = ""
    """W3C trace context of the webhook; empty when there is none."""
    hops: tuple[Hop, ...] = ()
    """Which services have handled it, in order."""

    @classmethod
    def type_name(cls) -> str:
        """Return `<noun>.<past participle>.v<N>`: the tag on the wire and the stem of the routing key."""
        return str(cls.__struct_config__.tag)

    @property
    def shard_key(self) -> str | None:
        """What keeps events together on one routing key; None where nothing needs to be kept together."""
        return None
