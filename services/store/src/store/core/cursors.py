"""Opaque cursors of lists: where a page ended, signed for the user and the query that it came from."""

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

_SIGNATURE_BYTES = 16
HitType = Literal["person", "message"]
PositionT = TypeVar("PositionT", bound=msgspec.Struct)


class InvalidCursor(PermanentError):
    """Not a cursor that was issued for this query."""


class ConversationPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of conversations ends; the newest come first."""

    last_message_at: datetime
    conversation_id: str


class MessagePosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of messages ends; the newest come first."""

    created_at: datetime
    message_id: str
    id: int


class AccountPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of accounts ends."""

    platform: str
    page_id: str


class CiphertextPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a batch of encrypted access tokens ends."""

    platform: str
    page_id: str
    owned_from: datetime


class ParkedPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of parked items ends; the latest come first."""

    parked_at: datetime
    id: str


class AuditPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of the audit log ends; the latest records come first."""

    number: int


class RecordPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of records ends; the newest come first."""

    occurred_at: datetime
    record_id: str
    platform: str
    page_id: str
    kind: str


class SearchPosition(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of search results ends: its stage, and the last message or conversation of that stage."""

    type: HitType
    tier: Tier
    before: int
    last_message_at: datetime
    conversation_id: str


class CursorSigner:
    """Encodes positions as cursors, and decodes them.

    Args:
        secrets: the first signs, all are accepted: cursors survive a rotation.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = [hmac.digest(secret, b"switchboard list cursor v1", "sha256") for secret in secrets]

    @property
    def key_id(self) -> str:
        """Identifies the key that signs. A cached response holds cursors, and must change when the key does."""
        return hmac.digest(self._keys[0], b"name", "sha256").hex()[:16]

    def encode(self, position: msgspec.Struct, *, bound_to: Sequence[str]) -> str:
        """Return the cursor for `position`, valid only for the same `bound_to` (user, list, filters)."""
        payload = msgspec.msgpack.encode(position)
        return urlsafe_b64encode(self._sign(self._keys[0], payload, bound_to) + payload).rstrip(b"=").decode()

    def decode(self, cursor: str, kind: type[PositionT], *, bound_to: Sequence[str]) -> PositionT:
        """Return the position of a cursor.

        Raises:
            InvalidCursor: it is forged, damaged, or belongs to another user or query.
        """
        try:
            signed = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        except (ValueError, binascii.Error) as error:
            raise InvalidCursor("the cursor cannot be read") from error
        signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not any([hmac.compare_digest(signature, self._sign(key, payload, bound_to)) for key in self._keys]):  # noqa: C419 - every key is tried, so that the time reveals nothing
            raise InvalidCursor("the cursor belongs to another query")
        try:
            return msgspec.msgpack.decode(payload, type=kind)
        except msgspec.MsgspecError as error:
            raise InvalidCursor("the cursor cannot be read") from error

    def _sign(self, key: bytes, payload: bytes, bound_to: Sequence[str]) -> bytes:
        context = msgspec.msgpack.encode(list(bound_to))
        return hmac.new(key, len(context).to_bytes(4, "big") + context + payload, sha256).digest()[:_SIGNATURE_BYTES]
