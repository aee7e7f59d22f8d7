"""What was given up: looking at it, and giving it another try. For holders of an admin token."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from shared.contracts import Event, decode
from shared.errors import MalformedEvent, TransientError
from shared.messaging.ports import Publisher
from store.repository import records
from store.repository.database import Database
from store.repository.records import ParkedItem
from store.routes.access import Access
from store.routes.problems import ProblemRaised
from store.views import ParkedDetail, ParkedSummary, ReplayBody, Replayed, answer, describes

log = structlog.get_logger(__name__)


def parked_router(
    database: Database, publisher: Publisher, access: Access, *, clock: Callable[[], datetime]
) -> APIRouter:
    """Return the routes over parked items."""
    router = APIRouter(prefix="/api", tags=["parked"])
    admin = Depends(access.admin)

    @router.get(
        "/parked", responses=describes("ParkedSummary", is_list=True), response_class=Response, dependencies=[admin]
    )
    async def list_parked(limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Response:
        """List what was given up, the latest first."""
        items = await records.parked(database, most=limit)
        return answer([_summary(item) for item in items], headers={"Cache-Control": "no-store"})

    @router.get(
        "/parked/{item_id}",
        responses=describes("ParkedDetail", problems=[404]),
        response_class=Response,
        dependencies=[admin],
    )
    async def show_parked(item_id: Annotated[str, Path(max_length=256)]) -> Response:
        """Show one item with the event as it was."""
        items = await records.parked(database, ids=[item_id], most=1)
        if not items:
            raise ProblemRaised("not-found", "No such item was parked.")
        return answer(_detail(items[0]), headers={"Cache-Control": "no-store"})

    @router.post("/parked/replay", responses=describes("Replayed"), response_class=Response)
    async def replay_parked(body: ReplayBody, replayed_by: Annotated[str, admin]) -> Response:
        """Publish the originals again; what fails once more is parked once more, as the same item."""
        items = await records.parked(database, ids=body.ids, most=len(body.ids))
        done: list[str] = []
        for item in items:
            event = _original(item)
            if event is None:
                continue
            try:
                await publisher.publish([event])
            except TransientError as error:
                log.info("replay failed", item_id=item.id, reason=str(error))
                continue
            done.append(item.id)
        if done:
            await records.mark_replayed(database, done, now=clock())
        log.info("parked items replayed", item_ids=done, replayed_by=replayed_by)
        return answer(Replayed(replayed=done))

    return router


def _original(item: ParkedItem) -> Event | None:
    """Return the event that was given up; None where it was never readable."""
    try:
        return decode(item.content_type, item.original)
    except MalformedEvent:
        return None


def _summary(item: ParkedItem) -> ParkedSummary:
    return ParkedSummary(
        id=item.id,
        parked_at=item.parked_at,
        handler=item.handler,
        event_type=item.event_type,
        reason=item.reason,
        attempts=item.attempts,
        replayed_at=item.replayed_at,
    )


def _detail(item: ParkedItem) -> ParkedDetail:
    event = _original(item)
    readable: dict[str, Any] | None = None if event is None else msgspec.json.decode(msgspec.json.encode(event))
    return ParkedDetail(
        **msgspec.structs.asdict(_summary(item)),
        content_type=item.content_type,
        original=readable,
        original_base64=b64encode(item.original).decode(),
    )
