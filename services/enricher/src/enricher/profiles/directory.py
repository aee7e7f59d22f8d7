"""Who is writing: from memory, from the store, from the Graph API, in this order and within a deadline."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from cachetools import TLRUCache

from enricher.flights import Flights
from enricher.graph.policy import GraphPolicy
from enricher.metrics import Metrics
from enricher.pages import Page, PageToken
from enricher.profiles.freshness import completed, fresh_until
from enricher.profiles.graph_lookup import ProfileSource, look_up
from enricher.profiles.lookups import Deferred, Found, LookupResult, ProfileKey
from shared.contracts import Profile
from shared.errors import DependencyUnavailable

NEGATIVE_SECONDS = 300.0
"""How long nobody asks for a person again who cannot be read, or whose look-up has been put off. The first message
after that asks: consent is given by writing, so it may be there by then."""
MAX_PROFILES = 100_000
MAX_FLIGHTS = 256
"""Calls under way or waiting for their turn; beyond that a look-up is made later."""


class StoredProfiles(Protocol):
    """Where profiles are kept."""

    async def last_known(self, wanted: Sequence[ProfileKey]) -> Mapping[ProfileKey, Profile]:
        """Return the profiles of those who are known.

        Raises:
            DependencyUnavailable: it cannot be asked at the moment.
        """


class ProfileResult(msgspec.Struct, frozen=True):
    """What a message says of its author, and whether somebody has to look later."""

    profile: Profile | None
    ask_later: bool = False


class _Remembered(msgspec.Struct, frozen=True):
    naming: ProfileResult
    seconds: float


class ProfileDirectory:
    """Finds profiles.

    Args:
        known: what has been found before, by any replica.
        source: the Graph API.
        gate: makes calls where they may help.
        clock: seconds of a monotonic clock; `asyncio`'s own, as deadlines are measured on it.
        now: the time of day.
    """

    def __init__(
        self,
        known: StoredProfiles,
        *,
        source: ProfileSource,
        gate: GraphPolicy,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._known = known
        self._source = source
        self._gate = gate
        self._now = now
        self._metrics = metrics
        self._memory: TLRUCache[ProfileKey, _Remembered, float] = TLRUCache(MAX_PROFILES, _expiry, timer=clock)
        self._flights: Flights[ProfileKey, LookupResult] = Flights()

    def room(self, calls: int) -> int:
        """Return how many of `calls` look-ups have a chance at the moment."""
        return min(self._gate.room(calls), max(0, MAX_FLIGHTS - len(self._flights)))

    def exhausted(self, *, calls: int, most: int) -> list[Page]:
        """Return at most `most` pages for which `calls` calls cannot be made soon."""
        return self._gate.exhausted(calls=calls, most=most)

    def remembered(self, wanted: ProfileKey) -> ProfileResult | None:
        """Return what memory says; None when it knows neither a name nor that there is none to be had."""
        found = self._memory.get(wanted)
        if found is None:
            return None
        self._metrics.profile("memory" if found.naming.profile else "nameless").inc()
        return found.naming

    async def last_known(self, wanted: Sequence[ProfileKey], *, deadline: float) -> dict[ProfileKey, ProfileResult]:
        """Return what the store says of those it knows. While it is away, everybody is looked up later.

        A profile that has grown old serves at once and is looked up again later.
        """
        try:
            async with asyncio.timeout_at(deadline):
                found = await self._known.last_known(wanted)
        except (DependencyUnavailable, TimeoutError):
            self._metrics.profile("store_away").inc(len(wanted))
            return {one: ProfileResult(None, ask_later=True) for one in wanted}
        namings = {one: self._of_store(one, profile) for one, profile in found.items() if not profile.is_empty}
        self._metrics.profile("store").inc(len(namings))
        return namings

    async def ask(self, wanted: ProfileKey, token: PageToken | None, *, deadline: float) -> ProfileResult:
        """Return what the Graph API says by `deadline`. A call that takes longer goes on and fills the memory.

        Where a call may not be made at once, or not at all (`token` is None), nobody waits: it is made later.
        """
        if token is None or not (wanted in self._flights or await self._may_fly(wanted, token)):
            self._metrics.profile("skipped").inc()
            return ProfileResult(None, ask_later=True)
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self._flights.join(wanted, lambda: self._fly(wanted, token, is_counted=True))
        except TimeoutError:
            self._metrics.profile("late").inc()
            return ProfileResult(None, ask_later=True)
        self._metrics.profile("graph" if isinstance(answer, Found) else "refused").inc()
        profile = answer.profile if isinstance(answer, Found) else None
        return ProfileResult(profile, ask_later=isinstance(answer, Deferred))

    async def look_up(self, wanted: ProfileKey, token: PageToken) -> LookupResult:
        """Return how a look-up ended, without a deadline of its own: from memory if somebody has just made it."""
        found = self._memory.get(wanted)
        if found is not None and found.naming.profile is not None and found.seconds > NEGATIVE_SECONDS:
            return Found(found.naming.profile)
        return await self._flights.join(wanted, lambda: self._fly(wanted, token))

    async def complete(self, answers: Mapping[ProfileKey, LookupResult]) -> dict[ProfileKey, LookupResult]:
        """Return the answers, what a profile leaves out taken from what is known: a refresh takes no name away.

        Raises:
            DependencyUnavailable: what is known cannot be asked.
        """
        found = [wanted for wanted, answer in answers.items() if isinstance(answer, Found)]
        known = await self._known.last_known(found) if found else {}
        whole = dict(answers)
        for wanted in found:
            answer = answers[wanted]
            assert isinstance(answer, Found)
            profile = completed(answer.profile, known.get(wanted))
            if profile != answer.profile:
                self._remember(wanted, profile)
                whole[wanted] = Found(profile)
        return whole

    def asked_later(self, wanted: Sequence[ProfileKey]) -> None:
        """Remember that a later look-up has been requested, so that the next message does not request it again."""
        for one in wanted:
            if one not in self._memory:
                self._memory[one] = _Remembered(ProfileResult(None), NEGATIVE_SECONDS)

    async def close(self) -> None:
        """End calls under way."""
        await self._flights.close()

    async def _may_fly(self, wanted: ProfileKey, token: PageToken) -> bool:
        return len(self._flights) < MAX_FLIGHTS and await self._gate.admits_at_once(wanted.page, token)

    async def _fly(self, wanted: ProfileKey, token: PageToken, *, is_counted: bool = False) -> LookupResult:
        answer = await look_up(wanted, token, source=self._source, gate=self._gate, is_counted=is_counted)
        if isinstance(answer, Found):
            self._remember(wanted, answer.profile)
        elif not isinstance(answer, Deferred):
            self._memory[wanted] = _Remembered(ProfileResult(None), NEGATIVE_SECONDS)
        return answer

    def _of_store(self, wanted: ProfileKey, profile: Profile) -> ProfileResult:
        """Remember what the store said for as long as it is fresh; the refresh of a stale one is requested once."""
        return ProfileResult(profile, ask_later=not self._remember(wanted, profile))

    def _remember(self, wanted: ProfileKey, profile: Profile) -> bool:
        """Remember the profile; return whether it is fresh. A stale one serves until its refresh comes or fails."""
        fresh_seconds = (fresh_until(profile) - self._now()).total_seconds()
        self._memory[wanted] = _Remembered(
            ProfileResult(profile), fresh_seconds if fresh_seconds > 0 else NEGATIVE_SECONDS
        )
        return fresh_seconds > 0


def _expiry(_: ProfileKey, remembered: _Remembered, now: float) -> float:
    return now + remembered.seconds
