"""Between the enricher and the Graph API: what keeps a slow, refusing or dead Graph API from costing anything."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog
from cachetools import LRUCache
from pydantic import SecretStr

from enricher.core.breaker import Breaker
from enricher.core.lookups import Answer, Found, Nobody, NotNow, Wanted
from enricher.errors import (
    GraphRefused,
    GraphUnavailable,
    PermissionMissing,
    PersonUnreadable,
    RateLimited,
    TokenDead,
)
from enricher.metrics import Metrics
from shared.contracts import Platform, Profile
from shared.security.cipher import TokenCipher, Undecryptable

log = structlog.get_logger(__name__)

RATE_HOLD_SECONDS = 60.0
DEAD_TOKEN_HOLD_SECONDS = 900.0
MAX_HELD_PAGES = 10_000


class ProfileSource(Protocol):
    """Where profiles come from."""

    async def profile(self, wanted: Wanted, token: SecretStr) -> Profile:
        """Return the profile; see `enricher.graph.GraphClient.profile` for what it raises."""


class GraphGate:
    """Makes a call only where it may help, and says how it ended; raises nothing.

    Args:
        source: makes the calls, each within a bounded time.
        cipher: opens the pages' tokens.
        breaker: shared by all pages.
        concurrent_calls: at once; further calls wait for their turn.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        source: ProfileSource,
        *,
        cipher: TokenCipher,
        breaker: Breaker,
        concurrent_calls: int,
        clock: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._source = source
        self._cipher = cipher
        self._breaker = breaker
        self._turns = asyncio.Semaphore(concurrent_calls)
        self._clock = clock
        self._metrics = metrics
        self._held_until: LRUCache[tuple[Platform, str], float] = LRUCache(MAX_HELD_PAGES)

    @property
    def is_usable(self) -> bool:
        """Whether calls are made at all at the moment."""
        return not self._breaker.is_open(self._clock())

    def hold_seconds(self, platform: Platform, page_id: str) -> float:
        """Return for how long no call is made for this page; 0 when one may be."""
        return max(0.0, self._held_until.get((platform, page_id), 0.0) - self._clock())

    def release(self, platform: Platform, page_id: str) -> None:
        """Call for this page again: its token may have changed."""
        self._held_until.pop((platform, page_id), None)

    async def look_up(self, wanted: Wanted, token_ciphertext: str) -> Answer:
        """Return how the look-up ended."""
        try:
            token = self._cipher.decrypt(token_ciphertext)
        except Undecryptable as error:
            log.warning("token cannot be opened", platform=wanted.platform, page_id=wanted.page_id, reason=str(error))
            return Nobody("the token cannot be opened")
        async with self._turns:
            held = self.hold_seconds(wanted.platform, wanted.page_id)
            if held > 0:
                return NotNow("calls for this page are on hold", held)
            if not self._breaker.admits(self._clock()):
                return NotNow("the Graph API is failing")
            with self._metrics.graph_seconds.time():
                answer = await self._call(wanted, token)
        return answer

    async def _call(self, wanted: Wanted, token: SecretStr) -> Answer:
        outcome = "found"
        try:
            profile = await self._source.profile(wanted, token)
        except GraphUnavailable as error:
            outcome = "unavailable"
            self._breaker.failed(self._clock())
            return NotNow(str(error))
        except RateLimited as error:
            outcome = "rate_limited"
            return self._hold(wanted, RATE_HOLD_SECONDS, error)
        except TokenDead as error:
            outcome = "token_dead"
            return self._hold(wanted, DEAD_TOKEN_HOLD_SECONDS, error)
        except (PersonUnreadable, PermissionMissing, GraphRefused) as error:
            outcome = "unreadable" if isinstance(error, PersonUnreadable) else "refused"
            self._breaker.succeeded()
            return Nobody(str(error))
        finally:
            self._metrics.graph_call(outcome).inc()
        self._breaker.succeeded()
        return Nobody("an empty profile") if profile.is_empty else Found(profile)

    def _hold(self, wanted: Wanted, seconds: float, error: Exception) -> NotNow:
        """Stop calling for the page. It answers, so the breaker has nothing against the others."""
        self._breaker.succeeded()
        self._held_until[(wanted.platform, wanted.page_id)] = self._clock() + seconds
        log.warning(
            "calls on hold", platform=wanted.platform, page_id=wanted.page_id, seconds=seconds, reason=str(error)
        )
        return NotNow(str(error), seconds)
