"""The items of webhooks, independent of the platform: one struct per kind, and `RawItem` for unknown ones.

An item about a message names it by the platform's id only; page and platform are those of the event.
"""

from datetime import datetime
from typing import Literal

import msgspec

from shared.contracts.inbox import (
    Attachment,
    Direction,
    MessageKind,
    MessageStatus,
    Referral,
    ReplyTo,
    SentVia,
)

RecordKind = Literal[
    "comment",
    "mention",
    "feed",
    "rating",
    "lead",
    "story_insights",
    "optin",
    "referral",
    "account_linking",
    "policy_enforcement",
    "thread_control",
    "app_roles",
    "message_request",
    "commerce",
    "game_play",
    "feedback",
    "call",
    "group",
    "system",
    "status",
    "platform_notice",
]
"""Kinds of records that are kept beside the threads.

`commerce`: payment, checkout_update, pre_checkout. `thread_control`: pass, take, request. `status`: a receipt that does
not belong to a message. `platform_notice`: about the account itself, for example the quality of a number.
"""


class _Kind(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """Defaults are left out on the wire, because most messages have few of the optional fields."""


class MessageItem(_Kind, frozen=True, kw_only=True, tag="message"):
    """A message of the customer, an echo of a message that the business sent, or a postback."""

    message_id: str
    message_kind: MessageKind = "message"
    direction: Direction
    sender_id: str
    content: str | None
    created_at: datetime
    is_timed: bool = True
    """False if the platform gave no time; `created_at` is then the time when the webhook arrived."""
    attachments: tuple[Attachment, ...] = ()
    reply_to: ReplyTo | None = None
    payload: str | None = None
    """The payload of the pressed button or quick reply, for the programs of the business."""
    referral: Referral | None = None
    sent_via: SentVia | None = None
    """Outgoing only."""
    error: str | None = None
    """A sentence: why the platform could not show it."""


class EditItem(_Kind, frozen=True, kw_only=True, tag="edit"):
    """A message has a new text. The greatest (revision, edited_at, text) wins."""

    message_id: str
    revision: int
    """The number of the edit; 0 if the platform does not count edits."""
    edited_at: datetime
    content: str | None
    """None if the platform only says that it was edited: the known text then stays."""


class UnsendItem(_Kind, frozen=True, kw_only=True, tag="unsend"):
    """The sender unsent a message: its content must not be shown any longer."""

    message_id: str
    unsent_at: datetime


class ReactionItem(_Kind, frozen=True, kw_only=True, tag="reaction"):
    """An actor's current reaction to a message. The greatest (reacted_at, emoji) of an actor wins."""

    message_id: str
    actor_id: str
    emoji: str | None
    """None if it was removed."""
    reacted_at: datetime


class ReceiptItem(_Kind, frozen=True, kw_only=True, tag="receipt"):
    """The delivery status of outgoing messages: the named ones, and all up to `watermark` if there is one."""

    status: MessageStatus
    at: datetime
    message_ids: tuple[str, ...] = ()
    watermark: datetime | None = None
    """Covers all outgoing messages of the page to the participant with `created_at` up to and including this."""
    covers_earlier: bool = False
    """Whether a named message also covers all earlier outgoing messages (Instagram)."""
    error: str | None = None
    """A sentence: why it failed."""


class RecordItem(_Kind, frozen=True, kw_only=True, tag="record"):
    """Something that is not part of a thread and is kept beside it, for example a comment, an opt-in or a hand-over."""

    record: RecordKind
    record_id: str
    """Identifies the record across deliveries: the platform's id and verb, or else the id of the item."""
    actor_id: str | None = None
    """Who did it, in the platform's words; for comments this is not a participant id."""
    text: str | None = None
    body: msgspec.Raw
    """The item as JSON."""


class RawItem(_Kind, frozen=True, kw_only=True, tag="raw"):
    """An item of an unknown type, stored as it arrived."""

    label: str
    """What it looks like, for example `messaging.other`; items are counted by label."""
    body: msgspec.Raw
    """The item as JSON."""


Item = MessageItem | EditItem | UnsendItem | ReactionItem | ReceiptItem | RecordItem | RawItem
