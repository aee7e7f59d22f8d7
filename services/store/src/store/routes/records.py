"""What is kept beside a user's threads."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from shared.contracts import Platform, RecordKind
from shared.contracts.inbox import Record
from store.core.cursors import CursorSeal, RecordPosition
from store.repository import reading
from store.repository.database import Database
from store.routes.access import Access
from store.routes.inbox import Cursor, Limit, position
from store.routes.openapi import INBOX_HEADERS, USER_PROBLEMS, describes
from store.routes.responses import json_response
from store.views import next_link


def records_router(database: Database, access: Access, seal: CursorSeal) -> APIRouter:
    """Return the route that reads a user's records."""
    router = APIRouter(prefix="/api", tags=["inbox"])
    reader = Depends(access.reader)

    @router.get(
        "/records",
        responses=describes(
            "Record", is_list=True, headers=[*INBOX_HEADERS, "Link"], problems=[*USER_PROBLEMS, "invalid-cursor"]
        ),
        response_class=Response,
    )
    async def list_records(
        user_id: Annotated[str, reader],
        kind: RecordKind | None = None,
        platform: Platform | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """List what is kept beside the threads, newest first: comments, opt-ins, hand-overs and the like."""
        bound_to = (user_id, "records", kind or "", platform or "")
        after = None if cursor is None else seal.read(cursor, RecordPosition, bound_to=bound_to)
        epoch = await database.epoch()
        async with database.reading() as connection:
            _, headers = await position(connection, user_id, epoch)
            found = await reading.records(
                connection, user_id, kind=kind, platform=platform, after=after, limit=limit + 1
            )
        if len(found) > limit:
            found = found[:limit]
            following = seal.write(_position_of(found[-1]), bound_to=bound_to)
            headers["Link"] = next_link(
                "/api/records", {"kind": kind, "platform": platform, "limit": limit, "cursor": following}
            )
        return json_response(found, headers=headers)

    return router


def _position_of(record: Record) -> RecordPosition:
    return RecordPosition(record.occurred_at, record.record_id, record.platform, record.page_id, record.kind)
