"""Rows as the merge sees them, and the changes that it decides on."""

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
from store.core.annotations import NO_ANNOTATIONS, Annotations, earliest
from store.core.facts import Cause, ItemKey, MessageKey
from store.core.ledger import ItemEntry


class ConversationKey(NamedTuple):
    """Identifies a conversation."""

    user_id: str
    conversation_id: str


class ParticipantKey(NamedTuple):
    """Identifies a participant of one user."""

    user_id: str
    platform: str
    participant_id: str


class Thread(NamedTuple):
    """The messages between one page and one participant: the scope of a watermark receipt."""

    user_id: str
    platform: str
    page_id: str
    participant_id: str


class Receipt(NamedTuple):
    """A watermark receipt: at time `at`, everything sent in the thread up to `upto` had this status."""

    thread: Thread
    status: Literal["delivered", "read"]
    upto: datetime
    at: datetime


class Coverage(NamedTuple):
    """The times of the earliest watermark receipts that cover a message."""

    delivered_at: datetime | None
    read_at: datetime | None

    def with_receipt(self, receipt: Receipt) -> "Coverage":
        """Return the coverage of a message that `receipt` covers as well."""
        if receipt.status == "read":
            return Coverage(self.delivered_at, earliest(self.read_at, receipt.at))
        return Coverage(earliest(self.delivered_at, receipt.at), self.read_at)

    def time_of(self, status: Literal["delivered", "read"]) -> datetime | None:
        """Return the time of the earliest receipt with that status."""
        return self.read_at if status == "read" else self.delivered_at


UNCOVERED = Coverage(None, None)


class PendingAnnotations(msgspec.Struct, frozen=True):
    """What was said about a message that has not arrived, and the items that said it."""

    annotations: Annotations
    items: tuple[ItemKey, ...]
    participant_id: str | None = None
    """The customer that the items name, so that an erasure finds them."""


class MessageOrder(NamedTuple):
    """The total order of a conversation's messages, independent of the order of arrival."""

    created_at: datetime
    message_id: str
    page_id: str
    kind: str


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `messages`. Its contents are derived from a description and annotations by `visible.visible`."""

    key: MessageKey
    id: int
    seq: int
    conversation_id: str
    digest: bytes
    """Of the winning description, which may differ from what the row shows: it may have been edited. Without content
    if the message was unsent."""
    direction: Direction
    sender_id: str
    content: str | None
    created_at: datetime
    status: MessageStatus | None
    error: str | None = None
    attachments: tuple[Attachment, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    reply_to: ReplyTo | None = None
    payload: str | None = None
    referral: Referral | None = None
    sent_via: SentVia | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    client_ref: str | None = None
    annotations: Annotations = NO_ANNOTATIONS
    coverage: Coverage = UNCOVERED
    """In a loaded row: its own `delivered_at` and `read_at`, valid as long as `created_at` stays the same."""

    @property
    def order(self) -> MessageOrder:
        """Its place in the conversation."""
        return MessageOrder(self.created_at, self.key.message_id, self.key.page_id, self.key.kind)


class ConversationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `conversations`, with the order of its last message."""

    key: ConversationKey
    platform: Platform
    participant_id: str
    profile: Profile | None
    last_message_id: int
    last_message: MessageOrder
    """Loaded without its IDs if no update has the same time, because they decide ties only."""
    unread_count: int
    read_seq: int
    last_seq: int
    created_at: datetime
    """The platform's time of the earliest message."""
    aliases: tuple[str, ...] = ()
    """Other IDs of the participant, sorted."""


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


class LoadedState(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of everything that a batch of updates touches, read under the users' locks."""

    last_seqs: dict[str, int]
    messages: dict[MessageKey, MessageRow] = {}
    """Those that the updates name, and those that a watermark receipt may change."""
    conversations: dict[ConversationKey, ConversationRow] = {}
    pending_profiles: dict[ParticipantKey, Profile] = {}
    links: dict[ParticipantKey, frozenset[str]] = {}
    """Aliases of participants without a conversation."""
    pending_annotations: dict[MessageKey, PendingAnnotations] = {}
    """For messages that have not arrived."""
    coverage: dict[tuple[Thread, datetime], Coverage] = {}
    """For every time that matters: when messages were sent, and the watermarks of receipts."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What to write, in one transaction."""

    new_messages: list[MessageRow] = []
    changed_messages: list[MessageRow] = []
    """Including those that look the same to users."""
    conversations: list[ConversationRow] = []
    """New and changed ones."""
    pending_profiles: dict[ParticipantKey, Profile] = {}
    """To be stored until their conversation exists."""
    claimed_profiles: list[ParticipantKey] = []
    """No longer pending: their conversation exists."""
    pending_annotations: dict[MessageKey, PendingAnnotations] = {}
    """To be stored until their message arrives; each replaces what is stored."""
    claimed_annotations: list[MessageKey] = []
    """No longer pending: their message has arrived."""
    receipts: list[Receipt] = []
    """To be stored; each replaces those that it makes redundant."""
    links: list[tuple[ParticipantKey, str]] = []
    """New aliases, in both directions."""
    log: list[LogEntry] = []
    last_seqs: dict[str, int] = {}
    """Only of users whose seq has changed."""
    refused: dict[str, str] = {}
    """Reasons, by event ID."""
    outcomes: dict[ItemKey, ItemEntry] = {}
    """The outcome of every item that was not refused."""
    resolved_items: list[ItemKey] = []
    """Items that were pending before, and have been applied now."""
