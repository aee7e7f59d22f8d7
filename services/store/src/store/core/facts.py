"""What one event says about one inbox, independent of how the event arrived."""

from datetime import datetime
from hashlib import blake2b
from operator import attrgetter
from typing import Literal, NamedTuple

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
        """What it says, as a hash: with `created_at` it decides which of two descriptions counts."""
        return description_digest(self)


def description_digest(described: object) -> bytes:
    """Return the hash of a description, be it a `MessageFact` or a row with the same attributes."""
    return blake2b(_canonical.encode(_description(described)), digest_size=_DIGEST_BYTES).digest()


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
