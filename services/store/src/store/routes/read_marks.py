"""Marking a conversation as read."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends
from starlette.responses import Response

from shared.http.problems import ProblemRaised
from store.repository import read_marks
from store.repository.database import Database
from store.repository.read_marks import ReadMark
from store.routes.access import Access
from store.routes.inbox import ConversationId, shown_conversation
from store.routes.openapi import BODY_PROBLEMS, INBOX_HEADERS, USER_PROBLEMS, describes
from store.views import ReadBody


class ReadDesk:
    """Moves read marks and lets everybody know who looks at the same inbox.

    Args:
        nudge_publisher: called with the users whose inbox has changed.
    """

    def __init__(
        self,
        database: Database,
        *,
        utc_now: Callable[[], datetime],
        notify_changed: Callable[[Sequence[str]], None],
    ) -> None:
        self._database = database
        self._utc_now = utc_now
        self._notify_changed = notify_changed

    async def mark(self, user_id: str, conversation_id: str, up_to_seq: int) -> ReadMark | None:
        """Mark messages with ids up to `up_to_seq` as read; again changes nothing. None: there is no such conversation.

        Raises:
            DependencyUnavailable: Postgres is away.
        """
        marked = await read_marks.mark_read(
            self._database,
            user_id,
            conversation_id,
            up_to_seq=up_to_seq,
            cause_id=uuid4().hex,
            now=self._utc_now(),
        )
        if marked is not None and marked.is_news:
            self._notify_changed([user_id])
        return marked


def read_marks_router(database: Database, desk: ReadDesk, access: Access) -> APIRouter:
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
        """Mark the messages with ids up to `up_to_seq` as read; answers with the conversation as it is now.

        It never moves back, and not past what has come: `9007199254740991` means everything that is there.
        """
        if body.user_id is not None and body.user_id != user_id:
            raise ProblemRaised("forbidden", "The token is that of another user.")
        await desk.mark(user_id, conversation_id, body.up_to_seq)
        return await shown_conversation(database, user_id, conversation_id)

    return router
