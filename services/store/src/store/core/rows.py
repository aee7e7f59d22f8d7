"""Rows as the merge sees them, and what it wants written."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from shared.contracts import Platform, Profile
from shared.contracts.inbox import Attachment, Direction, FrameKind, MessageStatus, ReplyTo
from store.core.facts import Cause, NaturalKey


class ConversationKey(NamedTuple):
    """Primary key of a conversation."""

    user_id: str
    conversation_id: str


class ParticipantKey(NamedTuple):
    """A customer of one user."""

    user_id: str
    platform: str
    participant_id: str


class MessageOrder(NamedTuple):
    """The total order of a conversation's messages, the same whatever came first."""

    created_at: datetime
    message_id: str
    page_id: str
    kind: str


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `messages`, as far as a merge needs it."""

    key: NaturalKey
    id: int
    seq: int
    conversation_id: str
    direction: Direction
    sender_id: str
    content: str | None
    created_at: datetime
    status: MessageStatus | None
    attachments: tuple[Attachment, ...]
    reply_to: ReplyTo | None

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
    """Loaded without its ids where no arrival has the same time, because they then decide nothing."""
    unread_count: int
    read_seq: int
    last_seq: int
    created_at: datetime
    """The platform's time of its earliest message."""


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
    messages: dict[NaturalKey, MessageRow]
    conversations: dict[ConversationKey, ConversationRow]
    waiting_profiles: dict[ParticipantKey, Profile]


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written, in one transaction."""

    new_messages: list[MessageRow]
    changed_messages: list[MessageRow]
    conversations: list[ConversationRow]
    """New and changed ones."""
    waiting_profiles: dict[ParticipantKey, Profile]
    """To be kept until their conversation comes."""
    claimed_profiles: list[ParticipantKey]
    """No longer waiting: their conversation is there."""
    log: list[LogEntry]
    last_seqs: dict[str, int]
    """Only the users whose number has changed."""
    refused: dict[str, str]
    """Reason by id of the event."""
