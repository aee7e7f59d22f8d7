"""Who may ask: users for their own inbox, holders of an admin token for accounts and tokens."""

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
    """The checks, as FastAPI dependencies.

    Args:
        verifier: of users' tokens.
        admin_tokens: every one is valid.
    """

    def __init__(self, verifier: UserTokenVerifier, admin_tokens: Sequence[SecretStr]) -> None:
        self._verifier = verifier
        self._admin_tokens = admin_tokens

    async def reader(
        self,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_user_scheme)],
        user_id: Annotated[
            str | None,
            Query(pattern=USER_ID_PATTERN, description="Whose inbox; the token's own user, and nobody else."),
        ] = None,
    ) -> str:
        """Return the user whose inbox may be read: the token's."""
        if credentials is None:
            raise ProblemRaised("unauthorized", "Send `Authorization: Bearer <token>`.", headers=_CHALLENGE)
        try:
            token = await self._verifier.verify(credentials.credentials)
        except InvalidUserToken as error:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise ProblemRaised("unauthorized", f"The token is not valid: {error}.", headers=challenge) from error
        if user_id is not None and user_id != token.user_id:
            raise ProblemRaised("forbidden", "The token is that of another user.")
        return token.user_id

    async def reader_or_admin(
        self,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_user_scheme)],
        user_id: Annotated[
            str | None, Query(pattern=USER_ID_PATTERN, description="Only this user's; a user's token reads its own.")
        ] = None,
    ) -> str | None:
        """Return the user whose rows may be read; None for everybody's, which takes an admin token."""
        if credentials is not None and is_one_of(credentials.credentials, self._admin_tokens):
            return user_id
        return await self.reader(credentials, user_id)

    async def admin(self, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_admin_scheme)]) -> str:
        """Return a fingerprint of the admin token, for the audit log."""
        token = None if credentials is None else credentials.credentials
        if token is None or not is_one_of(token, self._admin_tokens):
            raise ProblemRaised("unauthorized", "An admin token is needed.", headers=_CHALLENGE)
        return sha256(token.encode()).hexdigest()[:12]
