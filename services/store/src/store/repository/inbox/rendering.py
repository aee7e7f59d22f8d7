"""Renders rows as the objects that clients receive, in the same way for frames and REST responses."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from shared.contracts import Platform
from shared.contracts import conversation_id as conversation_id_of
from shared.contracts.inbox import (
    Account,
    AccountFrame,
    Conversation,
    ConversationFrame,
    ConversationRemovedFrame,
    FrameKind,
    LinkedConversation,
    Message,
    MessageFrame,
)
from store.repository.inbox.message_columns import MESSAGE_ROW
from store.repository.postgres.columns import Columns, Values

_DECODERS = tuple(
    (field.name, msgspec.json.Decoder(field.type).decode)
    for field in msgspec.structs.fields(Message)
    if field.name in MESSAGE_ROW.json
)
_aliases = msgspec.json.Decoder(tuple[str, ...])
_json = msgspec.json.Encoder()


class ConversationColumns(NamedTuple):
    """The columns of `conversations` that clients see."""

    conversation_id: str
    platform: Platform
    participant_id: str
    participant_name: str | None
    participant_username: str | None
    participant_profile_pic: str | None
    last_message_id: int
    last_message_at: datetime
    unread_count: int
    last_seq: int
    user_id: str
    aliases: str
    """JSON."""


class AccountName(NamedTuple):
    """The name of the page that sent a message."""

    page_id: str
    name: str | None


MESSAGE = Columns(
    [name for name in Message.__struct_fields__ if name in MESSAGE_ROW.names], json=[name for name, _ in _DECODERS]
)
CONVERSATION = Columns(ConversationColumns._fields, json=["aliases"], make=ConversationColumns._make)
ACCOUNT = Columns(Account.__struct_fields__)
ACCOUNT_NAME = Columns(AccountName._fields, make=AccountName._make)


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change, rendered from the current rows, with what its event needs."""

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


def message_of(message: Values, *, participant: ConversationColumns | None, account_name: str | None) -> Message:
    """Return the message with the values of `MESSAGE`.

    Args:
        message: the values. They are changed.
        participant: names the sender of an incoming message.
        account_name: of the page, which sends outgoing messages.
    """
    for name, decode in _DECODERS:
        text = message[name]
        if text is not None:
            message[name] = () if text == "[]" else decode(text)
    if message["direction"] == "outgoing":
        message["sender_name"] = account_name
    else:
        message["sender_name"] = participant and (participant.participant_name or participant.participant_username)
    return Message(**message)


def conversation_of(conversation: ConversationColumns, last_message: Message | None) -> Conversation:
    """Return the conversation with the given last message."""
    platform, aliases = conversation.platform, conversation.aliases
    return Conversation(
        conversation_id=conversation.conversation_id,
        platform=platform,
        participant_id=conversation.participant_id,
        participant_name=conversation.participant_name,
        participant_username=conversation.participant_username,
        participant_profile_pic=conversation.participant_profile_pic,
        last_message=last_message,
        last_message_at=conversation.last_message_at,
        unread_count=conversation.unread_count,
        last_seq=conversation.last_seq,
        linked=() if aliases == "[]" else _linked(platform, conversation.user_id, _aliases.decode(aliases)),
    )


def conversation_with(
    conversation: ConversationColumns, *, last_message: Values | None, account: AccountName | None
) -> Conversation:
    """Return the conversation with its last message, which `account` names the sender of."""
    if last_message is None:
        return conversation_of(conversation, None)
    name = None if account is None else account.name
    return conversation_of(conversation, message_of(last_message, participant=conversation, account_name=name))


def _linked(platform: Platform, user_id: str, aliases: Sequence[str]) -> tuple[LinkedConversation, ...]:
    return tuple(
        LinkedConversation(participant_id=alias, conversation_id=conversation_id_of(platform, user_id, alias))
        for alias in sorted(aliases)
    )


def account_of(account: Values) -> Account:
    """Return the account with the values of `ACCOUNT`."""
    return Account(**account)


def message_data(message: Message, conversation: Conversation) -> msgspec.Raw:
    """Return `data` of `new_message` and `message_updated`."""
    return msgspec.Raw(
        _json.encode(MessageFrame(conversation_id=message.conversation_id, message=message, conversation=conversation))
    )


def conversation_data(conversation: Conversation) -> msgspec.Raw:
    """Return `data` of `conversation_updated`."""
    return msgspec.Raw(_json.encode(ConversationFrame(conversation=conversation)))


def removed_data(conversation_id: str) -> msgspec.Raw:
    """Return `data` of `conversation_removed`."""
    return msgspec.Raw(_json.encode(ConversationRemovedFrame(conversation_id=conversation_id)))


def account_data(account: Account) -> msgspec.Raw:
    """Return `data` of `account_updated`."""
    return msgspec.Raw(_json.encode(AccountFrame(account=account)))
