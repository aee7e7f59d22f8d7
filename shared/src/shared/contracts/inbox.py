"""What a user's inbox is made of, as clients see it: in frames and in REST answers, the same objects."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from shared.contracts.platform import Platform

Direction = Literal["incoming", "outgoing"]
FrameKind = Literal["new_message", "message_updated", "conversation_updated", "account_updated"]
MessageKind = Literal["message", "postback"]
"""A postback is a pressed button: contact of the customer, with the button's title as content."""
MessageStatus = Literal["sent", "failed", "delivered", "read", "played"]
"""In ascending order: a status only rises."""
SentVia = Literal["own_app", "page_inbox", "native_app", "other_app"]
"""What an outgoing message was sent with: an app of ours, Meta's inbox, the platform's own app, another tool."""


ResetReason = Literal["log_pruned", "epoch_changed", "position_unknown"]
"""Why a client cannot go on where it was: it was away for too long, the database was restored, or its position is
higher than the log's top."""


class Coordinates(msgspec.Struct, frozen=True, kw_only=True):
    """A place, in degrees (WGS 84)."""

    latitude: float
    longitude: float


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """Something beside the text. `type` is the platform's word; a placeholder has no `url`.

    `unsupported` stands for what the platform itself does not hand out.
    """

    type: str
    url: str | None = None
    title: str | None = None
    """Caption, file name or headline."""
    mime_type: str | None = None
    size: int | None = None
    """Bytes, when the platform says so."""
    expires_at: datetime | None = None
    """When `url` stops working, as far as it tells."""
    media_id: str | None = None
    """The platform's id of the content, where it is to be fetched by id (WhatsApp) or recognised (stickers, posts)."""
    coordinates: Coordinates | None = None
    details: dict[str, Any] | None = None
    """What else the platform says of it: contacts, orders, templates; bounded."""


class Referral(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What brought the customer: an advertisement, a link, a product."""

    source: str | None = None
    type: str | None = None
    ref: str | None = None
    ad_id: str | None = None
    title: str | None = None
    url: str | None = None
    product_id: str | None = None


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
    kind: MessageKind = "message"
    status: MessageStatus | None = None
    """How far an outgoing message has come; None for incoming ones."""
    error: str | None = None
    """Why it failed, or cannot be shown, as a sentence."""
    attachments: tuple[Attachment, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    reply_to: ReplyTo | None = None
    payload: str | None = None
    """What the pressed button or quick reply carries for the business's own programs."""
    referral: Referral | None = None
    sent_via: SentVia | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    """When it was unsent; `content`, `attachments`, `payload`, `referral` and the replied-to story are then gone."""
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    client_ref: str | None = None
    """The sender's own reference of an outgoing message, unique per user."""


class LinkedConversation(msgspec.Struct, frozen=True, kw_only=True):
    """The same person under another id: WhatsApp knows people by phone number and by business-scoped user id."""

    participant_id: str
    conversation_id: str
    """Computed: the conversation need not exist."""


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
    linked: tuple[LinkedConversation, ...] = ()
    """By participant id."""


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


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Something the platform told that is no part of a thread: comments, opt-ins and hand-overs for example."""

    record_id: str
    kind: str
    platform: Platform
    page_id: str
    participant_id: str | None
    actor_id: str | None
    text: str | None
    occurred_at: datetime
    body: msgspec.Raw
    """The item as the platform sent it, JSON."""


class HelloFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `hello`, the first frame of every connection."""

    seq: int
    """The top of the log."""
    epoch: str
    """Of the log's numbers: another one after the database was restored."""
    resumed: bool
    """Whether everything after the position that the client named follows; otherwise the stream begins after `seq`."""
    heartbeat_seconds: float


class HeartbeatFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `heartbeat`."""

    seq: int
    """Everything up to here was sent on this connection."""


class ResetFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `reset`: what the client holds cannot be continued; it loads anew and goes on after `seq`."""

    seq: int
    epoch: str
    reason: ResetReason


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """A person in front of the inbox, at one device."""

    id: str
    """What the device calls itself, or a random one for the connection."""
    name: str | None = None
    """As the user's token says it."""


class TypingFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `typing`: somebody writes an answer."""

    conversation_id: str
    who: Who
    until: datetime
    """Then it is over, unless it was said again (UTC)."""


class PresenceFrame(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of `presence`: a device of the same user has come, has gone, or looks at something else."""

    who: Who
    online: bool
    viewing: str | None
    """The conversation on its screen."""


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
