"""Connecting pages and minting tokens, for holders of an admin token; listing pages, for their users too."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import uuid4

import structlog
from fastapi import APIRouter, Depends, Path, Query
from pydantic import SecretStr
from starlette.responses import Response

from shared.contracts import AccountChangedV1, Platform, derive_id
from shared.contracts.inbox import Account
from shared.http.problems import ProblemRaised
from shared.security.cipher import TokenCipher, Undecryptable
from shared.security.user_tokens import mint
from store.core.accounts import Interval, Ownership, connect, disconnect, present_owner
from store.core.cursors import AccountPosition, CursorSeal
from store.repository import accounts, reading, records, waiting
from store.repository.database import Database
from store.routes.access import Access
from store.routes.inbox import position
from store.routes.openapi import ADMIN_PROBLEMS, BODY_PROBLEMS, USER_PROBLEMS, describes
from store.routes.responses import json_response
from store.views import (
    PAGE_ID_PATTERN,
    AccountBody,
    MintedToken,
    TokenBody,
    next_link,
)

log = structlog.get_logger(__name__)

_WITH_BODY = (*ADMIN_PROBLEMS, *BODY_PROBLEMS)

PageId = Annotated[
    str,
    Path(pattern=PAGE_ID_PATTERN, description="The platform's id of the page, account or number.", examples=["1001"]),
]


class AccountDesk:
    """Changes who owns a page, tells everybody concerned, and lets waiting items go.

    Args:
        nudge_publisher: called with the users whose inbox has changed.
        nudge_releaser: called when items may have been released.
        tell_of_token: called with what is to be told of a token that was given again and is no news.
    """

    def __init__(
        self,
        database: Database,
        cipher: TokenCipher,
        *,
        utc_now: Callable[[], datetime],
        notify_changed: Callable[[Sequence[str]], None],
        wake_releaser: Callable[[], None],
        enqueue_token_change: Callable[[AccountChangedV1], None],
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._utc_now = utc_now
        self._notify_changed = notify_changed
        self._wake_releaser = wake_releaser
        self._enqueue_token_change = enqueue_token_change

    async def connect(self, platform: Platform, page_id: str, body: AccountBody) -> tuple[Interval, bool]:
        """Make the user the page's owner from now on; return the ownership and whether it is new.

        Said again it changes nothing, and no user is told; the token is encrypted anew, with the first key. It has a
        new version all the same, of which enrichers are told: an older refusal does not meet it, and they try it again.
        There is no row of the log for that, whose numbers users see. So it is told from memory; where that fails with
        this process, enrichers find out when what they remember of the page expires.
        """
        token = body.access_token
        ciphertext = None if token is None else self._cipher.encrypt(token.get_secret_value())
        page = (platform, page_id)
        async with self._database.transaction() as transaction:
            await accounts.lock_pages(transaction, [page])
            known = (await accounts.intervals(transaction, [page])).get(page, [])
            now = self._utc_now()
            change = connect(
                known,
                user_id=body.user_id,
                name=body.name,
                token_ciphertext=ciphertext,
                is_same_token=token is not None and self._has_token(present_owner(known), token),
                now=now,
            )
            await accounts.save(transaction, page, change, cause_id=uuid4().hex, now=now)
            owned = change.intervals[-1]
            await waiting.release(transaction, page, owned_from=owned.owned_from, version=owned.version)
            if change.is_news and ciphertext is not None and platform != "whatsapp":
                await records.resume_lookups(transaction, body.user_id, platform, page_id, now=now)
        self._tell(change)
        if token is not None and not change.is_news:
            self._enqueue_token_change(_token_given(page, owned, now))
        self._wake_releaser()
        return owned, change.created

    async def disconnect(self, platform: Platform, page_id: str) -> Ownership | None:
        """End the page's ownership now; return None when there is none."""
        page = (platform, page_id)
        async with self._database.transaction() as transaction:
            await accounts.lock_pages(transaction, [page])
            known = (await accounts.intervals(transaction, [page])).get(page, [])
            now = self._utc_now()
            change = disconnect(known, now=now)
            if change is not None:
                await accounts.save(transaction, page, change, cause_id=uuid4().hex, now=now)
        if change is not None:
            self._tell(change)
        return change

    def _has_token(self, owner: Interval | None, token: SecretStr) -> bool:
        if owner is None or owner.token_ciphertext is None:
            return False
        try:
            return self._cipher.decrypt(owner.token_ciphertext) == token
        except Undecryptable:
            return False

    def _tell(self, change: Ownership) -> None:
        if change.is_news:
            self._notify_changed(change.user_ids)


def accounts_router(database: Database, desk: AccountDesk, access: Access, seal: CursorSeal) -> APIRouter:
    """Return the routes that connect, list and disconnect pages; a user may list what is connected to them."""
    router = APIRouter(prefix="/api", tags=["accounts"])
    admin = [Depends(access.admin)]

    @router.put(
        "/accounts/{platform}/{page_id}",
        dependencies=admin,
        responses=describes("Account", problems=_WITH_BODY) | describes("Account", status_code=201, problems=()),
        response_class=Response,
    )
    async def connect_account(platform: Platform, page_id: PageId, body: AccountBody) -> Response:
        """Connect a page to a user; again for the same user, change its name or token. 201 when it was not theirs.

        What changes nothing takes no number, and no user is told.
        """
        owned, created = await desk.connect(platform, page_id, body)
        return json_response(_account(platform, page_id, owned), status_code=201 if created else 200)

    @router.get(
        "/accounts",
        responses=describes("Account", is_list=True, headers=["Link"], problems=[*USER_PROBLEMS, "invalid-cursor"]),
        response_class=Response,
        openapi_extra={"security": [{"adminToken": []}]},
    )
    async def list_accounts(
        user_id: Annotated[str | None, Depends(access.reader_or_admin)],
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=2048)] = None,
    ) -> Response:
        """List the pages that are connected at present: a user's own, or with an admin token everybody's."""
        bound_to = ("accounts", "all" if user_id is None else "user", user_id or "")
        after = None if cursor is None else seal.read(cursor, AccountPosition, bound_to=bound_to)
        headers = {"Cache-Control": "no-store"}
        epoch = await database.epoch()
        async with database.reading() as connection:
            if user_id is not None:
                _, headers = await position(connection, user_id, epoch)
            found = await reading.accounts(connection, user_id=user_id, after=after, limit=limit + 1)
        if len(found) > limit:
            found = found[:limit]
            following = seal.write(AccountPosition(found[-1].platform, found[-1].page_id), bound_to=bound_to)
            headers["Link"] = next_link("/api/accounts", {"user_id": user_id, "limit": limit, "cursor": following})
        return json_response(found, headers=headers)

    @router.delete(
        "/accounts/{platform}/{page_id}",
        dependencies=admin,
        status_code=204,
        responses=describes(None, status_code=204, problems=[*ADMIN_PROBLEMS, "not-found"]),
        response_class=Response,
    )
    async def disconnect_account(platform: Platform, page_id: PageId) -> Response:
        """Disconnect a page: what comes for it from now on waits for whoever connects it next."""
        if await desk.disconnect(platform, page_id) is None:
            raise ProblemRaised("not-found", "Nobody has connected this page.")
        return Response(status_code=204)

    return router


def tokens_router(
    database: Database, access: Access, *, secret: SecretStr | None, utc_now: Callable[[], datetime]
) -> APIRouter:
    """Return the route that mints users' tokens; without a secret it says where they come from."""
    router = APIRouter(prefix="/api", tags=["tokens"])

    @router.post(
        "/tokens",
        status_code=201,
        responses=describes("MintedToken", status_code=201, problems=[*_WITH_BODY, "minting-unavailable"]),
        response_class=Response,
    )
    async def mint_token(body: TokenBody, minted_by: Annotated[str, Depends(access.admin)]) -> Response:
        """Mint a user's token."""
        if secret is None:
            detail = "Users' tokens come from the identity provider that SWITCHBOARD_JWKS_URL names."
            raise ProblemRaised("minting-unavailable", detail)
        now = utc_now()
        token, expires_at = mint(secret, body.user_id, now=now, ttl=timedelta(seconds=body.ttl_seconds), name=body.name)
        async with database.transaction() as transaction:
            await accounts.audit_mint(
                transaction, body.user_id, minted_at=now, expires_at=expires_at, minted_by=minted_by
            )
        log.info("token minted", user_id=body.user_id, expires_at=expires_at.isoformat(), minted_by=minted_by)
        return json_response(
            MintedToken(token=token, expires_at=expires_at), status_code=201, headers={"Cache-Control": "no-store"}
        )

    return router


def _account(platform: Platform, page_id: str, interval: Interval) -> Account:
    return Account(
        platform=platform,
        page_id=page_id,
        user_id=interval.user_id,
        name=interval.name,
        status=interval.status,
        reason=interval.reason,
        connected_at=interval.connected_at,
    )


def _token_given(page: tuple[Platform, str], owned: Interval, now: datetime) -> AccountChangedV1:
    platform, page_id = page
    return AccountChangedV1(
        id=derive_id("account-token", platform, page_id, str(owned.version)),
        occurred_at=now,
        received_at=now,
        user_id=owned.user_id,
        platform=platform,
        page_id=page_id,
        version=owned.version,
    )
