"""Erasing people: with a user's token in that user's inbox, with an admin token everywhere."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from shared.contracts import Platform
from shared.http.problems import ProblemRaised
from shared.security.admin_tokens import AdminScope
from store.repository.erasures import requests
from store.repository.erasures.requests import Erasure
from store.repository.postgres.database import Database
from store.routes.access import Access, Requester
from store.routes.openapi import USER_PROBLEMS, describes
from store.routes.responses import json_response
from store.services.erasures import ErasureService

ParticipantId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,128}$", examples=["7001"])]
ErasureId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["9f2d7c0a4b1e4c55a0d3e6f7b8c9d0e1"])]

_FOR_ADMINS_TOO: dict[str, Any] = {"security": [{"adminToken": []}]}


def people_router(database: Database, service: ErasureService, access: Access) -> APIRouter:
    """Return the routes that erase people."""
    router = APIRouter(prefix="/api", tags=["people"])
    eraser = Depends(access.requester(AdminScope.PEOPLE_ERASE))

    async def found(erasure_id: str, user_id: str | None) -> Erasure:
        erasure = await requests.status(database, erasure_id, user_id=user_id)
        if erasure is None:
            raise ProblemRaised("not-found", "There is no erasure with this ID.")
        return erasure

    @router.delete(
        "/people/{platform}/{participant_id}",
        status_code=202,
        responses=describes("Erasure", status_code=202, headers=["Location"], problems=USER_PROBLEMS),
        response_class=Response,
        openapi_extra=_FOR_ADMINS_TOO,
    )
    async def erase_person(
        asking: Annotated[Requester, eraser], platform: Platform, participant_id: ParticipantId
    ) -> Response:
        """Erase a person: conversations at once, everything else soon. `Location` says how far it is.

        An admin token erases the person for all users, or with `user_id` for one. This cannot be undone.
        """
        erasure_id = await service.erase(platform, participant_id, user_id=asking.user_id, actor=asking.actor)
        path = f"/api/erasures/{erasure_id}"
        return json_response(await found(erasure_id, asking.user_id), status_code=202, headers={"Location": path})

    @router.get(
        "/erasures/{erasure_id}",
        responses=describes("Erasure", problems=[*USER_PROBLEMS, "not-found"]),
        response_class=Response,
        openapi_extra=_FOR_ADMINS_TOO,
    )
    async def show_erasure(asking: Annotated[Requester, eraser], erasure_id: ErasureId) -> Response:
        """Return how far an erasure is. A user sees those of their own inbox."""
        return json_response(await found(erasure_id, asking.user_id))

    return router
