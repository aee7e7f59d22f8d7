"""Opaque cursors of lists: where a page ended, sealed to the user and the query that it came from."""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal, TypeVar

import msgspec

from shared.errors import PermanentError
from store.core.search.query import Tier

_SEAL_BYTES = 16
HitType = Literal["person", "message"]
PositionT = TypeVar("PositionT", bound=msgspec.Struct)


class InvalidCursor(PermanentError):
    """Not a cursor that this query has handed out."""


class ConversationPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of conversations, newest first, goes on."""

    last_message_at: datetime
    conversation_id: str


class MessagePosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of messages, newest first, goes on."""

    created_at: datetime
    message_id: str
    id: int


class AccountPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of accounts goes on."""

    platform: str
    page_id: str


class ParkedPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of parked items, latest first, goes on."""

    parked_at: datetime
    id: str


class RecordPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of records, newest first, goes on."""

    occurred_at: datetime
    record_id: str
    platform: str
    page_id: str
    kind: str


class SearchPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a search goes on: in which of its stages, and there below which message or after which conversation."""

    type: HitType
    tier: Tier
    before: int
    last_message_at: datetime
    conversation_id: str


class CursorSeal:
    """Writes and reads cursors.

    Args:
        secrets: the first one seals, every one is accepted; cursors outlive a rotation.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = [hmac.digest(secret, b"switchboard list cursor v1", "sha256") for secret in secrets]

    @property
    def name(self) -> str:
        """Of the key that seals: an answer that somebody keeps has cursors of a key that may go one day."""
        return hmac.digest(self._keys[0], b"name", "sha256").hex()[:16]

    def write(self, position: msgspec.Struct, *, bound_to: Sequence[str]) -> str:
        """Return the cursor for `position`, good only for the same `bound_to` (user, list, filters)."""
        payload = msgspec.msgpack.encode(position)
        return urlsafe_b64encode(self._seal(self._keys[0], payload, bound_to) + payload).rstrip(b"=").decode()

    def read(self, cursor: str, kind: type[PositionT], *, bound_to: Sequence[str]) -> PositionT:
        """Return the position.

        Raises:
            InvalidCursor: forged, damaged, or from another user or query.
        """
        try:
            sealed = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        except (ValueError, binascii.Error) as error:
            raise InvalidCursor("the cursor cannot be read") from error
        seal, payload = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        if not any([hmac.compare_digest(seal, self._seal(key, payload, bound_to)) for key in self._keys]):  # noqa: C419 - every key is tried, so that the time tells nothing
            raise InvalidCursor("the cursor belongs to another query")
        try:
            return msgspec.msgpack.decode(payload, type=kind)
        except msgspec.MsgspecError as error:
            raise InvalidCursor("the cursor cannot be read") from error

    def _seal(self, key: bytes, payload: bytes, bound_to: Sequence[str]) -> bytes:
        context = msgspec.msgpack.encode(list(bound_to))
        return hmac.new(key, len(context).to_bytes(4, "big") + context + payload, sha256).digest()[:_SEAL_BYTES]
