"""A user's own inbox: conversations and messages."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.responses import Response

from shared.contracts import Platform
from shared.http.problems import ProblemRaised
from store.core.cursors import ConversationPosition, CursorSeal, MessagePosition
from store.core.entity_tags import entity_tag, names
from store.repository import log as inbox_log
from store.repository import reading
from store.repository.database import Database
from store.repository.statements import Connection
from store.routes.access import Access
from store.routes.openapi import INBOX_HEADERS, USER_PROBLEMS, describes
from store.routes.responses import json_response
from store.views import next_link

Limit = Annotated[int, Query(ge=1, le=200, description="Most entries in one answer.")]
Cursor = Annotated[str | None, Query(max_length=2048, description="From the `next` link of the answer before.")]
IfNoneMatch = Annotated[str | None, Header(max_length=2048, description="The `ETag` of the answer that you have.")]
ConversationId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", examples=["2f1c7d0a9b3e4f55"])]
_NOBODY = inbox_log.Top(0, 0)


async def position(connection: Connection, user_id: str, epoch: str) -> tuple[inbox_log.Top, dict[str, str]]:
    """Return where the user's log ends, and the headers that say so. Asked before the rows are: they may be newer.

    The epoch is asked for without a connection in hand: asking takes one.
    """
    top = (await inbox_log.tops(connection, [user_id])).get(user_id, _NOBODY)
    return top, {"Inbox-Seq": str(top.last_seq), "Inbox-Epoch": epoch, "Cache-Control": "no-store"}


async def shown_conversation(database: Database, user_id: str, conversation_id: str) -> Response:
    """Return one of the user's conversations as it is now.

    Raises:
        ProblemRaised: there is no such conversation.
    """
    epoch = await database.epoch()
    async with database.reading() as connection:
        _, headers = await position(connection, user_id, epoch)
        found = await reading.conversation(connection, user_id, conversation_id)
    if found is None:
        raise ProblemRaised("not-found", "You have no such conversation.")
    return json_response(found, headers=headers)


def inbox_router(database: Database, access: Access, seal: CursorSeal, *, rendering: str) -> APIRouter:
    """Return the routes that read an inbox; `rendering` names the way in which they show conversations."""
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
        | {304: {"description": "It is as it was."}},
        response_class=Response,
    )
    async def list_conversations(
        *,
        user_id: Annotated[str, reader],
        platform: Platform | None = None,
        unread: Annotated[bool, Query(description="Only those with unread messages.")] = False,
        limit: Limit = 50,
        cursor: Cursor = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """List the user's conversations, newest first. With `If-None-Match` an unchanged list is not sent again."""
        bound_to = (user_id, "conversations", platform or "", str(unread))
        after = None if cursor is None else seal.read(cursor, ConversationPosition, bound_to=bound_to)
        epoch = await database.epoch()
        async with database.reading() as connection:
            top, headers = await position(connection, user_id, epoch)
            headers["ETag"] = entity_tag(rendering, seal.name, bound_to, limit, cursor, epoch, top.last_seq)
            headers["Cache-Control"] = "private, no-cache"
            headers["Vary"] = "Authorization"
            if names(if_none_match, headers["ETag"]):
                return Response(status_code=304, headers=headers)
            found = await reading.conversations(
                connection, user_id, platform=platform, unread_only=unread, after=after, limit=limit + 1
            )
        if len(found) > limit:
            found = found[:limit]
            last = found[-1]
            assert last.last_message_at is not None
            following = seal.write(ConversationPosition(last.last_message_at, last.conversation_id), bound_to=bound_to)
            headers["Link"] = next_link(
                "/api/conversations",
                {"platform": platform, "unread": "true" if unread else None, "limit": limit, "cursor": following},
            )
        return json_response(found, headers=headers)

    @router.get(
        "/conversations/{conversation_id}",
        responses=describes("Conversation", headers=INBOX_HEADERS, problems=[*USER_PROBLEMS, "not-found"]),
        response_class=Response,
    )
    async def show_conversation(user_id: Annotated[str, reader], conversation_id: ConversationId) -> Response:
        """Show one conversation, wherever in the list it stands."""
        return await shown_conversation(database, user_id, conversation_id)

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
        bound_to = (user_id, "messages", conversation_id)
        after = None if cursor is None else seal.read(cursor, MessagePosition, bound_to=bound_to)
        epoch = await database.epoch()
        async with database.reading() as connection:
            _, headers = await position(connection, user_id, epoch)
            found = await reading.messages(connection, user_id, conversation_id, after=after, limit=limit + 1)
            if not found and not await reading.has_conversation(connection, user_id, conversation_id):
                raise ProblemRaised("not-found", "You have no such conversation.")
        if len(found) > limit:
            found = found[:limit]
            last = found[-1]
            following = seal.write(MessagePosition(last.created_at, last.message_id, last.id), bound_to=bound_to)
            headers["Link"] = next_link(
                f"/api/conversations/{conversation_id}/messages", {"limit": limit, "cursor": following}
            )
        return json_response(found, headers=headers)

    return router
