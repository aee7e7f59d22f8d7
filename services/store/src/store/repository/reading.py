"""The lists of the REST API: one query each, by keyset, on an index that is in the wanted order."""

from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import msgspec

from shared.contracts import Platform
from shared.contracts.inbox import Account, Attachment, Conversation, Message, Record
from store.core.cursors import AccountPosition, ConversationPosition, MessagePosition, RecordPosition
from store.core.entity_tags import rendering_version
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
from store.repository.statements import Connection, Statement

_ACCOUNT_NAME = """
    LEFT JOIN LATERAL (
        SELECT own.name FROM accounts own
        WHERE own.user_id = m.user_id AND own.platform = m.platform AND own.page_id = m.page_id
          AND m.direction = 'outgoing'
        ORDER BY own.owned_from DESC LIMIT 1
    ) a ON true
"""
_CONVERSATIONS = " ".join(
    (
        "SELECT a.name,",
        f"{conversation_columns('c')}, {message_columns('m')}",
        "FROM conversations c LEFT JOIN messages m ON m.user_id = c.user_id AND m.id = c.last_message_id",
        _ACCOUNT_NAME,
        "WHERE c.user_id = :user_id",
    )
)
_MESSAGES = " ".join(
    (
        "SELECT a.name,",
        f"{conversation_columns('c')}, {message_columns('m')}",
        "FROM messages m LEFT JOIN conversations c ON c.user_id = m.user_id AND c.conversation_id = m.conversation_id",
        _ACCOUNT_NAME,
        "WHERE m.user_id = :user_id AND m.conversation_id = :conversation_id",
    )
)
_CONVERSATION = Statement(f"{_CONVERSATIONS} AND c.conversation_id = :conversation_id")
_ACCOUNTS = " ".join(("SELECT", account_columns("a"), "FROM accounts a WHERE a.owned_until IS NULL"))
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
_LIMIT = "LIMIT CAST(:limit AS bigint)"


@cache
def conversations_statement(*, of_platform: bool, unread_only: bool, goes_on: bool) -> Statement:
    """Return the statement behind `conversations`; it holds only what is asked for, so that an index serves it."""
    parts = [_CONVERSATIONS]
    if of_platform:
        parts.append("AND c.platform = :platform")
    if unread_only:
        parts.append("AND c.unread_count > 0")
    if goes_on:
        parts.append("AND (c.last_message_at, c.conversation_id) < (:after_at, :after_id)")
    return Statement(" ".join((*parts, "ORDER BY c.last_message_at DESC, c.conversation_id DESC", _LIMIT)))


@cache
def conversations_rendering() -> str:
    """Return what stands for the way in which this version of the program shows conversations, for entity tags."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    conversation = ("c", "whatsapp", "person", None, "username", "picture", 1, at, 2, 3, "user", '["alias"]')
    described = (1, 3, "m", "c", "whatsapp", "page", "incoming", "person", "content", at)
    said = (
        "read",
        '[{"type":"image"}]',
        '[{"actor_id":"a","emoji":"e","at":"2026-01-01T00:00:00Z"}]',
        '{"message_id":"m"}',
    )
    rest = (at, None, at, at, "client_ref", "message", "error", "payload", '{"ref":"r"}', "own_app")
    incoming = (*described, *said, *rest)
    outgoing = tuple("outgoing" if value == "incoming" else value for value in incoming)
    shown = [conversation_with(conversation, message, "account name") for message in (incoming, outgoing)]
    return rendering_version(Conversation, _CONVERSATIONS, msgspec.json.encode(shown))


@cache
def messages_statement(*, goes_on: bool) -> Statement:
    """Return the statement behind `messages`."""
    parts = [_MESSAGES]
    if goes_on:
        parts.append("AND (m.created_at, m.message_id, m.id) < (:after_at, :after_message, :after_id)")
    return Statement(" ".join((*parts, "ORDER BY m.created_at DESC, m.message_id DESC, m.id DESC", _LIMIT)))


@cache
def records_statement(*, of_kind: bool, of_platform: bool, goes_on: bool) -> Statement:
    """Return the statement behind `records`; kind and platform are looked at in the index that gives the order."""
    parts = [_RECORDS]
    if of_kind:
        parts.append("AND kind = :kind")
    if of_platform:
        parts.append("AND platform = :platform")
    if goes_on:
        parts.append(
            "AND (occurred_at, record_id, platform, page_id, kind)"
            " < (:after_at, :after_id, :after_platform, :after_page, :after_kind)"
        )
    order = "ORDER BY occurred_at DESC, record_id DESC, platform DESC, page_id DESC, kind DESC"
    return Statement(" ".join((*parts, order, _LIMIT)))


@cache
def _accounts_statement(*, of_user: bool, goes_on: bool) -> Statement:
    parts = [_ACCOUNTS]
    if of_user:
        parts.append("AND a.user_id = :user_id")
    if goes_on:
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
    """Return the user's conversations after a position, newest first."""
    statement = conversations_statement(
        of_platform=platform is not None, unread_only=unread_only, goes_on=after is not None
    )
    arguments: dict[str, object] = {"user_id": user_id, "platform": platform, "limit": limit}
    if after is not None:
        arguments |= {"after_at": after.last_message_at, "after_id": after.conversation_id}
    rows = await connection.execute(statement, arguments)
    return [conversation_with(row[1 : 1 + CONVERSATION_WIDTH], row[1 + CONVERSATION_WIDTH :], row[0]) for row in rows]


async def conversation(connection: Connection, user_id: str, conversation_id: str) -> Conversation | None:
    """Return one of the user's conversations; None when there is no such one."""
    rows = await connection.execute(_CONVERSATION, {"user_id": user_id, "conversation_id": conversation_id})
    found = [conversation_with(row[1 : 1 + CONVERSATION_WIDTH], row[1 + CONVERSATION_WIDTH :], row[0]) for row in rows]
    return found[0] if found else None


async def messages(
    connection: Connection, user_id: str, conversation_id: str, *, after: MessagePosition | None, limit: int
) -> list[Message]:
    """Return the messages of one of the user's conversations after a position, newest first."""
    arguments: dict[str, object] = {"user_id": user_id, "conversation_id": conversation_id, "limit": limit}
    if after is not None:
        arguments |= {"after_at": after.created_at, "after_message": after.message_id, "after_id": after.id}
    rows = await connection.execute(messages_statement(goes_on=after is not None), arguments)
    return [
        message_of(row[-MESSAGE_WIDTH:], participant=row[1 : 1 + CONVERSATION_WIDTH], account_name=row[0])
        for row in rows
    ]


class Attached(NamedTuple):
    """An attachment, and the page whose message it is of."""

    platform: Platform
    page_id: str
    attachment: Attachment


async def attachment(
    connection: Connection, user_id: str, conversation_id: str, message: int, index: int
) -> Attached | None:
    """Return the attachment at `index` of one of the user's messages, by `id`; None when there is none."""
    arguments = {"user_id": user_id, "conversation_id": conversation_id, "id": message, "index": index}
    for platform, page_id, found in await connection.execute(_ATTACHMENT, arguments):
        if found is not None:
            return Attached(platform, page_id, _attachment.decode(found))
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
    """Return what is kept beside the user's threads after a position, newest first."""
    arguments: dict[str, object] = {"user_id": user_id, "kind": kind, "platform": platform, "limit": limit}
    if after is not None:
        arguments |= {
            "after_at": after.occurred_at,
            "after_id": after.record_id,
            "after_platform": after.platform,
            "after_page": after.page_id,
            "after_kind": after.kind,
        }
    statement = records_statement(of_kind=kind is not None, of_platform=platform is not None, goes_on=after is not None)
    return [
        Record(**{**dict(row), "body": msgspec.Raw(row["body"].encode())})
        for row in await connection.execute(statement, arguments)
    ]


async def has_conversation(connection: Connection, user_id: str, conversation_id: str) -> bool:
    """Return whether the user has such a conversation."""
    return bool(await connection.scalar(_EXISTS, {"user_id": user_id, "conversation_id": conversation_id}))


async def accounts(
    connection: Connection, *, user_id: str | None, after: AccountPosition | None, limit: int
) -> list[Account]:
    """Return the pages that are connected at present, by platform and id."""
    arguments: dict[str, object] = {"user_id": user_id, "limit": limit}
    if after is not None:
        arguments |= {"after_platform": after.platform, "after_page": after.page_id}
    statement = _accounts_statement(of_user=user_id is not None, goes_on=after is not None)
    return [account_of(row) for row in await connection.execute(statement, arguments)]
