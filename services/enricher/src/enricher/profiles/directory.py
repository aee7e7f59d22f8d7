"""Who is writing: from the cache, the store or the Graph API, in this order and within a deadline."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
import structlog
from cachetools import TLRUCache

from enricher.graph.policy import GraphPolicy
from enricher.metrics import Metrics
from enricher.pages import PageToken
from enricher.profiles.freshness import fresh_until, with_known_values
from enricher.profiles.graph_lookup import ProfileSource, look_up
from enricher.profiles.lookups import Deferred, Found, LookupResult, ProfileKey
from shared.aio.background import bugs_caught
from shared.aio.single_flight import SingleFlight
from shared.contracts import Profile
from shared.contracts.internal import PageKey
from shared.errors import SwitchboardError

log = structlog.get_logger(__name__)

NEGATIVE_TTL_SECONDS = 300.0
"""How long a customer who has no profile, or whose lookup is deferred, is not looked up again.

The first message after that causes a lookup: customers consent by writing, so it may work by then.
"""
MAX_PROFILES = 100_000
MAX_PENDING_LOOKUPS = 256
"""Lookups in flight or waiting for capacity. Further ones are deferred."""


class StoredProfiles(Protocol):
    """Where profiles are stored."""

    async def last_known(self, keys: Sequence[ProfileKey]) -> Mapping[ProfileKey, Profile]:
        """Return the stored profiles. Customers without one are left out.

        Raises:
            DependencyUnavailable: the store cannot be reached.
        """


class ProfileResult(msgspec.Struct, frozen=True):
    """The profile that a message gets."""

    profile: Profile | None
    needs_lookup: bool = False
    """Whether a deferred lookup must be requested."""


class _CacheEntry(msgspec.Struct, frozen=True):
    result: ProfileResult
    ttl_seconds: float


class ProfileDirectory:
    """Finds profiles.

    Args:
        stored: profiles that any replica has found before.
        source: the Graph API.
        policy: makes the calls to it.
        monotonic: monotonic time in seconds. Must be the event loop's clock, as deadlines are.
        utc_now: the time of day.
        metrics: count where profiles came from.
    """

    def __init__(
        self,
        stored: StoredProfiles,
        *,
        source: ProfileSource,
        policy: GraphPolicy,
        monotonic: Callable[[], float],
        utc_now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._stored = stored
        self._source = source
        self._policy = policy
        self._utc_now = utc_now
        self._metrics = metrics
        self._cache: TLRUCache[ProfileKey, _CacheEntry, float] = TLRUCache(MAX_PROFILES, _expiry, timer=monotonic)
        self._lookups: SingleFlight[ProfileKey, LookupResult] = SingleFlight()

    def capacity(self, calls: int) -> int:
        """Return how many of `calls` lookups may start now."""
        return min(self._policy.capacity(calls), max(0, MAX_PENDING_LOOKUPS - len(self._lookups)))

    def pages_without_capacity(self, *, calls: int, limit: int) -> list[PageKey]:
        """Return at most `limit` pages for which `calls` calls cannot be made soon."""
        return self._policy.pages_without_capacity(calls=calls, limit=limit)

    def cached(self, key: ProfileKey) -> ProfileResult | None:
        """Return the cached result: a profile, or that there is none. None if the cache has neither."""
        entry = self._cache.get(key)
        if entry is None:
            return None
        self._metrics.profile("memory" if entry.result.profile else "nameless").inc()
        return entry.result

    async def read_stored(self, keys: Sequence[ProfileKey], *, deadline: float) -> dict[ProfileKey, ProfileResult]:
        """Return the results for customers whose profile is stored.

        An old profile is used, and a lookup is requested. If the store is unavailable, every customer gets a result
        without a profile that requests a lookup.

        Args:
            keys: the customers.
            deadline: in seconds of the event loop's clock.
        """
        found: Mapping[ProfileKey, Profile] | None = None
        try:
            with bugs_caught("reading stored profiles", customers=len(keys)):
                async with asyncio.timeout_at(deadline):
                    found = await self._stored.last_known(keys)
        except (SwitchboardError, TimeoutError):
            pass  # the messages go on without their profiles
        if found is None:
            self._metrics.profile("store_away").inc(len(keys))
            return {key: ProfileResult(None, needs_lookup=True) for key in keys}
        results = {
            key: ProfileResult(profile, needs_lookup=not self._remember(key, profile))
            for key, profile in found.items()
            if not profile.is_empty
        }
        self._metrics.profile("store").inc(len(results))
        return results

    async def look_up_now(self, key: ProfileKey, token: PageToken | None, *, deadline: float) -> ProfileResult:
        """Return what the Graph API says by `deadline`. A slower call continues and fills the cache. Never raises.

        The lookup is deferred if no call may be made now, without a token, or if it fails in any way: a message never
        fails because of its author's profile.

        Args:
            key: the customer.
            token: the page's token.
            deadline: in seconds of the event loop's clock.
        """
        is_reserved = False
        if token is not None and key not in self._lookups:
            with bugs_caught("reserving a profile lookup", platform=key.platform, page_id=key.page_id):
                is_reserved = await self._try_reserve(key, token)
        if token is None or not (is_reserved or key in self._lookups):
            self._metrics.profile("skipped").inc()
            return ProfileResult(None, needs_lookup=True)
        try:
            async with asyncio.timeout_at(deadline):
                result = await self._lookups.join(key, lambda: self._look_up(key, token, is_reserved=True))
        except TimeoutError:
            self._metrics.profile("late").inc()
            return ProfileResult(None, needs_lookup=True)
        self._metrics.profile("graph" if isinstance(result, Found) else "refused").inc()
        profile = result.profile if isinstance(result, Found) else None
        return ProfileResult(profile, needs_lookup=isinstance(result, Deferred))

    async def look_up(self, key: ProfileKey, token: PageToken) -> LookupResult:
        """Return the result of a deferred lookup. A fresh cached profile, or a lookup in flight, serves as well."""
        entry = self._cache.get(key)
        if entry is not None and entry.result.profile is not None and entry.ttl_seconds > NEGATIVE_TTL_SECONDS:
            return Found(entry.result.profile)
        return await self._lookups.join(key, lambda: self._look_up(key, token))

    async def fill_missing_values(self, results: Mapping[ProfileKey, LookupResult]) -> dict[ProfileKey, LookupResult]:
        """Return `results` with the missing values of profiles taken from the stored ones.

        Raises:
            DependencyUnavailable: the store cannot be reached.
        """
        keys = [key for key, result in results.items() if isinstance(result, Found)]
        stored = await self._stored.last_known(keys) if keys else {}
        completed = dict(results)
        for key in keys:
            result = results[key]
            assert isinstance(result, Found)
            profile = with_known_values(result.profile, stored.get(key))
            if profile != result.profile:
                self._remember(key, profile)
                completed[key] = Found(profile)
        return completed

    def mark_requested(self, keys: Sequence[ProfileKey]) -> None:
        """Remember that deferred lookups were requested, so that the next message does not request them again."""
        for key in keys:
            if key not in self._cache:
                self._cache[key] = _CacheEntry(ProfileResult(None), NEGATIVE_TTL_SECONDS)

    async def close(self) -> None:
        """Cancel pending lookups."""
        await self._lookups.close()

    async def _try_reserve(self, key: ProfileKey, token: PageToken) -> bool:
        return len(self._lookups) < MAX_PENDING_LOOKUPS and await self._policy.try_reserve(key.page, token)

    async def _look_up(self, key: ProfileKey, token: PageToken, *, is_reserved: bool = False) -> LookupResult:
        """Return the result. A bug defers the lookup, and after some attempts the lookup is given up."""
        try:
            with bugs_caught("a profile lookup", platform=key.platform, page_id=key.page_id):
                result = await look_up(key, token, source=self._source, policy=self._policy, is_reserved=is_reserved)
                if isinstance(result, Found):
                    self._remember(key, result.profile)
                elif not isinstance(result, Deferred):
                    self._cache[key] = _CacheEntry(ProfileResult(None), NEGATIVE_TTL_SECONDS)
                return result
        except (SwitchboardError, TimeoutError) as error:
            log.warning("profile lookup deferred", platform=key.platform, page_id=key.page_id, reason=repr(error))
        return Deferred("the lookup failed in a way that nobody expected")

    def _remember(self, key: ProfileKey, profile: Profile) -> bool:
        """Cache the profile; return whether it is fresh. A stale one is used until its lookup succeeds or fails."""
        fresh_seconds = (fresh_until(profile) - self._utc_now()).total_seconds()
        ttl_seconds = fresh_seconds if fresh_seconds > 0 else NEGATIVE_TTL_SECONDS
        self._cache[key] = _CacheEntry(ProfileResult(profile), ttl_seconds)
        return fresh_seconds > 0


def _expiry(_: ProfileKey, entry: _CacheEntry, now: float) -> float:
    return now + entry.ttl_seconds
