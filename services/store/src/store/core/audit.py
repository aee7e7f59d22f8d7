"""The audit log: its vocabulary, and the hash that chains each record to the one before.

The database computes the same hash when it inserts a record (migration 0006); this module verifies it. docs/adr says
what is audited and why.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Literal

import msgspec

MAX_DETAILS_BYTES = 16_384
NO_HASH = bytes(32)
"""What the first record is chained to."""
ActorKind = Literal["admin", "user", "system"]
"""`admin`: an admin token, by its name. `user`: a user's token. `system`: the platforms' callbacks, and jobs."""
Details = Mapping[str, str | int | bool | list[str] | None]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Action(StrEnum):
    """What can be done. Names are permanent: the log keeps them."""

    ACCOUNT_CONNECTED = "account.connected"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_DISCONNECTED = "account.disconnected"
    TOKEN_MINTED = "token.minted"  # noqa: S105 - no password
    TOKENS_REVOKED = "tokens.revoked"
    TOKENS_RESTORED = "tokens.restored"
    PARKED_LISTED = "parked.listed"
    PARKED_SHOWN = "parked.shown"
    PARKED_REPLAYED = "parked.replayed"
    PARKED_REPLAY_FAILED = "parked.replay_failed"
    PERSON_ERASED = "person.erased"
    PERSON_EXPORTED = "person.exported"
    CONVERSATION_ERASED = "conversation.erased"
    ACCOUNT_ERASED = "account.erased"
    TENANT_ERASED = "tenant.erased"
    CONVERSATIONS_READ = "conversations.read"
    KEYS_ROTATED = "keys.rotated"


class Actor(msgspec.Struct, frozen=True):
    """Who did something."""

    kind: ActorKind
    name: str
    """The admin token's name, the user's ID, or the job."""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be recorded. It names no person and holds no text of theirs, because nothing deletes it on request."""

    actor: Actor
    action: Action
    target: str
    """What it was done to: `facebook/1001`, the ID of a parked item, a confirmation code; never a participant's ID."""
    user_id: str | None
    """The tenant whose data it concerns; None: no single one."""
    details: Details = msgspec.field(default_factory=dict)


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the audit log."""

    number: int
    at: datetime
    actor_kind: str
    actor: str
    action: str
    target: str
    user_id: str | None
    details: msgspec.Raw
    """JSON, exactly the bytes that were hashed."""
    hash: str
    """SHA-256 of the previous record's hash and of everything above, in hexadecimal."""


class ChainHead(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain starts and ends."""

    number: int
    """The last record; 0: there was none yet."""
    hash: str
    pruned_number: int
    """The last record that retention has deleted; 0: none."""
    pruned_hash: str


class ChainEnd(msgspec.Struct, frozen=True, kw_only=True):
    """Says that a chain was read to its end."""

    records: int


def record_hash(previous: bytes, record: AuditRecord) -> bytes:
    """Return the SHA-256 that a record must have.

    It covers the previous hash and every field as a netstring of UTF-8 (`3:abc,`; `-,` for none): number, time in
    microseconds since 1970 UTC, kind of actor, actor, action, target, user, details.
    """
    content = [previous]
    microseconds = (record.at - _EPOCH) // _MICROSECOND
    for field in (
        str(record.number),
        str(microseconds),
        record.actor_kind,
        record.actor,
        record.action,
        record.target,
        record.user_id,
        bytes(record.details).decode(),
    ):
        encoded = None if field is None else field.encode()
        content.append(b"-," if encoded is None else b"%d:%b," % (len(encoded), encoded))
    return sha256(b"".join(content)).digest()


class ChainCheck:
    """Verifies a chain, record by record in the order of their numbers.

    Args:
        head: where the database says that the chain starts and ends, read before the first record.
        known: hashes that were written down elsewhere, by number.
    """

    def __init__(self, head: ChainHead, known: Mapping[int, str] | None = None) -> None:
        self._head = head
        self._known = dict(known or {})
        self._number = head.pruned_number
        self._hash = bytes.fromhex(head.pruned_hash)
        self.records = 0
        """How many records were verified."""

    def broken_start(self) -> str | None:
        """Return what is wrong with the checkpoint at which the chain starts."""
        return self._against(self._number, self._hash.hex())

    def broken_by(self, record: AuditRecord) -> str | None:
        """Return what is wrong with the next record; None if it continues the chain."""
        if record.number != self._number + 1:
            return f"Record {self._number + 1} is missing: {record.number} follows {self._number}."
        if (expected := record_hash(self._hash, record).hex()) != record.hash:
            return f"Record {record.number} or the one before was changed: its hash is not {expected}."
        if (wrong := self._against(record.number, record.hash)) is not None:
            return wrong
        self._number, self._hash = record.number, bytes.fromhex(record.hash)
        self.records += 1
        return None

    def broken_end(self) -> str | None:
        """Return what is wrong with the end of the chain, once every record up to the head was verified."""
        if self._number < self._head.number:
            return f"Record {self._number + 1} is missing: the log must reach {self._head.number}."
        if self._number == self._head.number and self._hash.hex() != self._head.hash:
            return f"Record {self._number} is not the one that the log ended with."
        beyond = [number for number in self._known if number > self._number]
        return f"Record {min(beyond)} is missing: it was written down elsewhere." if beyond else None

    def _against(self, number: int, found: str) -> str | None:
        if self._known.get(number, found) == found:
            return None
        return f"Record {number} has another hash than was written down: the log was rewritten up to here."

    @property
    def position(self) -> str:
        """The last verified record as `number:hash`, to be written down elsewhere."""
        return f"{self._number}:{self._hash.hex()}"
