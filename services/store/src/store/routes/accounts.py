"""Accounts: connecting, listing and disconnecting pages. And users' tokens. Changes require an admin token."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import uuid4

import structlog
from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from shared.contracts import Platform
from shared.contracts.inbox import Account
from shared.http.problems import ProblemRaised
from shared.security.admin_tokens import AdminScope
from shared.security.user_tokens import UserTokenSettings, mint
from store.core.accounts import OwnershipInterval
from store.core.audit import Action, Actor, AuditEntry
from store.core.cursors import AccountPosition, CursorSigner
from store.repository import accounts, audit, lists
from store.repository.postgres.database import Database
from store.repository.postgres.user_database import UserDatabase
from store.routes.access import Access
from store.routes.inbox_headers import inbox_headers
from store.routes.openapi import ADMIN_PROBLEMS, BODY_PROBLEMS, USER_PROBLEMS, describes
from store.routes.pagination import Cursor, Limit, PageRequest
from store.routes.requests import PAGE_ID_PATTERN, AccountBody, TokenBody
from store.routes.responses import MintedToken, json_response
from store.services.accounts import AccountService

log = structlog.get_logger(__name__)

_WITH_BODY = (*ADMIN_PROBLEMS, *BODY_PROBLEMS)

PageId = Annotated[
    str,
    Path(pattern=PAGE_ID_PATTERN, description="The platform's ID of the page, account or number.", examples=["1001"]),
]


def accounts_router(
    users_database: UserDatabase, database: Database, service: AccountService, access: Access, signer: CursorSigner
) -> APIRouter:
    """Return the routes that connect, list and disconnect pages; users may list their own."""
    router = APIRouter(prefix="/api", tags=["accounts"])
    admin = Depends(access.admin(AdminScope.ACCOUNTS))

    @router.put(
        "/accounts/{platform}/{page_id}",
        responses=describes("Account", problems=_WITH_BODY) | describes("Account", status_code=201, problems=()),
        response_class=Response,
    )
    async def connect_account(
        platform: Platform, page_id: PageId, body: AccountBody, actor: Annotated[Actor, admin]
    ) -> Response:
        """Connect a page to a user, or change its name or token. The status is 201 if the page was not theirs before.

        A request that changes nothing takes no `seq` and notifies no user.
        """
        owned, created = await service.connect(
            platform, page_id, user_id=body.user_id, name=body.name, access_token=body.access_token, actor=actor
        )
        return json_response(_account(platform, page_id, owned), status_code=201 if created else 200)

    @router.get(
        "/accounts",
        responses=describes("Account", is_list=True, headers=["Link"], problems=[*USER_PROBLEMS, "invalid-cursor"]),
        response_class=Response,
        openapi_extra={"security": [{"adminToken": []}]},
    )
    async def list_accounts(
        user_id: Annotated[str | None, Depends(access.reader_or_admin(AdminScope.ACCOUNTS))],
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """List the connected pages: a user's own, or with an admin token those of all users."""
        page = PageRequest(
            signer,
            AccountPosition,
            path="/api/accounts",
            parameters={"user_id": user_id},
            bound_to=("accounts", "all" if user_id is None else "user", user_id or ""),
            limit=limit,
            cursor=cursor,
        )
        headers = {"Cache-Control": "no-store"}
        epoch = await users_database.epoch()
        reading = database.reading() if user_id is None else users_database.reading(user_id)
        async with reading as connection:
            if user_id is not None:
                _, headers = await inbox_headers(connection, user_id, epoch)
            found = await lists.accounts(connection, user_id=user_id, after=page.after, limit=page.fetch_limit)
        connected, link = page.cut(found, lambda account: AccountPosition(account.platform, account.page_id))
        return json_response(connected, headers=headers | link)

    @router.delete(
        "/accounts/{platform}/{page_id}",
        status_code=204,
        responses=describes(None, status_code=204, problems=[*ADMIN_PROBLEMS, "not-found"]),
        response_class=Response,
    )
    async def disconnect_account(platform: Platform, page_id: PageId, actor: Annotated[Actor, admin]) -> Response:
        """Disconnect a page. Its new items wait for whoever connects it next."""
        if await service.disconnect(platform, page_id, actor=actor) is None:
            raise ProblemRaised("not-found", "This page is not connected.")
        return Response(status_code=204)

    return router


def tokens_router(
    database: Database, access: Access, *, settings: UserTokenSettings, utc_now: Callable[[], datetime]
) -> APIRouter:
    """Return the route that mints users' tokens; without a secret it responds with a problem."""
    secret = settings.jwt_secret
    router = APIRouter(prefix="/api", tags=["tokens"])

    @router.post(
        "/tokens",
        status_code=201,
        responses=describes("MintedToken", status_code=201, problems=[*_WITH_BODY, "minting-unavailable"]),
        response_class=Response,
    )
    async def mint_token(
        body: TokenBody, actor: Annotated[Actor, Depends(access.admin(AdminScope.TOKENS_MINT))]
    ) -> Response:
        """Mint a token for a user."""
        if secret is None:
            detail = "The identity provider of SWITCHBOARD_JWKS_URL issues users' tokens."
            raise ProblemRaised("minting-unavailable", detail)
        now, token_id = utc_now(), uuid4().hex
        token, expires_at = mint(
            secret,
            body.user_id,
            now=now,
            ttl=timedelta(seconds=body.ttl_seconds),
            name=body.name,
            token_id=token_id,
            claims=settings.minted_claims,
        )
        async with database.transaction() as transaction:
            await accounts.audit_mint(
                transaction, body.user_id, minted_at=now, expires_at=expires_at, minted_by=actor.name
            )
            await audit.append(transaction, [_minted(actor, body.user_id, ttl_seconds=body.ttl_seconds)], now=now)
        log.info("token minted", user_id=body.user_id, expires_at=expires_at.isoformat(), minted_by=actor.name)
        return json_response(
            MintedToken(token=token, token_id=token_id, expires_at=expires_at),
            status_code=201,
            headers={"Cache-Control": "no-store"},
        )

    return router


def _minted(actor: Actor, user_id: str, *, ttl_seconds: int) -> AuditEntry:
    details = {"ttl_seconds": ttl_seconds}
    return AuditEntry(actor=actor, action=Action.TOKEN_MINTED, target=user_id, user_id=user_id, details=details)


def _account(platform: Platform, page_id: str, interval: OwnershipInterval) -> Account:
    return Account(
        platform=platform,
        page_id=page_id,
        user_id=interval.user_id,
        name=interval.name,
        status=interval.status,
        reason=interval.reason,
        connected_at=interval.connected_at,
    )
