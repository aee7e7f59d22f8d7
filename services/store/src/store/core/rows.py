"""Rows as the merge sees them, and what it wants written."""

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from shared.contracts import Platform, Profile
from shared.contracts.inbox import (
    Attachment,
    Direction,
    FrameKind,
    MessageStatus,
    Reaction,
    Referral,
    ReplyTo,
    SentVia,
)
from store.core.annotations import NOTHING, Annotations, earliest
from store.core.facts import Cause, ItemPosition, NaturalKey
from store.core.ledger import ItemEntry


class ConversationKey(NamedTuple):
    """Primary key of a conversation."""

    user_id: str
    conversation_id: str


class ParticipantKey(NamedTuple):
    """A customer of one user."""

    user_id: str
    platform: str
    participant_id: str


class Thread(NamedTuple):
    """What a page and a customer say to each other: what receipts up to a time are about."""

    user_id: str
    platform: str
    page_id: str
    participant_id: str


class Receipt(NamedTuple):
    """Everything of its thread that went out up to `upto` had come this far at `at`."""

    thread: Thread
    status: Literal["delivered", "read"]
    upto: datetime
    at: datetime


class Coverage(NamedTuple):
    """The earliest receipts up to a time that cover a message."""

    delivered_at: datetime | None
    read_at: datetime | None

    def with_receipt(self, receipt: Receipt) -> "Coverage":
        """Return the coverage of what `receipt` covers too."""
        if receipt.status == "read":
            return Coverage(self.delivered_at, earliest(self.read_at, receipt.at))
        return Coverage(earliest(self.delivered_at, receipt.at), self.read_at)

    def of(self, status: Literal["delivered", "read"]) -> datetime | None:
        """Return the earliest receipt of that status."""
        return self.read_at if status == "read" else self.delivered_at


UNCOVERED = Coverage(None, None)


class Waiting(msgspec.Struct, frozen=True):
    """What was said about a message that has not come, and by which items."""

    annotations: Annotations
    items: tuple[ItemPosition, ...]


class MessageOrder(NamedTuple):
    """The total order of a conversation's messages, the same whatever came first."""

    created_at: datetime
    message_id: str
    page_id: str
    kind: str


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `messages`: what it says is derived from its description and its annotations by `visible.visible`."""

    key: NaturalKey
    id: int
    seq: int
    conversation_id: str
    direction: Direction
    sender_id: str
    content: str | None
    created_at: datetime
    digest: bytes
    """Of the description that counts, which need not be what the row says: it may have been edited or unsent."""
    status: MessageStatus | None
    attachments: tuple[Attachment, ...] = ()
    reply_to: ReplyTo | None = None
    payload: str | None = None
    referral: Referral | None = None
    sent_via: SentVia | None = None
    error: str | None = None
    reactions: tuple[Reaction, ...] = ()
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    annotations: Annotations = NOTHING
    coverage: Coverage = UNCOVERED
    """Of a row that was loaded: its `delivered_at` and `read_at`, which hold as long as `created_at` does."""

    @property
    def order(self) -> MessageOrder:
        """Its place in the conversation."""
        return MessageOrder(self.created_at, self.key.message_id, self.key.page_id, self.key.kind)

    @property
    def is_plain(self) -> bool:
        """Whether it is as its only description says and nothing more is known."""
        return self.seq == self.id and self.annotations is NOTHING and self.delivered_at is None


class ConversationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `conversations`, with the order of its last message."""

    key: ConversationKey
    platform: Platform
    participant_id: str
    profile: Profile | None
    last_message_id: int
    last_message: MessageOrder
    """Loaded without its ids where no arrival has the same time, because they then decide nothing."""
    unread_count: int
    read_seq: int
    last_seq: int
    created_at: datetime
    """The platform's time of its earliest message."""
    aliases: tuple[str, ...] = ()
    """Other ids of the participant, sorted."""


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `inbox_log`."""

    user_id: str
    seq: int
    kind: FrameKind
    cause: Cause
    message_id: int | None = None
    conversation_id: str | None = None
    platform: str | None = None
    page_id: str | None = None


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of everything that the arrivals touch, read under the users' locks."""

    last_seqs: dict[str, int]
    messages: dict[NaturalKey, MessageRow] = {}
    """Those that are named, and those that a receipt up to a time may change."""
    conversations: dict[ConversationKey, ConversationRow] = {}
    waiting_profiles: dict[ParticipantKey, Profile] = {}
    links: dict[ParticipantKey, frozenset[str]] = {}
    """Aliases of participants who have no conversation."""
    waiting_annotations: dict[NaturalKey, Waiting] = {}
    """For messages that are not there."""
    coverage: dict[tuple[Thread, datetime], Coverage] = {}
    """For every time that decides something: when messages went out, and up to which receipts go."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written, in one transaction."""

    new_messages: list[MessageRow] = []
    changed_messages: list[MessageRow] = []
    """Also those that look as before, with something to be remembered."""
    conversations: list[ConversationRow] = []
    """New and changed ones."""
    waiting_profiles: dict[ParticipantKey, Profile] = {}
    """To be kept until their conversation comes."""
    claimed_profiles: list[ParticipantKey] = []
    """No longer waiting: their conversation is there."""
    waiting_annotations: dict[NaturalKey, Waiting] = {}
    """To be kept until their message comes, in place of what is kept."""
    claimed_annotations: list[NaturalKey] = []
    """No longer waiting: their message is there."""
    receipts: list[Receipt] = []
    """To be kept, and to be rid of those that they make superfluous."""
    links: list[tuple[ParticipantKey, str]] = []
    """Aliases that were not known, in both directions."""
    log: list[LogEntry] = []
    last_seqs: dict[str, int] = {}
    """Only the users whose number has changed."""
    refused: dict[str, str] = {}
    """Reason by id of the event."""
    outcomes: dict[ItemPosition, ItemEntry] = {}
    """What has become of each item, of those that were not refused."""
    settled: list[ItemPosition] = []
    """Items that waited for their message before, and have been applied now."""
