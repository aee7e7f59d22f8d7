"""Hashes of what is stored, for comparing two databases. Requires an admin token."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
import structlog
from fastapi import APIRouter, Depends, Query
from starlette.responses import StreamingResponse

from shared.errors import DependencyUnavailable
from shared.security.admin_tokens import AdminScope
from shared.security.user_tokens import USER_ID_PATTERN
from store.core.state_hashes import TotalState, UserState
from store.repository.postgres.database import Database
from store.repository.verification import states
from store.routes.access import Access
from store.routes.openapi import ADMIN_PROBLEMS, describes

log = structlog.get_logger(__name__)
_json = msgspec.json.Encoder()
_NDJSON = "application/x-ndjson"


def verify_router(database: Database, access: Access) -> APIRouter:
    """Return the route that hashes what is stored."""
    router = APIRouter(prefix="/api", tags=["ledger"], dependencies=[Depends(access.admin(AdminScope.LEDGER))])

    @router.get(
        "/verify",
        responses=describes("UserState", problems=ADMIN_PROBLEMS, media_type=_NDJSON),
        response_class=StreamingResponse,
    )
    async def verify(
        user_id: Annotated[str | None, Query(pattern=USER_ID_PATTERN, description="Only this user.")] = None,
    ) -> StreamingResponse:
        """Hash every user's facts: one line of JSON per user, sorted by ID, then `{"users", "hash"}` for all together.

        If the last line is missing, the response was interrupted. Changes made meanwhile may or may not be included.
        """
        all_states = aiter(states.all_states(database, user_id=user_id))
        first = await anext(all_states)  # before the response starts, so that an unavailable database is a 503
        return StreamingResponse(
            _lines(first, all_states),
            media_type=_NDJSON,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return router


async def _lines(first: UserState | TotalState, others: AsyncIterator[UserState | TotalState]) -> AsyncIterator[bytes]:
    yield _json.encode(first) + b"\n"
    try:
        async for state in others:
            yield _json.encode(state) + b"\n"
    except DependencyUnavailable as error:
        log.warning("verification interrupted", reason=str(error))
