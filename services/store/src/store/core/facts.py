"""What one event says about one inbox, independent of how the event arrived."""

from datetime import datetime
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec

from shared.contracts import Platform, Profile
from shared.contracts.inbox import Attachment, Direction, Referral, ReplyTo, SentVia
from store.core.annotations import Annotations

_DIGEST_BYTES = 16
_canonical = msgspec.json.Encoder(order="sorted")
_description = attrgetter("sender_id", "content", "attachments", "reply_to", "payload", "referral", "sent_via", "error")


class Cause(msgspec.Struct, frozen=True):
    """The event that caused a change."""

    id: str
    occurred_at: datetime
    received_at: datetime


class ItemKey(NamedTuple):
    """Identifies an item: its webhook, and its place in it."""

    webhook_id: str
    item_index: int


class MessageKey(NamedTuple):
    """Identifies a message. The platform's ID alone does not: an edit or a postback may carry the same one."""

    user_id: str
    platform: str
    page_id: str
    kind: str
    message_id: str


class MessageFact(msgspec.Struct, frozen=True, kw_only=True):
    """A message as the platform described it."""

    key: MessageKey
    direction: Direction
    sender_id: str
    content: str | None
    created_at: datetime
    is_timed: bool = True
    """False: `created_at` is only the time of arrival, which says nothing about a message that is stored already."""
    attachments: tuple[Attachment, ...] = ()
    reply_to: ReplyTo | None = None
    payload: str | None = None
    referral: Referral | None = None
    sent_via: SentVia | None = None
    error: str | None = None

    @property
    def digest(self) -> bytes:
        """What it says, as hashes: with `created_at` they decide which of two descriptions counts."""
        return description_digest(self)


def description_digest(described: object) -> bytes:
    """Return the hashes of a description, be it a `MessageFact` or a row with the same attributes.

    The first one is of what an unsent message keeps, and the second of everything. So the order of two descriptions
    does not depend on whether the message was unsent before or after they arrived; see `without_content`.
    """
    return _hash(_outline(described)) + _hash(_description(described))


def without_content(digest: bytes) -> bytes:
    """Return the part of a `description_digest` that contains no trace of the content: all that is kept of an unsend.

    The hash of a short text would give the text away to whoever guesses it.
    """
    return digest[:_DIGEST_BYTES]


def is_complete(digest: bytes) -> bool:
    """Return whether it is a `description_digest`. Rows from before it had two parts have another hash."""
    return len(digest) == 2 * _DIGEST_BYTES


def _outline(described: Any) -> tuple[str, str | None, SentVia | None]:
    reply_to = described.reply_to
    return (described.sender_id, None if reply_to is None else reply_to.message_id, described.sent_via)


def _hash(described: object) -> bytes:
    return blake2b(_canonical.encode(described), digest_size=_DIGEST_BYTES).digest()


class Annotation(NamedTuple):
    """What one item says about a message."""

    key: MessageKey
    annotations: Annotations


class Watermark(msgspec.Struct, frozen=True):
    """At time `at`, everything sent up to `upto` had this status."""

    status: Literal["delivered", "read"]
    upto: datetime
    at: datetime


class RecordFact(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is stored beside the conversations."""

    kind: str
    record_id: str
    actor_id: str | None
    text: str | None
    body: str


class RawFact(msgspec.Struct, frozen=True):
    """An item of an unknown type, stored unchanged."""

    label: str
    body: str


class LookupResult(msgspec.Struct, frozen=True):
    """How a profile lookup ended."""

    retry_at: datetime | None
    """When to look it up again; None: never."""


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One event as the store applies it: everything that it says about one inbox."""

    cause: Cause
    item: ItemKey | None = None
    """None: it is not an item of a webhook."""
    kind: str = ""
    """The item's kind, for the ledger: `message`, `edit`, `record.comment`, …, or the label of a raw item."""
    is_ignored: bool = False
    """Whether the item says nothing that could be stored."""
    user_id: str
    platform: Platform
    page_id: str
    participant_id: str | None
    conversation_id: str | None
    profile: Profile | None = None
    aliases: tuple[str, ...] = ()
    """Other IDs of the participant."""
    message: MessageFact | None = None
    annotations: tuple[Annotation, ...] = ()
    """What it says about messages."""
    watermark: Watermark | None = None
    """Only with a participant: it covers what was sent to them."""
    record: RecordFact | None = None
    raw: RawFact | None = None
    lookup_result: LookupResult | None = None

    @property
    def changes_inbox(self) -> bool:
        """Whether it may change what a user sees: then the user's counter row must be locked."""
        return (
            self.message is not None
            or bool(self.annotations)
            or self.watermark is not None
            or (self.participant_id is not None and (self.profile is not None or bool(self.aliases)))
        )
