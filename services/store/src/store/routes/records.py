"""A user's records: what is stored beside the conversations."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from shared.contracts import Platform, RecordKind
from shared.contracts.inbox import Record
from store.core.cursors import CursorSigner, RecordPosition
from store.repository import lists
from store.repository.postgres.user_database import UserDatabase
from store.routes.access import Access
from store.routes.inbox_headers import inbox_headers
from store.routes.openapi import INBOX_HEADERS, USER_PROBLEMS, describes
from store.routes.pagination import Cursor, Limit, PageRequest
from store.routes.responses import json_response


def records_router(database: UserDatabase, access: Access, signer: CursorSigner) -> APIRouter:
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
        """List records, newest first: comments, opt-ins, handovers and the like."""
        page = PageRequest(
            signer,
            RecordPosition,
            path="/api/records",
            parameters={"kind": kind, "platform": platform},
            bound_to=(user_id, "records", kind or "", platform or ""),
            limit=limit,
            cursor=cursor,
        )
        epoch = await database.epoch()
        async with database.reading(user_id) as connection:
            _, headers = await inbox_headers(connection, user_id, epoch)
            found = await lists.records(
                connection, user_id, kind=kind, platform=platform, after=page.after, limit=page.fetch_limit
            )
        records, link = page.cut(found, _position_of)
        return json_response(records, headers=headers | link)

    return router


def _position_of(record: Record) -> RecordPosition:
    return RecordPosition(record.occurred_at, record.record_id, record.platform, record.page_id, record.kind)
