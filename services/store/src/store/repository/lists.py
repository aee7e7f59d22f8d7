"""The lists of the REST API: one keyset query each, on an index in the order of the list."""

from functools import cache
from typing import NamedTuple

import asyncpg
import msgspec

from shared.contracts import Platform
from shared.contracts.inbox import Account, Attachment, Conversation, Message, Record
from store.core.cursors import AccountPosition, ConversationPosition, MessagePosition, RecordPosition
from store.core.entity_tags import rendering_version
from store.repository.inbox.rendering import (
    ACCOUNT,
    ACCOUNT_NAME,
    CONVERSATION,
    MESSAGE,
    AccountName,
    ConversationColumns,
    account_of,
    conversation_with,
    message_of,
)
from store.repository.postgres.columns import Selection
from store.repository.postgres.statements import Connection, Statement

_ACCOUNT_NAME = """
    LEFT JOIN LATERAL (
        SELECT own.page_id, own.name FROM accounts own
        WHERE own.user_id = m.user_id AND own.platform = m.platform AND own.page_id = m.page_id
          AND m.direction = 'outgoing'
        ORDER BY own.owned_from DESC LIMIT 1
    ) a ON true
"""
_SELECTED = Selection(c=CONVERSATION, m=MESSAGE, a=ACCOUNT_NAME)
_CONVERSATIONS = f"""
    SELECT {_SELECTED.sql}
    FROM conversations c LEFT JOIN messages m ON m.user_id = c.user_id AND m.id = c.last_message_id
    {_ACCOUNT_NAME}
    WHERE c.user_id = :user_id
"""  # noqa: S608 - constants of ours
_MESSAGES = f"""
    SELECT {_SELECTED.sql}
    FROM messages m LEFT JOIN conversations c ON c.user_id = m.user_id AND c.conversation_id = m.conversation_id
    {_ACCOUNT_NAME}
    WHERE m.user_id = :user_id AND m.conversation_id = :conversation_id
"""  # noqa: S608 - constants of ours
_CONVERSATION = Statement(f"{_CONVERSATIONS} AND c.conversation_id = :conversation_id")
_ACCOUNTS = f"SELECT {ACCOUNT.selected('a')} FROM accounts a WHERE a.owned_until IS NULL"  # noqa: S608 - as above
_RECORDS = """
    SELECT record_id, kind, platform, page_id, participant_id, actor_id, text, occurred_at, body
    FROM records WHERE user_id = :user_id
"""
_EXISTS = Statement(
    "SELECT EXISTS (SELECT 1 FROM conversations WHERE user_id = :user_id AND conversation_id = :conversation_id)"
)
_ATTACHMENT = Statement("""
    SELECT platform, page_id, (attachments -> CAST(:index AS integer))::text AS attachment FROM messages
    WHERE user_id = :user_id AND id = :id AND conversation_id = :conversation_id AND deleted_at IS NULL
""")
_attachment = msgspec.json.Decoder(Attachment)
_JSON_SAMPLES = {
    "attachments": '[{"type":"image"}]',
    "reactions": '[{"actor_id":"a","emoji":"e","at":"2026-01-01T00:00:00Z"}]',
    "reply_to": '{"message_id":"m"}',
    "referral": '{"ref":"r"}',
}
"""Values of the columns that hold JSON, so that how they are read and rendered is in the entity tag, too."""
_LIMIT = "LIMIT CAST(:limit AS bigint)"


@cache
def conversations_statement(*, of_platform: bool, unread_only: bool, continues: bool) -> Statement:
    """Return the statement of `conversations`, with only the given conditions, so that an index can serve it."""
    parts = [_CONVERSATIONS]
    if of_platform:
        parts.append("AND c.platform = :platform")
    if unread_only:
        parts.append("AND c.unread_count > 0")
    if continues:
        parts.append("AND (c.last_message_at, c.conversation_id) < (:after_at, :after_id)")
    return Statement(" ".join((*parts, "ORDER BY c.last_message_at DESC, c.conversation_id DESC", _LIMIT)))


@cache
def conversations_rendering() -> str:
    """Return a hash of how this version renders conversations, for entity tags.

    Each value of the sample is the name of its column, so that the hash tells where it is rendered.
    """
    conversation = ConversationColumns._make(CONVERSATION.names)._replace(aliases='["alias"]')
    shown = []
    for direction in ("incoming", "outgoing"):
        message = {name: name for name in MESSAGE.names} | _JSON_SAMPLES | {"direction": direction}
        account = AccountName._make(ACCOUNT_NAME.names)
        shown.append(conversation_with(conversation, last_message=message, account=account))
    return rendering_version(Conversation, _CONVERSATIONS, msgspec.json.encode(shown))


@cache
def messages_statement(*, continues: bool) -> Statement:
    """Return the statement of `messages`."""
    parts = [_MESSAGES]
    if continues:
        parts.append("AND (m.created_at, m.message_id, m.id) < (:after_at, :after_message, :after_id)")
    return Statement(" ".join((*parts, "ORDER BY m.created_at DESC, m.message_id DESC, m.id DESC", _LIMIT)))


@cache
def records_statement(*, of_kind: bool, of_platform: bool, continues: bool) -> Statement:
    """Return the statement of `records`; kind and platform are checked in the index that gives the order."""
    parts = [_RECORDS]
    if of_kind:
        parts.append("AND kind = :kind")
    if of_platform:
        parts.append("AND platform = :platform")
    if continues:
        parts.append(
            "AND (occurred_at, record_id, platform, page_id, kind)"
            " < (:after_at, :after_id, :after_platform, :after_page, :after_kind)"
        )
    order = "ORDER BY occurred_at DESC, record_id DESC, platform DESC, page_id DESC, kind DESC"
    return Statement(" ".join((*parts, order, _LIMIT)))


@cache
def _accounts_statement(*, of_user: bool, continues: bool) -> Statement:
    parts = [_ACCOUNTS]
    if of_user:
        parts.append("AND a.user_id = :user_id")
    if continues:
        parts.append("AND (a.platform, a.page_id) > (:after_platform, :after_page)")
    return Statement(" ".join((*parts, "ORDER BY a.platform, a.page_id", _LIMIT)))


async def conversations(
    connection: Connection,
    user_id: str,
    *,
    platform: Platform | None,
    unread_only: bool,
    after: ConversationPosition | None,
    limit: int,
) -> list[Conversation]:
    """Return up to `limit` of the user's conversations after a position, newest first."""
    statement = conversations_statement(
        of_platform=platform is not None, unread_only=unread_only, continues=after is not None
    )
    arguments: dict[str, object] = {"user_id": user_id, "platform": platform, "limit": limit}
    if after is not None:
        arguments |= {"after_at": after.last_message_at, "after_id": after.conversation_id}
    rows = await connection.execute(statement, arguments)
    return [_conversation(row) for row in rows]


async def conversation(connection: Connection, user_id: str, conversation_id: str) -> Conversation | None:
    """Return one of the user's conversations; None if there is none with this ID."""
    rows = await connection.execute(_CONVERSATION, {"user_id": user_id, "conversation_id": conversation_id})
    return _conversation(rows[0]) if rows else None


def _conversation(row: asyncpg.Record) -> Conversation:
    found, last_message, account = _SELECTED.read(row)
    return conversation_with(found, last_message=last_message, account=account)


async def messages(
    connection: Connection, user_id: str, conversation_id: str, *, after: MessagePosition | None, limit: int
) -> list[Message]:
    """Return up to `limit` messages of one of the user's conversations after a position, newest first."""
    arguments: dict[str, object] = {"user_id": user_id, "conversation_id": conversation_id, "limit": limit}
    if after is not None:
        arguments |= {"after_at": after.created_at, "after_message": after.message_id, "after_id": after.id}
    rows = await connection.execute(messages_statement(continues=after is not None), arguments)
    return [_message(row) for row in rows]


def _message(row: asyncpg.Record) -> Message:
    conversation, found, account = _SELECTED.read(row)
    return message_of(found, participant=conversation, account_name=account and account.name)


class AttachmentOfPage(NamedTuple):
    """An attachment, and the page of its message."""

    platform: Platform
    page_id: str
    attachment: Attachment


async def attachment(
    connection: Connection, user_id: str, conversation_id: str, message: int, index: int
) -> AttachmentOfPage | None:
    """Return the attachment at `index` of the user's message with the `id` `message`; None if there is none."""
    arguments = {"user_id": user_id, "conversation_id": conversation_id, "id": message, "index": index}
    for platform, page_id, found in await connection.execute(_ATTACHMENT, arguments):
        if found is not None:
            return AttachmentOfPage(platform, page_id, _attachment.decode(found))
    return None


async def records(
    connection: Connection,
    user_id: str,
    *,
    kind: str | None = None,
    platform: Platform | None = None,
    after: RecordPosition | None = None,
    limit: int,
) -> list[Record]:
    """Return up to `limit` of the user's records after a position, newest first."""
    arguments: dict[str, object] = {"user_id": user_id, "kind": kind, "platform": platform, "limit": limit}
    if after is not None:
        arguments |= {
            "after_at": after.occurred_at,
            "after_id": after.record_id,
            "after_platform": after.platform,
            "after_page": after.page_id,
            "after_kind": after.kind,
        }
    statement = records_statement(
        of_kind=kind is not None, of_platform=platform is not None, continues=after is not None
    )
    return [
        Record(**dict(row) | {"body": msgspec.Raw(row["body"].encode())})
        for row in await connection.execute(statement, arguments)
    ]


async def has_conversation(connection: Connection, user_id: str, conversation_id: str) -> bool:
    """Return whether the user has such a conversation."""
    return bool(await connection.scalar(_EXISTS, {"user_id": user_id, "conversation_id": conversation_id}))


async def accounts(
    connection: Connection, *, user_id: str | None, after: AccountPosition | None, limit: int
) -> list[Account]:
    """Return up to `limit` connected pages after a position, sorted by platform and ID."""
    arguments: dict[str, object] = {"user_id": user_id, "limit": limit}
    if after is not None:
        arguments |= {"after_platform": after.platform, "after_page": after.page_id}
    statement = _accounts_statement(of_user=user_id is not None, continues=after is not None)
    return [account_of(dict(row)) for row in await connection.execute(statement, arguments)]
