"""The audit log: listing what was done, and reading the whole chain to verify it. Requires an admin token."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
import structlog
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from shared.errors import DependencyUnavailable
from shared.security.admin_tokens import AdminScope
from shared.security.user_tokens import USER_ID_PATTERN
from store.core.audit import Action, AuditRecord, ChainEnd, ChainHead
from store.core.cursors import AuditPosition, CursorSigner
from store.repository import audit
from store.repository.audit import AuditFilter
from store.repository.postgres.database import Database
from store.routes.access import Access
from store.routes.openapi import ADMIN_PROBLEMS, describes
from store.routes.pagination import Cursor, Limit, PageRequest
from store.routes.requests import Moment
from store.routes.responses import json_response

log = structlog.get_logger(__name__)
_json = msgspec.json.Encoder()
_NDJSON = "application/x-ndjson"
_NOT_CACHED = {"Cache-Control": "no-store"}


def audit_router(database: Database, access: Access, signer: CursorSigner) -> APIRouter:
    """Return the routes that read the audit log."""
    router = APIRouter(prefix="/api/audit", tags=["audit"], dependencies=[Depends(access.admin(AdminScope.AUDIT_READ))])

    @router.get(
        "",
        responses=describes(
            "AuditRecord", is_list=True, headers=["Link"], problems=[*ADMIN_PROBLEMS, "invalid-cursor"]
        ),
        response_class=Response,
    )
    async def list_records(
        *,
        actor: Annotated[
            str | None, Query(max_length=128, description="The name of an admin token, or a user.")
        ] = None,
        action: Annotated[Action | None, Query(description="Only this action.")] = None,
        user_id: Annotated[str | None, Query(pattern=USER_ID_PATTERN, description="Only this user's data.")] = None,
        since: Annotated[Moment | None, Query(description="Not before this time.")] = None,
        until: Annotated[Moment | None, Query(description="Before this time.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """List what was done, the latest first."""
        filters: dict[str, str | None] = {
            "actor": actor,
            "action": None if action is None else action.value,
            "user_id": user_id,
            "since": None if since is None else since.isoformat(),
            "until": None if until is None else until.isoformat(),
        }
        page = PageRequest(
            signer,
            AuditPosition,
            path="/api/audit",
            parameters=filters,
            bound_to=("", "audit", *(f"{name}={value}" for name, value in filters.items())),
            limit=limit,
            cursor=cursor,
        )
        chosen = AuditFilter(actor=actor, action=action, user_id=user_id, since=since, until=until)
        found = await audit.list_records(
            database, chosen, before_number=None if page.after is None else page.after.number, limit=page.fetch_limit
        )
        records, link = page.cut(found, lambda record: AuditPosition(record.number))
        return json_response(records, headers=_NOT_CACHED | link)

    @router.get(
        "/chain",
        responses=describes("AuditRecord", problems=ADMIN_PROBLEMS, media_type=_NDJSON),
        response_class=StreamingResponse,
    )
    async def read_chain() -> StreamingResponse:
        """Return the whole log, one line of JSON per record, oldest first, for `switchboard audit verify`.

        The first line says where the chain starts and ends (`number`, `hash`, `pruned_number`, `pruned_hash`). The last
        one is `{"records"}`, their number; if it is missing, the response was interrupted.
        """
        head = await audit.head(database)  # before the response starts, so that an unavailable database is a 503
        return StreamingResponse(
            _lines(head, audit.chain(database)),
            media_type=_NDJSON,
            headers=_NOT_CACHED | {"X-Accel-Buffering": "no"},
        )

    return router


async def _lines(head: ChainHead, records: AsyncIterator[AuditRecord]) -> AsyncIterator[bytes]:
    yield _json.encode(head) + b"\n"
    sent = 0
    try:
        async for record in records:
            yield _json.encode(record) + b"\n"
            sent += 1
    except DependencyUnavailable as error:
        log.warning("reading of the audit log interrupted", reason=str(error))
        return
    yield _json.encode(ChainEnd(records=sent)) + b"\n"
