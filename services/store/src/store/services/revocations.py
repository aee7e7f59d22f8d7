"""Revoking users' tokens."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from shared.contracts import TokensRevokedV1
from shared.contracts.internal import RevokedTokens
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.ports import Publisher
from shared.revocation import Revocations
from store.core.audit import Action, Actor, AuditEntry
from store.repository import audit, revocations
from store.repository.postgres.database import Database

log = structlog.get_logger(__name__)

_PUBLISH_SECONDS = 2.0


class RevocationService:
    """Revokes tokens, and tells every process at once.

    Args:
        publisher: tells the other processes; without it they notice within `shared.revocation.REFRESH_SECONDS`.
        current: the set of this process.
        utc_now: the wall clock.
        keep_for: how long a revocation is kept: as long as a token may be valid.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        current: Revocations,
        *,
        utc_now: Callable[[], datetime],
        keep_for: timedelta,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self.current = current
        self._utc_now = utc_now
        self._keep_for = keep_for

    async def revoke(self, user_id: str, token_id: str | None, *, actor: Actor) -> RevokedTokens:
        """Revoke one token of a user, or all that were issued until now.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
            TooManyRevocations: see `store.repository.revocations`.
        """
        now = self._utc_now()
        async with self._database.transaction() as transaction:
            revoked = await revocations.revoke(
                transaction,
                user_id,
                token_id,
                not_before=now,
                expires_at=now + self._keep_for,
                revoked_by=actor.name,
            )
            await audit.append(transaction, [_audit_entry(actor, Action.TOKENS_REVOKED, user_id, token_id)], now=now)
        self.current.add(revoked)
        await self._tell(revoked, now)
        log.info("tokens revoked", user_id=user_id, token_id=token_id, revoked_by=actor.name)
        return revoked

    async def restore(self, user_id: str, token_id: str | None, *, actor: Actor) -> bool:
        """Withdraw a revocation; return whether there was one. Processes notice with their next read.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
        """
        now = self._utc_now()
        async with self._database.transaction() as transaction:
            if not await revocations.restore(transaction, user_id, token_id):
                return False
            await audit.append(transaction, [_audit_entry(actor, Action.TOKENS_RESTORED, user_id, token_id)], now=now)
        log.info("revocation withdrawn", user_id=user_id, token_id=token_id, withdrawn_by=actor.name)
        return True

    async def _tell(self, revoked: RevokedTokens, now: datetime) -> None:
        event = TokensRevokedV1(
            id=uuid4().hex,
            occurred_at=now,
            received_at=now,
            user_id=revoked.user_id,
            token_id=revoked.token_id,
            not_before=revoked.not_before,
        )
        try:
            async with asyncio.timeout(_PUBLISH_SECONDS):
                await self._publisher.publish([event])
        except (DependencyUnavailable, TransientError, TimeoutError) as error:
            log.warning("revocation not published; processes notice when they read the set", reason=str(error))


def _audit_entry(actor: Actor, action: Action, user_id: str, token_id: str | None) -> AuditEntry:
    return AuditEntry(actor=actor, action=action, target=token_id or "all", user_id=user_id)
