"""A user's own inbox: conversations and messages."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.responses import Response

from shared.contracts import Platform
from shared.contracts.inbox import Conversation
from shared.http.problems import ProblemRaised
from store.core.cursors import ConversationPosition, CursorSigner, MessagePosition
from store.core.entity_tags import entity_tag, matches
from store.repository import lists
from store.repository.postgres.user_database import UserDatabase
from store.routes.access import Access
from store.routes.inbox_headers import inbox_headers
from store.routes.openapi import INBOX_HEADERS, USER_PROBLEMS, describes
from store.routes.pagination import Cursor, Limit, PageRequest
from store.routes.responses import json_response

IfNoneMatch = Annotated[str | None, Header(max_length=2048, description="The `ETag` of a previous response.")]
ConversationId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["2f1c7d0a9b3e4f55"])]


async def conversation_response(database: UserDatabase, user_id: str, conversation_id: str) -> Response:
    """Return one of the user's conversations.

    Raises:
        ProblemRaised: there is no such conversation.
    """
    epoch = await database.epoch()
    async with database.reading(user_id) as connection:
        _, headers = await inbox_headers(connection, user_id, epoch)
        found = await lists.conversation(connection, user_id, conversation_id)
    if found is None:
        raise ProblemRaised("not-found", "There is no conversation with this ID in your inbox.")
    return json_response(found, headers=headers)


def inbox_router(database: UserDatabase, access: Access, signer: CursorSigner, *, rendering: str) -> APIRouter:
    """Return the routes that read an inbox; `rendering` identifies how this version renders conversations."""
    router = APIRouter(prefix="/api", tags=["inbox"])
    reader = Depends(access.reader)

    @router.get(
        "/conversations",
        responses=describes(
            "Conversation",
            is_list=True,
            headers=[*INBOX_HEADERS, "Link", "ETag"],
            problems=[*USER_PROBLEMS, "invalid-cursor"],
        )
        | {304: {"description": "The list is unchanged."}},
        response_class=Response,
    )
    async def list_conversations(
        *,
        user_id: Annotated[str, reader],
        platform: Platform | None = None,
        unread: Annotated[bool, Query(description="Only conversations with unread messages.")] = False,
        limit: Limit = 50,
        cursor: Cursor = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """List the user's conversations, newest first. With `If-None-Match`, an unchanged list is not sent again."""
        bound_to = (user_id, "conversations", platform or "", str(unread))
        page = PageRequest(
            signer,
            ConversationPosition,
            path="/api/conversations",
            parameters={"platform": platform, "unread": "true" if unread else None},
            bound_to=bound_to,
            limit=limit,
            cursor=cursor,
        )
        epoch = await database.epoch()
        async with database.reading(user_id) as connection:
            top, headers = await inbox_headers(connection, user_id, epoch)
            headers["ETag"] = entity_tag(rendering, signer.key_id, bound_to, limit, cursor, epoch, top.last_seq)
            headers["Cache-Control"] = "private, no-cache"
            headers["Vary"] = "Authorization"
            if matches(if_none_match, headers["ETag"]):
                return Response(status_code=304, headers=headers)
            found = await lists.conversations(
                connection, user_id, platform=platform, unread_only=unread, after=page.after, limit=page.fetch_limit
            )
        conversations, link = page.cut(found, _position_of_conversation)
        return json_response(conversations, headers=headers | link)

    @router.get(
        "/conversations/{conversation_id}",
        responses=describes("Conversation", headers=INBOX_HEADERS, problems=[*USER_PROBLEMS, "not-found"]),
        response_class=Response,
    )
    async def show_conversation(user_id: Annotated[str, reader], conversation_id: ConversationId) -> Response:
        """Return one conversation, wherever it is in the list."""
        return await conversation_response(database, user_id, conversation_id)

    @router.get(
        "/conversations/{conversation_id}/messages",
        responses=describes(
            "Message",
            is_list=True,
            headers=[*INBOX_HEADERS, "Link"],
            problems=[*USER_PROBLEMS, "not-found", "invalid-cursor"],
        ),
        response_class=Response,
    )
    async def list_messages(
        user_id: Annotated[str, reader],
        conversation_id: ConversationId,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """List the messages of one conversation, newest first."""
        page = PageRequest(
            signer,
            MessagePosition,
            path=f"/api/conversations/{conversation_id}/messages",
            parameters={},
            bound_to=(user_id, "messages", conversation_id),
            limit=limit,
            cursor=cursor,
        )
        epoch = await database.epoch()
        async with database.reading(user_id) as connection:
            _, headers = await inbox_headers(connection, user_id, epoch)
            found = await lists.messages(connection, user_id, conversation_id, after=page.after, limit=page.fetch_limit)
            if not found and not await lists.has_conversation(connection, user_id, conversation_id):
                raise ProblemRaised("not-found", "There is no conversation with this ID in your inbox.")
        messages, link = page.cut(
            found, lambda message: MessagePosition(message.created_at, message.message_id, message.id)
        )
        return json_response(messages, headers=headers | link)

    return router


def _position_of_conversation(conversation: Conversation) -> ConversationPosition:
    assert conversation.last_message_at is not None
    return ConversationPosition(conversation.last_message_at, conversation.conversation_id)
