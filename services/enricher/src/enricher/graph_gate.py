"""Between the enricher and the Graph API: what keeps a slow, refusing or dead Graph API from costing anything."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import stamina
import structlog
from cachetools import LRUCache, TTLCache
from pydantic import SecretStr

from enricher.budgets import Budgets
from enricher.core.breaker import Breaker
from enricher.core.lookups import Answer, Found, Nobody, NotNow, Page, PageToken, Wanted
from enricher.errors import (
    GraphRefused,
    GraphSilent,
    GraphUnavailable,
    PermissionMissing,
    PersonUnreadable,
    PolicyBlocked,
    RateLimited,
    TokenDead,
)
from enricher.metrics import Metrics
from shared.contracts import Profile
from shared.security.cipher import TokenCipher, Undecryptable

log = structlog.get_logger(__name__)

DEAD_TOKEN_HOLD_SECONDS = 60.0
"""For look-ups that were claimed already; calls with that token are never made again, and the store keeps back the
look-ups of its page. Short, because a new token may have come while such a look-up was under way."""
UNOPENED_TOKEN_HOLD_SECONDS = 900.0
"""Somebody has to give this service the right key, or the page a new token."""
POLICY_HOLD_SECONDS = 3_600.0
MAX_DEAD_PAGES = 10_000
_WARNING_SECONDS = 600.0
_WARNED_PAGES = 1_000
_OUTCOMES: dict[type[Exception], str] = {
    GraphSilent: "silent",
    GraphUnavailable: "unavailable",
    RateLimited: "rate_limited",
    PolicyBlocked: "policy",
    TokenDead: "token_dead",
    PermissionMissing: "no_permission",
    PersonUnreadable: "unreadable",
    GraphRefused: "refused",
}


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
        budgets: how many calls there may be.
        on_refused_token: called with the page, the version of its account and a sentence for the user.
        concurrent_calls: at once; further calls wait for their turn.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        source: ProfileSource,
        *,
        cipher: TokenCipher,
        breaker: Breaker,
        budgets: Budgets,
        on_refused_token: Callable[[Page, int, str], None],
        concurrent_calls: int,
        clock: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._source = source
        self._cipher = cipher
        self._breaker = breaker
        self._budgets = budgets
        self._on_refused_token = on_refused_token
        self._turns = asyncio.Semaphore(concurrent_calls)
        self._clock = clock
        self._metrics = metrics
        self._dead: LRUCache[Page, int] = LRUCache(MAX_DEAD_PAGES)
        self._warned: TTLCache[Page, None] = TTLCache(_WARNED_PAGES, _WARNING_SECONDS, timer=clock)

    @property
    def is_usable(self) -> bool:
        """Whether calls are made at all at the moment."""
        return not self._breaker.is_open(self._clock()) and self._budgets.app_hold_seconds == 0

    def room(self, calls: int) -> int:
        """Return how many of `calls` look-ups should be begun: while nobody knows whether it works again, one."""
        if not self.is_usable:
            return 0
        return min(calls, 1) if self._breaker.is_recovering else calls

    def exhausted(self, *, calls: int, most: int) -> list[Page]:
        """Return at most `most` pages for which `calls` calls cannot be made soon."""
        return self._budgets.exhausted(calls=calls, most=most)

    async def admits_at_once(self, wanted: Wanted, token: PageToken) -> bool:
        """Count a call that a message waits for, if it may be made without waiting; return whether it may."""
        return self.is_usable and not self._is_dead(wanted, token) and await self._budgets.take_at_once(wanted.page)

    async def look_up(self, wanted: Wanted, token: PageToken, *, is_counted: bool = False) -> Answer:
        """Return how the look-up ended.

        Args:
            wanted: whom.
            token: of the page.
            is_counted: whether the budgets have counted it already; else it waits until they admit it.
        """
        if self._is_dead(wanted, token):
            return NotNow("the page has to be connected again", DEAD_TOKEN_HOLD_SECONDS)
        try:
            secret = self._cipher.decrypt(token.ciphertext)
        except Undecryptable as error:
            self._dead[wanted.page] = token.version
            log.warning("token cannot be opened", platform=wanted.platform, page_id=wanted.page_id, reason=str(error))
            return NotNow("the token cannot be opened", UNOPENED_TOKEN_HOLD_SECONDS)
        if not is_counted:
            if (held := self._budgets.hold_seconds(wanted.page)) > 0:
                return NotNow("calls for this page are on hold", held)
            await self._budgets.take(wanted.page)
        async with self._turns:
            return self._held(wanted, token) or await self._call(wanted, token, secret)

    def _held(self, wanted: Wanted, token: PageToken) -> NotNow | None:
        """Return why no call is made, decided when its turn has come."""
        if self._is_dead(wanted, token):
            return NotNow("the page has to be connected again", DEAD_TOKEN_HOLD_SECONDS)
        if (held := self._budgets.hold_seconds(wanted.page)) > 0:
            return NotNow("calls for this page are on hold", held)
        if not self._breaker.admits(self._clock()):
            return NotNow("the Graph API is failing")
        return None

    def _is_dead(self, wanted: Wanted, token: PageToken) -> bool:
        return token.version <= self._dead.get(wanted.page, -1)

    async def _call(self, wanted: Wanted, token: PageToken, secret: SecretStr) -> Answer:
        try:
            profile = await self._try(wanted, secret)
        except GraphUnavailable as error:
            self._breaker.failed(self._clock())
            return NotNow(str(error))
        except (RateLimited, PolicyBlocked, TokenDead) as error:
            # It answers, so the breaker has nothing against the others.
            self._breaker.succeeded()
            return self._hold(wanted, token, error)
        except (PersonUnreadable, PermissionMissing, GraphRefused) as error:
            self._breaker.succeeded()
            if not isinstance(error, PersonUnreadable):
                self._warn(wanted, error)
            return Nobody(str(error))
        self._breaker.succeeded()
        return Nobody("an empty profile") if profile.is_empty else Found(profile)

    async def _try(self, wanted: Wanted, secret: SecretStr) -> Profile:
        """Call, and once more where the first answer was a passing failure.

        In an outage nothing is asked twice: from the first look-up that has failed on, the next ones have one try.
        """
        counted_again = False

        def is_worth_another(error: Exception) -> bool:
            return counted_again and isinstance(error, GraphUnavailable) and not isinstance(error, GraphSilent)

        async for attempt in stamina.retry_context(
            on=is_worth_another, attempts=2, timeout=None, wait_initial=0.05, wait_max=0.1, wait_jitter=0.05
        ):
            with attempt:
                try:
                    return await self._once(wanted, secret)
                except GraphUnavailable:
                    counted_again = not self._breaker.has_failures and await self._budgets.take_at_once(wanted.page)
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, wanted: Wanted, secret: SecretStr) -> Profile:
        outcome = "found"
        try:
            with self._metrics.graph_seconds.time():
                return await self._source.profile(wanted, secret)
        except tuple(_OUTCOMES) as error:
            outcome = _OUTCOMES[type(error)]
            raise
        except asyncio.CancelledError:
            outcome = "abandoned"
            raise
        finally:
            self._metrics.graph_call(outcome).inc()

    def _hold(self, wanted: Wanted, token: PageToken, error: RateLimited | PolicyBlocked | TokenDead) -> NotNow:
        """Stop calling for the page, or for all."""
        if isinstance(error, TokenDead):
            self._dead[wanted.page] = token.version
            self._metrics.hold("token").inc()
            self._on_refused_token(wanted.page, token.version, error.sentence)
            return NotNow(str(error), DEAD_TOKEN_HOLD_SECONDS)
        if isinstance(error, PolicyBlocked):
            self._budgets.hold(wanted.page, POLICY_HOLD_SECONDS, reason="policy")
            self._warn(wanted, error)
            return NotNow(str(error), POLICY_HOLD_SECONDS)
        seconds = self._budgets.refused(wanted.page, is_apps=error.is_apps)
        self._warn(wanted, error)
        return NotNow(str(error), seconds)

    def _warn(self, wanted: Wanted, error: Exception) -> None:
        """Tell the operator, of each page once in a while."""
        if wanted.page in self._warned:
            return
        self._warned[wanted.page] = None
        log.warning(
            "the Graph API refuses", platform=wanted.platform, page_id=wanted.page_id,
            kind=type(error).__name__, reason=str(error),
        )  # fmt: skip
