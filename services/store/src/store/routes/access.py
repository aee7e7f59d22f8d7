"""Who may do what: users read their own inbox, admin tokens manage accounts and tokens."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from shared.http.problems import ProblemRaised
from shared.security.bearer import is_one_of
from shared.security.user_tokens import USER_ID_PATTERN, InvalidUserToken, UserTokenVerifier

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_user_scheme = HTTPBearer(auto_error=False, scheme_name="userToken", description="A user's JSON Web Token.")
_admin_scheme = HTTPBearer(auto_error=False, scheme_name="adminToken", description="An admin token.")


class Access:
    """Checks of bearer tokens, as FastAPI dependencies.

    Args:
        verifier: verifies users' tokens.
        admin_tokens: all of them are valid.
    """

    def __init__(self, verifier: UserTokenVerifier, admin_tokens: Sequence[SecretStr]) -> None:
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

    async def reader_or_admin(
        self,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_user_scheme)],
        user_id: Annotated[
            str | None,
            Query(pattern=USER_ID_PATTERN, description="Only this user; with a user's token, no other is allowed."),
        ] = None,
    ) -> str | None:
        """Return the user whose rows may be read; None for all users, which requires an admin token."""
        if credentials is not None and is_one_of(credentials.credentials, self._admin_tokens):
            return user_id
        return await self.reader(credentials, user_id)

    async def admin(self, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_admin_scheme)]) -> str:
        """Return a fingerprint of the admin token, for the audit log."""
        token = None if credentials is None else credentials.credentials
        if token is None or not is_one_of(token, self._admin_tokens):
            raise ProblemRaised("unauthorized", "An admin token is required.", headers=_CHALLENGE)
        return sha256(token.encode()).hexdigest()[:12]
