"""Who is writing: from memory, from the store, from the Graph API, in this order and within a deadline."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
from cachetools import TLRUCache

from enricher.core.lookups import Answer, Found, NotNow, Wanted
from enricher.flights import Flights
from enricher.graph_gate import GraphGate
from enricher.metrics import Metrics
from shared.contracts import Profile
from shared.errors import DependencyUnavailable

GOOD_SECONDS = 24 * 3600.0
NEGATIVE_SECONDS = 300.0
MAX_PROFILES = 100_000
MAX_FLIGHTS = 256
"""Calls under way or waiting for their turn; beyond that a look-up is made later."""


class KnownProfiles(Protocol):
    """Where profiles are kept."""

    async def last_known(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, Profile]:
        """Return the profiles of those who are known.

        Raises:
            DependencyUnavailable: it cannot be asked at the moment.
        """


class Naming(msgspec.Struct, frozen=True):
    """What a message says of its author, and whether somebody has to look later."""

    profile: Profile | None
    ask_later: bool = False


class _Remembered(msgspec.Struct, frozen=True):
    naming: Naming
    seconds: float


class ProfileDirectory:
    """Finds profiles.

    Args:
        known: what has been found before, by any replica.
        gate: the Graph API.
        clock: seconds of a monotonic clock; `asyncio`'s own, as deadlines are measured on it.
        now: the time of day.
    """

    def __init__(
        self,
        known: KnownProfiles,
        gate: GraphGate,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._known = known
        self._gate = gate
        self._now = now
        self._metrics = metrics
        self._memory: TLRUCache[Wanted, _Remembered, float] = TLRUCache(MAX_PROFILES, _expiry, timer=clock)
        self._flights: Flights[Wanted, Answer] = Flights()

    @property
    def graph_is_usable(self) -> bool:
        """Whether a look-up has a chance at the moment."""
        return self._gate.is_usable and len(self._flights) < MAX_FLIGHTS

    def remembered(self, wanted: Wanted) -> Naming | None:
        """Return what memory says; None when it knows neither a name nor that there is none to be had."""
        found = self._memory.get(wanted)
        if found is None:
            return None
        self._metrics.profile("memory" if found.naming.profile else "nameless").inc()
        return found.naming

    async def last_known(self, wanted: Sequence[Wanted], *, deadline: float) -> dict[Wanted, Naming]:
        """Return what the store says of those it knows. While it is away, everybody is looked up later.

        A profile that has grown old serves at once and is looked up again later.
        """
        try:
            async with asyncio.timeout_at(deadline):
                found = await self._known.last_known(wanted)
        except (DependencyUnavailable, TimeoutError):
            self._metrics.profile("store_away").inc(len(wanted))
            return {one: Naming(None, ask_later=True) for one in wanted}
        namings = {one: self._of_store(one, profile) for one, profile in found.items() if not profile.is_empty}
        self._metrics.profile("store").inc(len(namings))
        return namings

    async def ask(self, wanted: Wanted, token_ciphertext: str, *, deadline: float) -> Naming:
        """Return what the Graph API says by `deadline`. A call that takes longer goes on and fills the memory."""
        if wanted not in self._flights and (
            not self.graph_is_usable or self._gate.hold_seconds(wanted.platform, wanted.page_id) > 0
        ):
            self._metrics.profile("skipped").inc()
            return Naming(None, ask_later=True)
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self.look_up(wanted, token_ciphertext)
        except TimeoutError:
            self._metrics.profile("late").inc()
            return Naming(None, ask_later=True)
        self._metrics.profile("graph" if isinstance(answer, Found) else "refused").inc()
        profile = answer.profile if isinstance(answer, Found) else None
        return Naming(profile, ask_later=isinstance(answer, NotNow))

    async def look_up(self, wanted: Wanted, token_ciphertext: str) -> Answer:
        """Return how a look-up ended, without a deadline of its own: from memory if somebody has just made it."""
        found = self._memory.get(wanted)
        if found is not None and found.naming.profile is not None and found.seconds > NEGATIVE_SECONDS:
            return Found(found.naming.profile)
        return await self._flights.join(wanted, lambda: self._fly(wanted, token_ciphertext))

    def asked_later(self, wanted: Sequence[Wanted]) -> None:
        """Remember that a later look-up has been requested, so that the next message does not request it again."""
        for one in wanted:
            if one not in self._memory:
                self._memory[one] = _Remembered(Naming(None), NEGATIVE_SECONDS)

    async def close(self) -> None:
        """End calls under way."""
        await self._flights.close()

    async def _fly(self, wanted: Wanted, token_ciphertext: str) -> Answer:
        answer = await self._gate.look_up(wanted, token_ciphertext)
        if isinstance(answer, Found):
            self._memory[wanted] = _Remembered(Naming(answer.profile), GOOD_SECONDS)
        elif not isinstance(answer, NotNow):
            self._memory[wanted] = _Remembered(Naming(None), NEGATIVE_SECONDS)
        return answer

    def _of_store(self, wanted: Wanted, profile: Profile) -> Naming:
        """Remember what the store said for as long as it is fresh; the refresh of a stale one is requested once."""
        fresh_seconds = (profile.fetched_at + timedelta(seconds=GOOD_SECONDS) - self._now()).total_seconds()
        is_stale = fresh_seconds <= 0
        seconds = NEGATIVE_SECONDS if is_stale else min(fresh_seconds, GOOD_SECONDS)
        self._memory[wanted] = _Remembered(Naming(profile), seconds)
        return Naming(profile, ask_later=is_stale)


def _expiry(_: Wanted, remembered: _Remembered, now: float) -> float:
    return now + remembered.seconds
