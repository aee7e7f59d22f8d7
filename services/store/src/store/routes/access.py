"""Who may do what: users read their own inbox, admin tokens manage accounts and tokens."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, NamedTuple

from fastapi import Depends, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.http.problems import ProblemRaised
from shared.security.admin_tokens import AdminScope, AdminToken, identify
from shared.security.user_tokens import USER_ID_PATTERN, InvalidUserToken, UserTokenVerifier
from store.core.audit import Actor

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_user_scheme = HTTPBearer(auto_error=False, scheme_name="userToken", description="A user's JSON Web Token.")
_admin_scheme = HTTPBearer(auto_error=False, scheme_name="adminToken", description="An admin token.")


class Requester(NamedTuple):
    """Who asks, and for whose data."""

    actor: Actor
    user_id: str | None
    """None: the data of all users, which only an admin may ask for."""


class Access:
    """Checks of bearer tokens, as FastAPI dependencies.

    Args:
        verifier: verifies users' tokens.
        admin_tokens: all of them are valid; each allows what its scopes say.
    """

    def __init__(self, verifier: UserTokenVerifier, admin_tokens: Sequence[AdminToken]) -> None:
        self._verifier = verifier
        self._admin_tokens = admin_tokens

    async def reader(
        self,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_user_scheme)],
        user_id: Annotated[
            str | None,
            Query(pattern=USER_ID_PATTERN, description="The user of the token; no other is allowed."),
        ] = None,
    ) -> str:
        """Return the user of the token, whose inbox may be read."""
        if credentials is None:
            raise ProblemRaised("unauthorized", "Send `Authorization: Bearer <token>`.", headers=_CHALLENGE)
        try:
            token = await self._verifier.verify(credentials.credentials)
        except InvalidUserToken as error:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise ProblemRaised("unauthorized", f"The token is invalid: {error}.", headers=challenge) from error
        if user_id is not None and user_id != token.user_id:
            raise ProblemRaised("forbidden", "The token belongs to another user.")
        return token.user_id

    def reader_or_admin(self, scope: AdminScope) -> Callable[..., Awaitable[str | None]]:
        """Return a dependency: the user whose rows may be read; None for all users, which an admin with `scope` may."""

        async def reader_or_admin(asking: Annotated[Requester, Depends(self.requester(scope))]) -> str | None:
            return asking.user_id

        return reader_or_admin

    def requester(self, scope: AdminScope) -> Callable[..., Awaitable[Requester]]:
        """Return a dependency: who asks, a user or an admin with `scope`, and for which user's data."""

        async def requester(
            credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_user_scheme)],
            user_id: Annotated[
                str | None,
                Query(pattern=USER_ID_PATTERN, description="Only this user; with a user's token, no other is allowed."),
            ] = None,
        ) -> Requester:
            if credentials is not None and (admin := identify(credentials.credentials, self._admin_tokens)) is not None:
                _demand(scope, admin)
                return Requester(Actor("admin", admin.name), user_id)
            own = await self.reader(credentials, user_id)
            return Requester(Actor("user", own), own)

        return requester

    def admin(self, scope: AdminScope) -> Callable[..., Awaitable[Actor]]:
        """Return a dependency that demands an admin token with `scope`, and returns who it is."""

        async def admin(
            credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_admin_scheme)],
        ) -> Actor:
            found = None if credentials is None else identify(credentials.credentials, self._admin_tokens)
            if found is None:
                raise ProblemRaised("unauthorized", "An admin token is required.", headers=_CHALLENGE)
            _demand(scope, found)
            return Actor("admin", found.name)

        return admin


def _demand(scope: AdminScope, admin: AdminToken) -> None:
    if scope not in admin.scopes:
        # RFC 6750, section 3.1: the token is valid and allows too little.
        challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        raise ProblemRaised("forbidden", f"The admin token {admin.name!r} lacks the scope {scope}.", headers=challenge)
