"""Marking a conversation as read."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from shared.http.problems import ProblemRaised
from store.repository.postgres.user_database import UserDatabase
from store.routes.access import Access
from store.routes.inbox import ConversationId, conversation_response
from store.routes.openapi import BODY_PROBLEMS, INBOX_HEADERS, USER_PROBLEMS, describes
from store.routes.requests import ReadBody
from store.services.read_marks import ReadMarkService


def read_marks_router(database: UserDatabase, service: ReadMarkService, access: Access) -> APIRouter:
    """Return the route that marks conversations as read."""
    router = APIRouter(prefix="/api", tags=["inbox"])

    @router.post(
        "/conversations/{conversation_id}/read",
        responses=describes(
            "Conversation", headers=INBOX_HEADERS, problems=[*USER_PROBLEMS, *BODY_PROBLEMS, "not-found"]
        ),
        response_class=Response,
    )
    async def mark_read(
        user_id: Annotated[str, Depends(access.reader)],
        conversation_id: ConversationId,
        body: ReadBody,
    ) -> Response:
        """Mark the messages with IDs up to `up_to_seq` as read, and return the conversation.

        A read mark never moves back, and never beyond the last change: `9007199254740991` marks everything.
        """
        if body.user_id is not None and body.user_id != user_id:
            raise ProblemRaised("forbidden", "The token belongs to another user.")
        async with database.turn(user_id):
            await service.mark(user_id, conversation_id, body.up_to_seq)
        return await conversation_response(database, user_id, conversation_id)

    return router
