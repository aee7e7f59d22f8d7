"""The lists of the REST API: one query each, by keyset, on an index that is in the wanted order."""

from typing import Any

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Platform
from shared.contracts.inbox import Account, Conversation, Message
from store.core.cursors import AccountPosition, ConversationPosition, MessagePosition
from store.repository.log import conversation_with
from store.repository.rendering import (
    CONVERSATION_WIDTH,
    MESSAGE_WIDTH,
    account_columns,
    account_of,
    conversation_columns,
    message_columns,
    message_of,
)

_ACCOUNT_NAME = """
    LEFT JOIN LATERAL (
        SELECT own.name FROM accounts own
        WHERE own.user_id = m.user_id AND own.platform = m.platform AND own.page_id = m.page_id
          AND m.direction = 'outgoing'
        ORDER BY own.owned_from DESC LIMIT 1
    ) a ON true
"""
_CONVERSATIONS = (
    select(text("a.name"), text(conversation_columns("c")), text(message_columns("m")))
    .select_from(
        text(
            "conversations c LEFT JOIN messages m ON m.user_id = c.user_id AND m.id = c.last_message_id" + _ACCOUNT_NAME
        )
    )
    .where(text("c.user_id = :user_id"))
    .order_by(text("c.last_message_at DESC"), text("c.conversation_id DESC"))
)
_MESSAGES = (
    select(text("a.name"), text(conversation_columns("c")), text(message_columns("m")))
    .select_from(
        text(
            "messages m JOIN conversations c ON c.user_id = m.user_id AND c.conversation_id = m.conversation_id"
            + _ACCOUNT_NAME
        )
    )
    .where(text("m.user_id = :user_id"), text("m.conversation_id = :conversation_id"))
    .order_by(text("m.created_at DESC"), text("m.message_id DESC"), text("m.id DESC"))
)
_ACCOUNTS = (
    select(text(account_columns("a")))
    .select_from(text("accounts a"))
    .where(text("a.owned_until IS NULL"))
    .order_by(text("a.platform"), text("a.page_id"))
)
_EXISTS = text(
    "SELECT EXISTS (SELECT 1 FROM conversations WHERE user_id = :user_id AND conversation_id = :conversation_id)"
)


def conversations_query(
    *, platform: Platform | None, unread_only: bool, after: ConversationPosition | None
) -> Select[Any]:
    """Return the query behind `conversations`; only conditions that are asked for are in it, so an index serves it."""
    query = _CONVERSATIONS
    if platform is not None:
        query = query.where(text("c.platform = :platform"))
    if unread_only:
        query = query.where(text("c.unread_count > 0"))
    if after is not None:
        query = query.where(
            text("(c.last_message_at, c.conversation_id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS text))")
        )
    return query


async def conversations(
    connection: AsyncConnection,
    user_id: str,
    *,
    platform: Platform | None,
    unread_only: bool,
    after: ConversationPosition | None,
    limit: int,
) -> list[Conversation]:
    """Return the user's conversations after a position, newest first."""
    query = conversations_query(platform=platform, unread_only=unread_only, after=after).limit(limit)
    arguments: dict[str, object] = {"user_id": user_id}
    if platform is not None:
        arguments["platform"] = platform
    if after is not None:
        arguments |= {"after_at": after.last_message_at, "after_id": after.conversation_id}
    rows = await connection.execute(query, arguments)
    return [
        conversation_with(row[1 : 1 + CONVERSATION_WIDTH], row[1 + CONVERSATION_WIDTH :], row[0])
        for row in map(tuple, rows)
    ]


async def messages(
    connection: AsyncConnection, user_id: str, conversation_id: str, *, after: MessagePosition | None, limit: int
) -> list[Message]:
    """Return the messages of one of the user's conversations after a position, newest first."""
    query = _MESSAGES.limit(limit)
    arguments: dict[str, object] = {"user_id": user_id, "conversation_id": conversation_id}
    if after is not None:
        query = query.where(
            text(
                "(m.created_at, m.message_id, m.id)"
                " < (CAST(:after_at AS timestamptz), CAST(:after_message AS text), CAST(:after_id AS bigint))"
            )
        )
        arguments |= {"after_at": after.created_at, "after_message": after.message_id, "after_id": after.id}
    rows = await connection.execute(query, arguments)
    return [
        message_of(row[-MESSAGE_WIDTH:], participant=row[1 : 1 + CONVERSATION_WIDTH], account_name=row[0])
        for row in map(tuple, rows)
    ]


async def has_conversation(connection: AsyncConnection, user_id: str, conversation_id: str) -> bool:
    """Return whether the user has such a conversation."""
    found = await connection.scalar(_EXISTS, {"user_id": user_id, "conversation_id": conversation_id})
    return bool(found)


async def accounts(
    connection: AsyncConnection, *, user_id: str | None, after: AccountPosition | None, limit: int
) -> list[Account]:
    """Return the pages that are connected at present, by platform and id."""
    query = _ACCOUNTS.limit(limit)
    arguments: dict[str, object] = {}
    if user_id is not None:
        query = query.where(text("a.user_id = :user_id"))
        arguments["user_id"] = user_id
    if after is not None:
        query = query.where(
            text("(a.platform, a.page_id) > (CAST(:after_platform AS text), CAST(:after_page AS text))")
        )
        arguments |= {"after_platform": after.platform, "after_page": after.page_id}
    rows = await connection.execute(query, arguments)
    return [account_of(tuple(row)) for row in rows]
