"""What a user's inbox is made of, as clients see it: in frames and in REST answers, the same objects."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from shared.contracts.platform import Platform

Direction = Literal["incoming", "outgoing"]
FrameKind = Literal["new_message", "message_updated", "conversation_updated", "account_updated"]
MessageStatus = Literal["sent", "failed", "delivered", "read", "played"]


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """Something beside the text. `type` is the platform's word; a placeholder has no `url`."""

    type: str
    url: str | None = None
    title: str | None = None
    mime_type: str | None = None
    size: int | None = None
    """Bytes, when the platform says so."""
    expires_at: datetime | None = None
    """When `url` stops working, as far as it tells."""


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """One actor's present reaction to a message."""

    actor_id: str
    emoji: str
    at: datetime


class ReplyTo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message answers: another message, or a story."""

    message_id: str | None = None
    story: dict[str, Any] | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is now."""

    id: int
    """Unique in the user's inbox: the `seq` of the change that created it."""
    seq: int
    """The `seq` of its last change."""
    message_id: str
    """The platform's id."""
    conversation_id: str
    platform: Platform
    page_id: str
    direction: Direction
    sender_id: str
    sender_name: str | None
    """None while nobody knows the name."""
    content: str | None
    """The text; None where there is none and where it was unsent."""
    created_at: datetime
    """The platform's time, UTC."""
    status: MessageStatus | None = None
    """How far an outgoing message has come; None for incoming ones."""
    attachments: tuple[Attachment, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    reply_to: ReplyTo | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    client_ref: str | None = None
    """The sender's own reference of an outgoing message, unique per user."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as it is now: one customer on one platform, of one user."""

    conversation_id: str
    platform: Platform
    participant_id: str
    participant_name: str | None
    participant_username: str | None
    participant_profile_pic: str | None
    last_message: Message | None
    last_message_at: datetime | None
    unread_count: int
    last_seq: int
    """The `seq` of its last change: whoever holds a newer one keeps it."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A page, Instagram account or WhatsApp number that a user has connected."""

    platform: Platform
    page_id: str
    user_id: str
    name: str | None
    status: Literal["connected", "disconnected", "needs_reauthorization"]
    reason: str | None = None
    """Why it is not simply connected, as a sentence."""
    connected_at: datetime | None = None


class MessageFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `new_message` and `message_updated`: both objects whole, as they are now."""

    conversation_id: str
    message: Message
    conversation: Conversation


class ConversationFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `conversation_updated`."""

    conversation: Conversation


class AccountFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `account_updated`."""

    account: Account
