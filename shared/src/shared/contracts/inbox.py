"""The objects of a user's inbox, as clients see them: the same in frames and in REST responses."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from shared.contracts.platform import Platform

Direction = Literal["incoming", "outgoing"]
FrameKind = Literal["new_message", "message_updated", "conversation_updated", "conversation_removed", "account_updated"]
MessageKind = Literal["message", "postback"]
"""A postback is a button that the customer pressed; its content is the button's title."""
MessageStatus = Literal["sent", "failed", "delivered", "read", "played"]
"""In ascending order: a status never goes back."""
SentVia = Literal["own_app", "page_inbox", "native_app", "other_app"]
"""What an outgoing message was sent with: our app, Meta's inbox, the platform's own app, or another tool."""


ResetReason = Literal["log_pruned", "epoch_changed", "position_unknown"]
"""Why a client cannot resume: it was offline for too long, the database was restored, or its position is beyond the top
of the log."""


class Coordinates(msgspec.Struct, frozen=True, kw_only=True):
    """A place, in degrees (WGS 84)."""

    latitude: float
    longitude: float


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment of a message. `type` is the platform's term; a placeholder has no `url`.

    `unsupported` means that the platform itself does not provide the content.
    """

    type: str
    url: str | None = None
    title: str | None = None
    """Caption, file name or headline."""
    mime_type: str | None = None
    size: int | None = None
    """Size in bytes, if the platform provides it."""
    expires_at: datetime | None = None
    """When `url` expires, if that is known."""
    media_id: str | None = None
    """The platform's id of the content, if it is fetched by id (WhatsApp) or identifies it (stickers, posts)."""
    coordinates: Coordinates | None = None
    details: dict[str, Any] | None = None
    """Further data of the platform, such as contacts, orders and templates; limited in size."""


class Referral(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the customer came from: an advertisement, a link or a product."""

    source: str | None = None
    type: str | None = None
    ref: str | None = None
    ad_id: str | None = None
    title: str | None = None
    url: str | None = None
    product_id: str | None = None


class Reaction(msgspec.Struct, frozen=True, kw_only=True):
    """An actor's current reaction to a message."""

    actor_id: str
    emoji: str
    at: datetime


class ReplyTo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message replies to: another message or a story."""

    message_id: str | None = None
    story: dict[str, Any] | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The current state of a message."""

    id: int
    """Unique in the user's inbox: the `seq` of the change that created the message."""
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
    """None while the name is unknown."""
    content: str | None
    """The text; None if there is none or the message was unsent."""
    created_at: datetime
    """The platform's time (UTC)."""
    kind: MessageKind = "message"
    status: MessageStatus | None = None
    """The delivery status of an outgoing message; None for incoming ones."""
    error: str | None = None
    """A sentence: why it failed or cannot be shown."""
    attachments: tuple[Attachment, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    reply_to: ReplyTo | None = None
    payload: str | None = None
    """The payload of the pressed button or quick reply, for the programs of the business."""
    referral: Referral | None = None
    sent_via: SentVia | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    """When it was unsent; this removes `content`, `attachments`, `payload`, `referral` and the story in `reply_to`."""
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    client_ref: str | None = None
    """The sender's own reference for an outgoing message, unique per user."""


class LinkedConversation(msgspec.Struct, frozen=True, kw_only=True):
    """The same person with another id: WhatsApp identifies people by phone number and by business-scoped user id."""

    participant_id: str
    conversation_id: str
    """Computed; the conversation may not exist."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """The current state of a conversation: one customer on one platform, in the inbox of one user."""

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
    """The `seq` of its last change. A client that has a newer one keeps it."""
    linked: tuple[LinkedConversation, ...] = ()
    """Sorted by participant id."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A page, Instagram account or WhatsApp number that a user has connected."""

    platform: Platform
    page_id: str
    user_id: str
    name: str | None
    status: Literal["connected", "disconnected", "needs_reauthorization"]
    reason: str | None = None
    """A sentence: why it is not connected."""
    connected_at: datetime | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not part of a thread, for example a comment, an opt-in or a hand-over."""

    record_id: str
    kind: str
    platform: Platform
    page_id: str
    participant_id: str | None
    actor_id: str | None
    text: str | None
    occurred_at: datetime
    body: msgspec.Raw
    """The item as the platform sent it, in JSON."""


class HelloFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `hello`, the first frame of every connection."""

    seq: int
    """The top of the log."""
    epoch: str
    """Identifies the numbering of the log; it changes when the database is restored."""
    resumed: bool
    """Whether everything after the client's position follows; otherwise the stream starts after `seq`."""
    heartbeat_seconds: float


class HeartbeatFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `heartbeat`."""

    seq: int
    """Everything up to here has been sent on this connection."""


class ResetFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `reset`: the client cannot resume. It must load its state again and continue after `seq`."""

    seq: int
    epoch: str
    reason: ResetReason


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """A person who uses the inbox on one device."""

    id: str
    """The id that the device chose, or a random one for the connection."""
    name: str | None = None
    """The name in the user's token."""


class TypingFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `typing`: somebody is writing a reply."""

    conversation_id: str
    who: Who
    until: datetime
    """When it expires, unless it is repeated (UTC)."""


class PresenceFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `presence`: a device of the same user came online, went offline, or shows another conversation."""

    who: Who
    online: bool
    viewing: str | None
    """The conversation on its screen."""


class MessageFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `new_message` and `message_updated`: the complete current state of both objects."""

    conversation_id: str
    message: Message
    conversation: Conversation


class ConversationFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `conversation_updated`."""

    conversation: Conversation


class ConversationRemovedFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `conversation_removed`: the conversation and its messages were erased. Drop everything of it."""

    conversation_id: str


class AccountFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `account_updated`."""

    account: Account
