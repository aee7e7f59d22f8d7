"""The ledger: what became of every item. Requires an admin token."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from shared.security.admin_tokens import AdminScope
from store.repository.ledger import reports
from store.repository.postgres.database import Database
from store.routes.access import Access
from store.routes.openapi import ADMIN_PROBLEMS, describes
from store.routes.pagination import Limit
from store.routes.requests import Moment
from store.routes.responses import json_response

_NOT_CACHED = {"Cache-Control": "no-store"}
_LONGEST_AGE_SECONDS = 366 * 24 * 3600


def ledger_router(database: Database, access: Access, *, utc_now: Callable[[], datetime]) -> APIRouter:
    """Return the routes that read the ledger."""
    router = APIRouter(prefix="/api/ledger", tags=["ledger"], dependencies=[Depends(access.admin(AdminScope.LEDGER))])

    @router.get(
        "", responses=describes("AccountLedger", is_list=True, problems=ADMIN_PROBLEMS), response_class=Response
    )
    async def list_accounts(
        since: Annotated[Moment | None, Query(description="Only items received since this time.")] = None,
    ) -> Response:
        """Sum up what every account received and what became of it: `received` is the sum of all other numbers."""
        return json_response(await reports.ledger(database, since=since), headers=_NOT_CACHED)

    @router.get(
        "/unaccounted",
        responses=describes("Unaccounted", is_list=True, problems=ADMIN_PROBLEMS),
        response_class=Response,
    )
    async def list_unaccounted(
        older_than_seconds: Annotated[float, Query(ge=0, le=_LONGEST_AGE_SECONDS)] = 60.0,
        limit: Limit = 50,
    ) -> Response:
        """List webhooks with items that have no outcome, those missing for the longest time first."""
        before = utc_now() - timedelta(seconds=older_than_seconds)
        return json_response(await reports.unaccounted(database, before=before, limit=limit), headers=_NOT_CACHED)

    return router
