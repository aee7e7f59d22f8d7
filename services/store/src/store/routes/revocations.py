"""Revoking users' tokens, with an admin token."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from shared.http.problems import ProblemRaised
from shared.security.admin_tokens import AdminScope
from shared.security.user_tokens import USER_ID_PATTERN
from store.core.audit import Actor
from store.repository.revocations import TooManyRevocations
from store.routes.access import Access
from store.routes.openapi import ADMIN_PROBLEMS, BODY_PROBLEMS, describes
from store.routes.requests import MAX_TOKEN_ID_CHARACTERS, RevocationBody
from store.routes.responses import json_response
from store.services.revocations import RevocationService

UserIdInPath = Annotated[str, Path(pattern=USER_ID_PATTERN, description="Whose tokens they are.", examples=["42"])]
TokenIdInQuery = Annotated[
    str | None,
    Query(min_length=1, max_length=MAX_TOKEN_ID_CHARACTERS, description="The one token; without it, all of the user."),
]


def revocations_router(service: RevocationService, access: Access) -> APIRouter:
    """Return the routes that revoke tokens and withdraw revocations."""
    router = APIRouter(prefix="/api", tags=["tokens"])
    admin = Depends(access.admin(AdminScope.TOKENS_REVOKE))

    @router.post(
        "/token-revocations",
        status_code=201,
        responses=describes(
            "RevokedTokens", status_code=201, problems=[*ADMIN_PROBLEMS, *BODY_PROBLEMS, "too-many-revocations"]
        ),
        response_class=Response,
    )
    async def revoke_tokens(body: RevocationBody, actor: Annotated[Actor, admin]) -> Response:
        """Revoke one token of a user, or all that were issued until now. Their sockets and streams are closed."""
        try:
            revoked = await service.revoke(body.user_id, body.token_id, actor=actor)
        except TooManyRevocations as error:
            raise ProblemRaised("too-many-revocations", str(error)) from error
        return json_response(revoked, status_code=201)

    @router.delete(
        "/token-revocations/{user_id}",
        status_code=204,
        responses=describes(None, status_code=204, problems=[*ADMIN_PROBLEMS, "not-found"]),
        response_class=Response,
    )
    async def withdraw_revocation(
        user_id: UserIdInPath, actor: Annotated[Actor, admin], token_id: TokenIdInQuery = None
    ) -> Response:
        """Withdraw a revocation: the tokens are accepted again, within seconds, until they expire."""
        if not await service.restore(user_id, token_id, actor=actor):
            raise ProblemRaised("not-found", "There is no such revocation.")
        return Response(status_code=204)

    return router
