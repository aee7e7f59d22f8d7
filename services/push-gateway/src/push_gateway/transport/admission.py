"""Decides who may open a session, whichever transport they use: connection limit and user token."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from push_gateway.core.close_codes import CloseCode
from push_gateway.delivery.session import Client, Refusal, RenewedToken
from push_gateway.transport.handshake import SessionRequest
from shared.contracts.inbox import Who
from shared.errors import DependencyUnavailable
from shared.security.user_tokens import InvalidUserToken, UserToken, UserTokenVerifier

log = structlog.get_logger(__name__)

_VERIFY_SECONDS = 5.0
_MAX_NAME_CHARACTERS = 100
_RETRY_AFTER_MS = 2_000

RETRY_LATER = Refusal(CloseCode.RESTARTING, f"retry_after_ms={_RETRY_AFTER_MS}")
"""The client did nothing wrong: its token cannot be verified now, or the process is stopping."""
_TOO_MANY = Refusal(CloseCode.TOO_MANY_SOCKETS, "this server has reached its limit of sockets")


class Admission:
    """One instance per process.

    Args:
        verifier: Verifies user tokens; it may have to fetch keys first.
        max_connections: How many clients this process serves at once, including those that are being authenticated.
        utc_now: The wall clock, UTC.
    """

    def __init__(self, verifier: UserTokenVerifier, *, max_connections: int, utc_now: Callable[[], datetime]) -> None:
        self._verifier = verifier
        self._max_connections = max_connections
        self._utc_now = utc_now
        self._connections = 0

    @contextmanager
    def counted(self) -> Iterator[Refusal | None]:
        """Count a client while the context lasts; yields a refusal if the process has too many."""
        self._connections += 1
        try:
            yield _TOO_MANY if self._connections > self._max_connections else None
        finally:
            self._connections -= 1

    async def authenticate(self, request: SessionRequest) -> Client | Refusal:
        """Verify the token of `request`, which must belong to the user whose inbox it asks for."""
        token = await self._verified(request.user_id, request.token.get_secret_value() if request.token else "")
        if isinstance(token, Refusal):
            return token
        name = token.name[:_MAX_NAME_CHARACTERS] if token.name else None
        return Client(
            user_id=request.user_id,
            who=Who(id=request.client or secrets.token_hex(8), name=name),
            after=request.after,
            epoch=request.epoch,
            token=token,
            token_expires_at=self._expires_at(token),
        )

    async def renew_token(self, user_id: str, token: str) -> RenewedToken | Refusal:
        """Verify a new token of `user_id`."""
        verified = await self._verified(user_id, token)
        return verified if isinstance(verified, Refusal) else RenewedToken(verified, self._expires_at(verified))

    async def _verified(self, user_id: str, token: str) -> UserToken | Refusal:
        if not token:
            return Refusal(CloseCode.BAD_TOKEN, "a token is required")
        try:
            async with asyncio.timeout(_VERIFY_SECONDS):
                verified = await self._verifier.verify(token)
        except InvalidUserToken:
            return Refusal(CloseCode.BAD_TOKEN, "the token is invalid or expired")
        except (DependencyUnavailable, TimeoutError) as error:
            log.warning("token verification unavailable", reason=str(error))
            return RETRY_LATER
        if verified.user_id != user_id:
            return Refusal(CloseCode.NOT_YOUR_USER, "the token belongs to another user")
        return verified

    def _expires_at(self, token: UserToken) -> float:
        return asyncio.get_running_loop().time() + (token.expires_at - self._utc_now()).total_seconds()
