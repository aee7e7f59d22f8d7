"""From columns to the objects that clients see: the one way, for frames, REST answers and what is published again."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from shared.contracts import Platform
from shared.contracts import conversation_id as conversation_id_of
from shared.contracts.inbox import (
    Account,
    AccountFrame,
    Attachment,
    Conversation,
    ConversationFrame,
    FrameKind,
    LinkedConversation,
    Message,
    MessageFrame,
    Reaction,
    Referral,
    ReplyTo,
)

_attachments = msgspec.json.Decoder(tuple[Attachment, ...])
_reactions = msgspec.json.Decoder(tuple[Reaction, ...])
_reply_to = msgspec.json.Decoder(ReplyTo)
_referral = msgspec.json.Decoder(Referral)
_aliases = msgspec.json.Decoder(tuple[str, ...])
_json = msgspec.json.Encoder()

_MESSAGE = (
    "id",
    "seq",
    "message_id",
    "conversation_id",
    "platform",
    "page_id",
    "direction",
    "sender_id",
    "content",
    "created_at",
    "status",
    "attachments::text",
    "reactions::text",
    "reply_to::text",
    "edited_at",
    "deleted_at",
    "delivered_at",
    "read_at",
    "client_ref",
    "kind",
    "error",
    "payload",
    "referral::text",
    "sent_via",
)
_CONVERSATION = (
    "conversation_id",
    "platform",
    "participant_id",
    "participant_name",
    "participant_username",
    "participant_profile_pic",
    "last_message_id",
    "last_message_at",
    "unread_count",
    "last_seq",
    "user_id",
    "aliases::text",
)
_ACCOUNT = (
    "platform",
    "page_id",
    "user_id",
    "name",
    "status",
    "reason",
    "connected_at",
)
MESSAGE_WIDTH, CONVERSATION_WIDTH, ACCOUNT_WIDTH = len(_MESSAGE), len(_CONVERSATION), len(_ACCOUNT)


def _of(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{column}" for column in columns)


def message_columns(alias: str) -> str:
    """Return the columns of a message, for a SELECT over `messages alias`."""
    return _of(alias, _MESSAGE)


def conversation_columns(alias: str) -> str:
    """Return the columns of a conversation without its last message, for a SELECT over `conversations alias`."""
    return _of(alias, _CONVERSATION)


def account_columns(alias: str) -> str:
    """Return the columns of an account, for a SELECT over `accounts alias`."""
    return _of(alias, _ACCOUNT)


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change, rendered from the rows as they are now, with what its event needs."""

    user_id: str
    seq: int
    kind: FrameKind
    data: msgspec.Raw
    cause_id: str
    occurred_at: datetime
    received_at: datetime
    account: Account | None
    """The account of an `account_updated`."""
    page_version: int
    """The version of that account's page."""


def message_of(columns: Sequence[Any], *, participant: Sequence[Any], account_name: str | None) -> Message:
    """Return the message in `columns`.

    Args:
        columns: the values of `message_columns`.
        participant: the values of its conversation's `conversation_columns`, where an incoming one's sender is named.
        account_name: of the page, which sent an outgoing one.
    """
    row_id, seq, message_id, conversation_id, platform, page_id, direction, sender_id, content, created_at = columns[
        :10
    ]
    status, attachments, reactions, reply_to, edited_at, deleted_at, delivered_at, read_at, client_ref = columns[10:19]
    kind, error, payload, referral, sent_via = columns[19:]
    return Message(
        id=row_id,
        seq=seq,
        message_id=message_id,
        conversation_id=conversation_id,
        platform=platform,
        page_id=page_id,
        direction=direction,
        sender_id=sender_id,
        sender_name=(participant[3] or participant[4]) if direction == "incoming" else account_name,
        content=content,
        created_at=created_at,
        kind=kind,
        status=status,
        error=error,
        attachments=() if attachments == "[]" else _attachments.decode(attachments),
        reactions=() if reactions == "[]" else _reactions.decode(reactions),
        reply_to=None if reply_to is None else _reply_to.decode(reply_to),
        payload=payload,
        referral=None if referral is None else _referral.decode(referral),
        sent_via=sent_via,
        edited_at=edited_at,
        deleted_at=deleted_at,
        delivered_at=delivered_at,
        read_at=read_at,
        client_ref=client_ref,
    )


def conversation_of(columns: Sequence[Any], last_message: Message | None) -> Conversation:
    """Return the conversation in `columns`, the values of `conversation_columns`."""
    conversation_id, platform, participant_id, name, username, pic, _, last_message_at, unread, last_seq = columns[:10]
    user_id, aliases = columns[10:]
    return Conversation(
        conversation_id=conversation_id,
        platform=platform,
        participant_id=participant_id,
        participant_name=name,
        participant_username=username,
        participant_profile_pic=pic,
        last_message=last_message,
        last_message_at=last_message_at,
        unread_count=unread,
        last_seq=last_seq,
        linked=() if aliases == "[]" else _linked(platform, user_id, _aliases.decode(aliases)),
    )


def _linked(platform: Platform, user_id: str, aliases: Sequence[str]) -> tuple[LinkedConversation, ...]:
    return tuple(
        LinkedConversation(participant_id=alias, conversation_id=conversation_id_of(platform, user_id, alias))
        for alias in sorted(aliases)
    )


def account_of(columns: Iterable[Any]) -> Account:
    """Return the account in `columns`, the values of `account_columns`."""
    platform, page_id, user_id, name, status, reason, connected_at = columns
    return Account(
        platform=platform,
        page_id=page_id,
        user_id=user_id,
        name=name,
        status=status,
        reason=reason,
        connected_at=connected_at,
    )


def message_data(message: Message, conversation: Conversation) -> msgspec.Raw:
    """Return `data` of `new_message` and `message_updated`."""
    return msgspec.Raw(
        _json.encode(MessageFrame(conversation_id=message.conversation_id, message=message, conversation=conversation))
    )


def conversation_data(conversation: Conversation) -> msgspec.Raw:
    """Return `data` of `conversation_updated`."""
    return msgspec.Raw(_json.encode(ConversationFrame(conversation=conversation)))


def account_data(account: Account) -> msgspec.Raw:
    """Return `data` of `account_updated`."""
    return msgspec.Raw(_json.encode(AccountFrame(account=account)))
