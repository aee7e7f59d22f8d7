"""A user's event log: the frames that the WebSocket pushes."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from shared.http.problems import ProblemRaised
from store.core.publish_watermarks import SeqRange
from store.repository.inbox import event_log
from store.repository.postgres.user_database import UserDatabase
from store.routes.access import Access
from store.routes.inbox_headers import inbox_headers
from store.routes.openapi import INBOX_HEADERS, USER_PROBLEMS, describes
from store.routes.pagination import EventsLimit, next_link
from store.routes.requests import LARGEST_SEQ
from store.routes.responses import Frame, json_response


def events_router(database: UserDatabase, access: Access) -> APIRouter:
    """Return the route that reads a user's event log."""
    router = APIRouter(prefix="/api", tags=["inbox"])
    reader = Depends(access.reader)

    @router.get(
        "/events",
        responses=describes(
            "Frame", is_list=True, headers=[*INBOX_HEADERS, "Link"], problems=[*USER_PROBLEMS, "events-gone"]
        ),
        response_class=Response,
    )
    async def list_events(
        user_id: Annotated[str, reader],
        after: Annotated[int, Query(ge=0, le=LARGEST_SEQ, description="The last `seq` that you have.")] = 0,
        limit: EventsLimit = 50,
    ) -> Response:
        """List the changes after `after`, oldest first, as the frames that the WebSocket pushes."""
        epoch = await database.epoch()
        async with database.reading(user_id) as connection:
            top, headers = await inbox_headers(connection, user_id, epoch)
            if after < top.floor_seq:
                detail = f"The log starts after {top.floor_seq}. Reload the lists and continue from their Inbox-Seq."
                raise ProblemRaised("events-gone", detail, headers=headers)
            wanted = [SeqRange(user_id, after + 1, top.last_seq)] if after < top.last_seq else []
            rows = await event_log.frames(connection, wanted, per_range=limit)
        if rows and rows[-1].seq < top.last_seq:
            headers |= next_link("/api/events", {"after": rows[-1].seq, "limit": limit})
        return json_response(
            [Frame(type=row.kind, seq=row.seq, data=msgspec.Raw(row.data)) for row in rows], headers=headers
        )

    return router
