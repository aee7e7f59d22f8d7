"""What an event says about an inbox, apart from how it came."""

from datetime import datetime
from hashlib import blake2b
from typing import Literal, NamedTuple

import msgspec

from shared.contracts import Platform, Profile
from shared.contracts.inbox import Attachment, Direction, Referral, ReplyTo, SentVia
from store.core.annotations import Annotations

_DIGEST_BYTES = 16
_canonical = msgspec.json.Encoder(order="sorted")


class Cause(msgspec.Struct, frozen=True):
    """The event behind a change."""

    id: str
    occurred_at: datetime
    received_at: datetime


class ItemPosition(NamedTuple):
    """Which item of which webhook: what the ledger knows items by."""

    webhook_id: str
    item_index: int


class NaturalKey(NamedTuple):
    """What makes two sightings of a message one message: a platform's id alone may be that of an edit or a postback."""

    user_id: str
    platform: str
    page_id: str
    kind: str
    message_id: str


class MessageFact(msgspec.Struct, frozen=True, kw_only=True):
    """A message as the platform described it."""

    key: NaturalKey
    direction: Direction
    sender_id: str
    content: str | None
    created_at: datetime
    is_timed: bool = True
    """False: `created_at` is only when it arrived, and tells nothing about a message that is known."""
    attachments: tuple[Attachment, ...] = ()
    reply_to: ReplyTo | None = None
    payload: str | None = None
    referral: Referral | None = None
    sent_via: SentVia | None = None
    error: str | None = None

    @property
    def digest(self) -> bytes:
        """What it says, as a hash: with `created_at` it decides which of two descriptions counts."""
        return description_digest(
            self.sender_id,
            self.content,
            self.attachments,
            self.reply_to,
            self.payload,
            self.referral,
            self.sent_via,
            self.error,
        )


def description_digest(*said: object) -> bytes:
    """Return the hash of a description: sender, content, attachments, reply_to, payload, referral, sent_via, error."""
    return blake2b(_canonical.encode(said), digest_size=_DIGEST_BYTES).digest()


class Said(NamedTuple):
    """What an item says about a message."""

    key: NaturalKey
    annotations: Annotations


class Watermark(msgspec.Struct, frozen=True):
    """Everything that went out up to `upto` had come this far at `at`."""

    status: Literal["delivered", "read"]
    upto: datetime
    at: datetime


class RecordFact(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is kept beside the threads."""

    kind: str
    record_id: str
    actor_id: str | None
    text: str | None
    body: str


class RawFact(msgspec.Struct, frozen=True):
    """An item of no known type, as it came."""

    label: str
    body: str


class LookupEnd(msgspec.Struct, frozen=True):
    """A profile look-up has ended."""

    retry_at: datetime | None
    """When to look again; None: never."""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one event says about one inbox."""

    cause: Cause
    position: ItemPosition | None = None
    """None: it is no item of a webhook."""
    kind: str = ""
    """The item's kind, for the ledger: `message`, `edit`…, `record.comment`…, the label of a raw item."""
    is_ignored: bool = False
    """Whether the item says nothing that anybody could keep."""
    user_id: str
    platform: Platform
    page_id: str
    participant_id: str | None
    conversation_id: str | None
    profile: Profile | None = None
    aliases: tuple[str, ...] = ()
    """Other ids of the participant."""
    message: MessageFact | None = None
    about: tuple[Said, ...] = ()
    watermark: Watermark | None = None
    """Only with a participant: it is about what was sent to them."""
    record: RecordFact | None = None
    raw: RawFact | None = None
    lookup_end: LookupEnd | None = None

    @property
    def changes_inbox(self) -> bool:
        """Whether it may change what a user sees, so that the user's counter row has to be locked."""
        return (
            self.message is not None
            or bool(self.about)
            or self.watermark is not None
            or (self.participant_id is not None and (self.profile is not None or bool(self.aliases)))
        )
