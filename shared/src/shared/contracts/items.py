"""What an item of a webhook says, whatever the platform: one struct a kind, and `RawItem` for what has none.

A fact about a message names it by the platform's id alone; the page and the platform are those of the event.
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
"""What is kept beside the threads. `commerce`: payment, checkout_update, pre_checkout. `thread_control`: pass, take,
request. `status`: a receipt that is none of a message's. `platform_notice`: about the account itself, e.g. a number's
quality."""


class _Kind(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """Defaults are left out on the wire: most messages have none of what they stand for."""


class MessageItem(_Kind, frozen=True, kw_only=True, tag="message"):
    """A message of the customer, an echo of what the business sent, or a postback."""

    message_id: str
    message_kind: MessageKind = "message"
    direction: Direction
    sender_id: str
    content: str | None
    created_at: datetime
    is_timed: bool = True
    """False: the platform told no time at all, and `created_at` is when the webhook arrived."""
    attachments: tuple[Attachment, ...] = ()
    reply_to: ReplyTo | None = None
    payload: str | None = None
    """What the pressed button or quick reply carries for the business's own programs."""
    referral: Referral | None = None
    sent_via: SentVia | None = None
    """Outgoing only."""
    error: str | None = None
    """Why the platform could not show it, as a sentence."""


class EditItem(_Kind, frozen=True, kw_only=True, tag="edit"):
    """A message has a new text. The greatest (revision, edited_at, text) counts."""

    message_id: str
    revision: int
    """Which edit of the message it is; 0 where the platform does not count."""
    edited_at: datetime
    content: str | None
    """None where the platform tells only that it was edited: the known text then stays."""


class UnsendItem(_Kind, frozen=True, kw_only=True, tag="unsend"):
    """A message was taken back by whoever wrote it: what it said must not be shown any more."""

    message_id: str
    unsent_at: datetime


class ReactionItem(_Kind, frozen=True, kw_only=True, tag="reaction"):
    """An actor's reaction to a message is now this. The greatest (reacted_at, emoji) of an actor counts."""

    message_id: str
    actor_id: str
    emoji: str | None
    """None: it was taken back."""
    reacted_at: datetime


class ReceiptItem(_Kind, frozen=True, kw_only=True, tag="receipt"):
    """How far outgoing messages have come: the named ones, and all up to `watermark` where there is one."""

    status: MessageStatus
    at: datetime
    message_ids: tuple[str, ...] = ()
    watermark: datetime | None = None
    """Covers every outgoing message of the page to the participant with `created_at` up to and including this."""
    covers_earlier: bool = False
    """Whether a named message also stands for all that went out before it (Instagram)."""
    error: str | None = None
    """Why it failed, as a sentence."""


class RecordItem(_Kind, frozen=True, kw_only=True, tag="record"):
    """Something that is no part of a thread and is kept beside it: comments, opt-ins and hand-overs for example."""

    record: RecordKind
    record_id: str
    """What makes two sightings of it one: the platform's id and verb, else the id of the item."""
    actor_id: str | None = None
    """Who did it, as the platform names them there; not a participant's id for comments."""
    text: str | None = None
    body: msgspec.Raw
    """The item, JSON."""


class RawItem(_Kind, frozen=True, kw_only=True, tag="raw"):
    """An item that is kept as it came, because no type is known for it."""

    label: str
    """What it looks like, e.g. `messaging.other`; counted by it."""
    body: msgspec.Raw
    """The item, JSON."""


Item = MessageItem | EditItem | UnsendItem | ReactionItem | ReceiptItem | RecordItem | RawItem
