"""Profile look-ups that were put off: claimed from the store, made, and their result published."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NoReturn, Protocol

import structlog

from enricher.accounts import AccountCache, Page
from enricher.core.lookups import Answer, Nobody, Wanted, resolved
from enricher.profiles import ProfileDirectory
from shared.contracts.internal import Lookup, PageOwners
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.ports import Publisher

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 1.0
LOOKUPS_PER_CLAIM = 20
LEASE_SECONDS = 60.0
"""Longer than a whole round takes, so that nobody else makes the same calls."""
ROUND_SECONDS = 45.0


class LookupQueue(Protocol):
    """Where look-ups wait until they are due."""

    async def claim_lookups(self, limit: int, *, lease_seconds: float) -> Sequence[Lookup]:
        """Return due look-ups, nobody else's for `lease_seconds`.

        Raises:
            DependencyUnavailable: it cannot be asked at the moment.
        """


class LookupWorker:
    """Makes the look-ups that are due, while the Graph API answers.

    Args:
        jitter: returns a number in [0, 1).
        now: the time of day.
    """

    def __init__(
        self,
        queue: LookupQueue,
        *,
        accounts: AccountCache,
        profiles: ProfileDirectory,
        publisher: Publisher,
        jitter: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._queue = queue
        self._accounts = accounts
        self._profiles = profiles
        self._publisher = publisher
        self._jitter = jitter
        self._now = now
        self._has_ended = False

    @property
    def problem(self) -> str | None:
        """What is wrong, for an operator; None while it works."""
        return "Look-ups of profiles have stopped: restart." if self._has_ended else None

    async def run(self) -> None:
        """Work until cancelled. What was claimed and not resolved is due again when its lease ends."""
        try:
            await self._run()
        finally:
            self._has_ended = True

    async def _run(self) -> NoReturn:
        while True:
            try:
                async with asyncio.timeout(ROUND_SECONDS):
                    claimed = await self.work_once()
            except (DependencyUnavailable, TransientError, TimeoutError) as error:
                log.info("look-ups put off", reason=f"{type(error).__name__}: {error}")
                claimed = 0
            if claimed < LOOKUPS_PER_CLAIM:
                await asyncio.sleep(INTERVAL_SECONDS)

    async def work_once(self) -> int:
        """Make the look-ups that are due now; returns how many there were.

        Raises:
            DependencyUnavailable, TransientError: the store or the broker is away.
        """
        if not self._profiles.graph_is_usable:
            return 0
        lookups = await self._queue.claim_lookups(LOOKUPS_PER_CLAIM, lease_seconds=LEASE_SECONDS)
        if not lookups:
            return 0
        pages: dict[Page, int] = {(lookup.platform, lookup.page_id): 0 for lookup in lookups}
        owners = await self._accounts.owners(pages)
        answers = await asyncio.gather(
            *(self._answer(lookup, owners[lookup.platform, lookup.page_id]) for lookup in lookups)
        )
        now = self._now()
        await self._publisher.publish(
            [
                resolved(lookup, answer, now=now, jitter=self._jitter())
                for lookup, answer in zip(lookups, answers, strict=True)
            ]
        )
        return len(lookups)

    async def _answer(self, lookup: Lookup, page: PageOwners) -> Answer:
        tokens = [
            owner.token_ciphertext
            for owner in page.owners
            if owner.user_id == lookup.user_id and owner.owned_until is None and owner.token_ciphertext is not None
        ]
        if not tokens:
            return Nobody("the page has no token of this user")
        wanted = Wanted(lookup.user_id, lookup.platform, lookup.page_id, lookup.participant_id)
        return await self._profiles.look_up(wanted, tokens[0])
