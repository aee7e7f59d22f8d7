"""Parked items: inspecting and replaying them. Requires an admin token."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from shared.http.problems import ProblemRaised
from shared.security.admin_tokens import AdminScope
from store.core.audit import Action, Actor, AuditEntry
from store.core.cursors import CursorSigner, ParkedPosition
from store.repository import audit, parked
from store.repository.parked import ParkedEntry, ParkedItem
from store.repository.postgres.database import Database
from store.routes.access import Access
from store.routes.openapi import ADMIN_PROBLEMS, BODY_PROBLEMS, describes
from store.routes.pagination import Cursor, Limit, PageRequest
from store.routes.requests import ReplayBody
from store.routes.responses import NotReplayed, ParkedDetail, ParkedSummary, Replayed, json_response
from store.services.replay import ReplayService

log = structlog.get_logger(__name__)


def parked_router(
    database: Database,
    service: ReplayService,
    access: Access,
    signer: CursorSigner,
    *,
    utc_now: Callable[[], datetime],
) -> APIRouter:
    """Return the routes that read and replay parked items."""
    router = APIRouter(prefix="/api", tags=["parked"])
    reader = Depends(access.admin(AdminScope.PARKED_READ))
    writer = Depends(access.admin(AdminScope.PARKED_WRITE))

    async def record(actor: Actor, action: Action, target: str, *, number: int) -> None:
        """Record that personal data is about to be shown: if that fails, nothing is shown."""
        entry = AuditEntry(actor=actor, action=action, target=target, user_id=None, details={"items": number})
        async with database.transaction() as transaction:
            await audit.append(transaction, [entry], now=utc_now())

    @router.get(
        "/parked",
        responses=describes(
            "ParkedSummary", is_list=True, headers=["Link"], problems=[*ADMIN_PROBLEMS, "invalid-cursor"]
        ),
        response_class=Response,
    )
    async def list_parked(
        actor: Annotated[Actor, reader],
        unreplayed: Annotated[bool, Query(description="Only items that were not replayed.")] = False,  # noqa: FBT002 - a query parameter
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """List parked items, the latest first."""
        page = PageRequest(
            signer,
            ParkedPosition,
            path="/api/parked",
            parameters={"unreplayed": "true" if unreplayed else None},
            bound_to=("", "parked", str(unreplayed)),
            limit=limit,
            cursor=cursor,
        )
        found = await parked.list_items(database, unreplayed_only=unreplayed, after=page.after, limit=page.fetch_limit)
        await record(actor, Action.PARKED_LISTED, "", number=min(len(found), limit))
        entries, link = page.cut(found, lambda entry: ParkedPosition(entry.parked_at, entry.id))
        return json_response([_summary(entry) for entry in entries], headers={"Cache-Control": "no-store"} | link)

    @router.get(
        "/parked/{item_id}",
        responses=describes("ParkedDetail", problems=[*ADMIN_PROBLEMS, "not-found"]),
        response_class=Response,
    )
    async def show_parked(
        actor: Annotated[Actor, reader],
        item_id: Annotated[str, Path(max_length=256, examples=["9f2d7c0a4b1e4c55a0d3e6f7b8c9d0e1"])],
    ) -> Response:
        """Return one parked item with its original event."""
        items = await parked.get_items(database, [item_id])
        if not items:
            raise ProblemRaised("not-found", "There is no parked item with this ID.")
        await record(actor, Action.PARKED_SHOWN, items[0].id, number=1)
        return json_response(_detail(items[0]), headers={"Cache-Control": "no-store"})

    @router.post(
        "/parked/replay",
        responses=describes("Replayed", problems=[*ADMIN_PROBLEMS, *BODY_PROBLEMS]),
        response_class=Response,
    )
    async def replay_parked(body: ReplayBody, actor: Annotated[Actor, writer]) -> Response:
        """Publish the original events again. An event that fails again is parked again, as the same item."""
        result = await service.replay(list(dict.fromkeys(body.ids)), actor=actor)
        log.info(
            "parked items replayed",
            item_ids=result.replayed,
            not_replayed=result.not_replayed,
            replayed_by=actor.name,
        )
        not_replayed = [NotReplayed(id=item_id, reason=reason) for item_id, reason in result.not_replayed.items()]
        return json_response(Replayed(replayed=result.replayed, not_replayed=not_replayed))

    return router


def _summary(item: ParkedEntry) -> ParkedSummary:
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
    event = item.event
    readable: dict[str, Any] | None = None if event is None else msgspec.json.decode(msgspec.json.encode(event))
    return ParkedDetail(
        **msgspec.structs.asdict(_summary(item)),
        content_type=item.content_type,
        original=readable,
        original_base64=b64encode(item.original).decode(),
    )
