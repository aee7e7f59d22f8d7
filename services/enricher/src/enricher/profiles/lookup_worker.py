"""Makes deferred profile lookups: claims them from the store and publishes their results."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NoReturn, Protocol

import structlog

from enricher.accounts import AccountCache
from enricher.pages import PageToken, token_of
from enricher.profiles.directory import ProfileDirectory
from enricher.profiles.lookups import (
    Deferred,
    LookupResult,
    NotFound,
    ProfileKey,
    can_be_looked_up,
    profile_resolved,
)
from shared.aio.background import bugs_caught
from shared.aio.backoff import Backoff
from shared.contracts.internal import Lookup, Owner, PageKey, PageOwners
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.ports import Publisher
from shared.store_client.errors import REFUSED_RETRY_SECONDS, StoreRefused
from shared.store_client.paths import MAX_EXCEPT_PAGES

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 1.0
LOOKUPS_PER_CLAIM = 20
LEASE_SECONDS = 60.0
"""Longer than a run may take, so that no other replica makes the same calls."""
MAX_RUN_SECONDS = 45.0
BACKOFF = Backoff(first_seconds=1.0)
REFUSED_BACKOFF = Backoff(first_seconds=REFUSED_RETRY_SECONDS, longest_seconds=2 * REFUSED_RETRY_SECONDS)
REAUTHORIZATION_HOLD_SECONDS = 60.0


class LookupQueue(Protocol):
    """Where lookups wait until they are due."""

    async def claim_lookups(
        self, limit: int, *, lease_seconds: float, except_pages: Sequence[PageKey]
    ) -> Sequence[Lookup]:
        """Return at most `limit` due lookups. No other worker gets them for `lease_seconds`.

        Args:
            limit: of lookups.
            lease_seconds: until unresolved lookups are due again.
            except_pages: pages whose lookups are not claimed.

        Raises:
            DependencyUnavailable: the queue cannot be reached.
        """


class LookupWorker:
    """Makes the lookups that are due while the Graph API responds.

    Args:
        queue: the lookups.
        accounts: the pages' tokens.
        profiles: makes the lookups.
        publisher: of the results.
        jitter: returns a random number from 0 to 1.
        utc_now: the time of day.
    """

    def __init__(
        self,
        queue: LookupQueue,
        *,
        accounts: AccountCache,
        profiles: ProfileDirectory,
        publisher: Publisher,
        jitter: Callable[[], float],
        utc_now: Callable[[], datetime],
    ) -> None:
        self._queue = queue
        self._accounts = accounts
        self._profiles = profiles
        self._publisher = publisher
        self._jitter = jitter
        self._utc_now = utc_now

    async def run(self) -> NoReturn:
        """Run until cancelled. Lookups that were claimed and not resolved are due again when their lease ends."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(MAX_RUN_SECONDS):
                    claimed = await self.run_once()
            except (DependencyUnavailable, TransientError, TimeoutError) as error:
                log.info("lookups interrupted", reason=f"{type(error).__name__}: {error}")
                failures += 1
                backoff = REFUSED_BACKOFF if isinstance(error, StoreRefused) else BACKOFF
                await asyncio.sleep(backoff.delay_seconds(failures, jitter=self._jitter()))
                continue
            failures = 0
            if claimed < LOOKUPS_PER_CLAIM:
                await asyncio.sleep(INTERVAL_SECONDS)

    async def run_once(self) -> int:
        """Make the lookups that are due now; return how many.

        Raises:
            DependencyUnavailable, TransientError: the store or the broker is unavailable.
        """
        limit = self._profiles.capacity(LOOKUPS_PER_CLAIM)
        if limit == 0:
            return 0
        lookups = await self._queue.claim_lookups(
            limit,
            lease_seconds=LEASE_SECONDS,
            except_pages=self._profiles.pages_without_capacity(calls=LOOKUPS_PER_CLAIM, limit=MAX_EXCEPT_PAGES),
        )
        if not lookups:
            return 0
        with bugs_caught("profile lookups", lookups=len(lookups)) as caught:
            await self._resolve(lookups)
        if caught.error is not None:
            await self._resolve_one_by_one(lookups)
        return len(lookups)

    async def _resolve_one_by_one(self, lookups: Sequence[Lookup]) -> None:
        """Resolve each lookup alone after a bug. One at which it happens again is deferred, and given up in the end."""
        for lookup in lookups:
            with bugs_caught("profile lookups", platform=lookup.platform, page_id=lookup.page_id) as caught:
                await self._resolve([lookup])
            if caught.error is not None:
                await self._publish({_key(lookup): Deferred("a bug")}, [lookup])

    async def _resolve(self, lookups: Sequence[Lookup]) -> None:
        """Make the lookups and publish their results."""
        keys = [_key(lookup) for lookup in lookups]
        results = await asyncio.gather(*map(self._look_up, keys, await self._tokens(lookups)))
        completed = await self._profiles.fill_missing_values(dict(zip(keys, results, strict=True)))
        await self._publish(completed, lookups)

    async def _publish(self, results: Mapping[ProfileKey, LookupResult], lookups: Sequence[Lookup]) -> None:
        now = self._utc_now()
        await self._publisher.publish(
            [profile_resolved(lookup, results[_key(lookup)], now=now, jitter=self._jitter()) for lookup in lookups]
        )

    async def _tokens(self, lookups: Sequence[Lookup]) -> list[PageToken | LookupResult]:
        """Return the token for each lookup, or its result if no call can be made.

        The store returns no lookups of a page that must be connected again. If the cache says that a page must, the
        cache is outdated.
        """
        pages = await self._owners(_key(lookup).page for lookup in lookups)
        outdated = [page for page, known in pages.items() if any(map(_needs_reauthorization, known.owners))]
        if outdated:
            self._accounts.invalidate(outdated)
            pages |= await self._owners(outdated)
        return [_token(lookup, pages[_key(lookup).page]) for lookup in lookups]

    async def _owners(self, pages: Iterable[PageKey]) -> dict[PageKey, PageOwners]:
        return await self._accounts.owners(dict.fromkeys(pages, 0))

    async def _look_up(self, key: ProfileKey, token: PageToken | LookupResult) -> LookupResult:
        return await self._profiles.look_up(key, token) if isinstance(token, PageToken) else token


def _key(lookup: Lookup) -> ProfileKey:
    return ProfileKey(lookup.user_id, lookup.platform, lookup.page_id, lookup.participant_id)


def _needs_reauthorization(owner: Owner) -> bool:
    return owner.owned_until is None and owner.status == "needs_reauthorization"


def _token(lookup: Lookup, page: PageOwners) -> PageToken | LookupResult:
    owner = next((one for one in page.owners if one.user_id == lookup.user_id and one.owned_until is None), None)
    if owner is None or not can_be_looked_up(lookup.platform) or lookup.participant_id == lookup.page_id:
        return NotFound("there is nothing to look up, or this user has no token")
    if _needs_reauthorization(owner):
        return Deferred("the page must be connected again", REAUTHORIZATION_HOLD_SECONDS)
    return token_of(owner, page.version) or NotFound("the page has no token")
