"""What was given up: looking at it, and giving it another try. For holders of an admin token."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import structlog
from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from shared.contracts import Event, decode
from shared.errors import DependencyUnavailable, MalformedEvent, SwitchboardError
from shared.http.problems import ProblemRaised
from shared.messaging.ports import Publisher
from store.core.cursors import CursorSeal, ParkedPosition
from store.repository import parked
from store.repository.database import Database
from store.repository.parked import ParkedEntry, ParkedItem
from store.routes.access import Access
from store.routes.openapi import ADMIN_PROBLEMS, BODY_PROBLEMS, describes
from store.routes.responses import json_response
from store.views import NotReplayed, ParkedDetail, ParkedSummary, ReplayBody, Replayed, next_link

log = structlog.get_logger(__name__)


def parked_router(
    database: Database, publisher: Publisher, access: Access, seal: CursorSeal, *, utc_now: Callable[[], datetime]
) -> APIRouter:
    """Return the routes over parked items."""
    router = APIRouter(prefix="/api", tags=["parked"])
    admin = Depends(access.admin)

    @router.get(
        "/parked",
        responses=describes(
            "ParkedSummary", is_list=True, headers=["Link"], problems=[*ADMIN_PROBLEMS, "invalid-cursor"]
        ),
        response_class=Response,
        dependencies=[admin],
    )
    async def list_parked(
        unreplayed: Annotated[bool, Query(description="Only those that were not replayed.")] = False,  # noqa: FBT002 - a query parameter
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=2048)] = None,
    ) -> Response:
        """List what was given up, the latest first."""
        bound_to = ("", "parked", str(unreplayed))
        after = None if cursor is None else seal.read(cursor, ParkedPosition, bound_to=bound_to)
        found = await parked.parked(database, unreplayed_only=unreplayed, after=after, limit=limit + 1)
        headers = {"Cache-Control": "no-store"}
        if len(found) > limit:
            found = found[:limit]
            following = seal.write(ParkedPosition(found[-1].parked_at, found[-1].id), bound_to=bound_to)
            headers["Link"] = next_link(
                "/api/parked", {"unreplayed": "true" if unreplayed else None, "limit": limit, "cursor": following}
            )
        return json_response([_summary(entry) for entry in found], headers=headers)

    @router.get(
        "/parked/{item_id}",
        responses=describes("ParkedDetail", problems=[*ADMIN_PROBLEMS, "not-found"]),
        response_class=Response,
        dependencies=[admin],
    )
    async def show_parked(
        item_id: Annotated[str, Path(max_length=256, examples=["9f2d7c0a4b1e4c55a0d3e6f7b8c9d0e1"])],
    ) -> Response:
        """Show one item with the event as it was."""
        items = await parked.parked_whole(database, [item_id])
        if not items:
            raise ProblemRaised("not-found", "No such item was parked.")
        return json_response(_detail(items[0]), headers={"Cache-Control": "no-store"})

    @router.post(
        "/parked/replay",
        responses=describes("Replayed", problems=[*ADMIN_PROBLEMS, *BODY_PROBLEMS]),
        response_class=Response,
    )
    async def replay_parked(body: ReplayBody, replayed_by: Annotated[str, admin]) -> Response:
        """Publish the originals again; what fails once more is parked once more, as the same item."""
        replay = _Replay(database, publisher, utc_now=utc_now)
        done, left = await replay.run(list(dict.fromkeys(body.ids)))
        log.info("parked items replayed", item_ids=done, not_replayed=left, replayed_by=replayed_by)
        return json_response(
            Replayed(replayed=done, not_replayed=[NotReplayed(id=i, reason=why) for i, why in left.items()])
        )

    return router


class _Replay:
    """Publishes parked events again, one by one."""

    def __init__(self, database: Database, publisher: Publisher, *, utc_now: Callable[[], datetime]) -> None:
        self._database = database
        self._publisher = publisher
        self._utc_now = utc_now

    async def run(self, ids: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        """Return which items were published, and of the others (by id) why not."""
        items = {item.id: item for item in await parked.parked_whole(self._database, ids)}
        done: list[str] = []
        left: dict[str, str] = {}
        away: str | None = None
        for item_id in ids:
            item = items.get(item_id)
            event = None if item is None else _original(item)
            if item is None:
                left[item_id] = "No such item was parked."
            elif event is None:
                left[item_id] = "It cannot be read as an event."
            elif away is not None:
                left[item_id] = away
            else:
                try:
                    await self._publish(item_id, event)
                except SwitchboardError as error:
                    left[item_id] = str(error)
                    away = str(error) if isinstance(error, DependencyUnavailable) else None
                else:
                    done.append(item_id)
        return done, left

    async def _publish(self, item_id: str, event: Event) -> None:
        marked_at = self._utc_now()
        # Marked first: where the event fails again, parking it again takes the mark away, and must not come before it.
        await parked.mark_replayed(self._database, [item_id], now=marked_at)
        try:
            await self._publisher.publish([event])
        except SwitchboardError:
            await parked.unmark_replayed(self._database, item_id, marked_at=marked_at)
            raise


def _original(item: ParkedItem) -> Event | None:
    """Return the event that was given up; None where it was never readable."""
    try:
        return decode(item.content_type, item.original)
    except MalformedEvent:
        return None


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
    event = _original(item)
    readable: dict[str, Any] | None = None if event is None else msgspec.json.decode(msgspec.json.encode(event))
    return ParkedDetail(
        **msgspec.structs.asdict(_summary(item)),
        content_type=item.content_type,
        original=readable,
        original_base64=b64encode(item.original).decode(),
    )
