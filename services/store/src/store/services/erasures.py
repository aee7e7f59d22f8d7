"""Erasing people."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from shared.contracts import Platform
from store.core.audit import Action, Actor, AuditEntry
from store.core.erased import IdentityDigests
from store.repository import audit
from store.repository.erasures import requests
from store.repository.postgres.database import Database

log = structlog.get_logger(__name__)


class ErasureService:
    """Begins erasures and tells the users' devices.

    Args:
        digests: makes the digests by which late deliveries are recognized.
        remember_for: for how long.
        utc_now: the wall clock.
        notify_changed: called with the users whose inbox has changed.
        wake_job: called when there is something to erase.
    """

    def __init__(
        self,
        database: Database,
        digests: IdentityDigests,
        *,
        remember_for: timedelta,
        utc_now: Callable[[], datetime],
        notify_changed: Callable[[Sequence[str]], None],
        wake_job: Callable[[], None],
    ) -> None:
        self._database = database
        self._digests = digests
        self._remember_for = remember_for
        self._utc_now = utc_now
        self._notify_changed = notify_changed
        self._wake_job = wake_job

    async def erase(self, platform: Platform, participant_id: str, *, user_id: str | None, actor: Actor) -> str:
        """Begin to erase a person; return the ID of the erasure.

        Args:
            platform: of the person.
            participant_id: of the person, on that platform.
            user_id: erase only what this user has; None: what anybody has, and what belongs to nobody.
            actor: who asks, for the audit log.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
        """
        erasure_id, now = uuid4().hex, self._utc_now()
        users = [user_id] if user_id is not None else await self._everybody(platform, participant_id)
        # One transaction, so that a crash erases the person everywhere or nowhere.
        async with self._database.transaction() as transaction:
            for each in users:
                await requests.request(
                    transaction,
                    erasure_id,
                    each,
                    platform,
                    participant_id,
                    digests=self._digests,
                    now=now,
                    remember_for=self._remember_for,
                )
            entry = AuditEntry(actor=actor, action=Action.PERSON_ERASED, target=erasure_id, user_id=user_id)
            await audit.append(transaction, [entry], now=now)
        self._notify_changed([each for each in users if each != requests.NOBODY])
        self._wake_job()
        log.info("erasing a person", erasure_id=erasure_id, users=len(users))
        return erasure_id

    async def _everybody(self, platform: Platform, participant_id: str) -> list[str]:
        return [requests.NOBODY, *await requests.find_users(self._database, platform, participant_id)]
