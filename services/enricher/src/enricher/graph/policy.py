"""Between the enricher and the Graph API: what keeps a slow, refusing or dead Graph API from costing anything."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeVar

import structlog
from cachetools import LRUCache, TTLCache
from pydantic import SecretStr

from enricher.errors import (
    CallsOnHold,
    GraphCallRejected,
    GraphTimeout,
    GraphUnavailable,
    MediaGone,
    PermissionMissing,
    PolicyBlocked,
    ProfileInaccessible,
    RateLimited,
    TokenRefused,
)
from enricher.graph.breaker import Breaker
from enricher.graph.limiter import CallLimiter
from enricher.metrics import Metrics
from enricher.pages import Page, PageToken
from shared.security.cipher import TokenCipher, Undecryptable

log = structlog.get_logger(__name__)

UNDECRYPTABLE_TOKEN_HOLD_SECONDS = 900.0
"""Somebody has to give this service the right key, or the page a new token."""
POLICY_HOLD_SECONDS = 3_600.0
MAX_PAGES = 10_000
MEDIA_RESERVE = 0.5
"""The share of the app's calls a second that media leave to names."""
_UNOPENED = "the token cannot be opened"
_FAILING = "the Graph API is failing"
_WARNING_SECONDS = 600.0
_WARNED_PAGES = 1_000
_OUTCOMES: dict[type[Exception], str] = {
    GraphTimeout: "silent",
    GraphUnavailable: "unavailable",
    RateLimited: "rate_limited",
    PolicyBlocked: "policy",
    TokenRefused: "token_dead",
    PermissionMissing: "no_permission",
    ProfileInaccessible: "unreadable",
    GraphCallRejected: "refused",
    MediaGone: "gone",
}
T = TypeVar("T")
Call = Callable[[SecretStr], Awaitable[T]]
"""What is done with an opened token."""


class _Lane(NamedTuple):
    """What one kind of calls goes by, for itself."""

    breaker: Breaker
    leaves: float
    """As `Budgets.take_at_once` has it."""


class GraphPolicy:
    """Makes a call only where it may help.

    Args:
        cipher: opens the pages' tokens.
        breaker: of look-ups, shared by all pages.
        media_breaker: makes one for a page's media: a medium that the platform cannot hand out is no news of look-ups,
            nor of other pages. What an answer says of a token or a limit holds for both.
        budgets: how many calls there may be.
        on_refused_token: called with the page, the version of its account and a sentence for the user.
        concurrent_calls: at once; further calls wait for their turn.
        pause_before_retry: returns after a short time that differs from call to call.
        clock: seconds of a monotonic clock.
    """

    def __init__(
        self,
        *,
        cipher: TokenCipher,
        breaker: Breaker,
        media_breaker: Callable[[], Breaker],
        budgets: CallLimiter,
        on_refused_token: Callable[[Page, int, str], None],
        concurrent_calls: int,
        pause_before_retry: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._cipher = cipher
        self._look_ups = _Lane(breaker, leaves=0.0)
        self._media: LRUCache[Page, _Lane] = LRUCache(MAX_PAGES)
        self._media_breaker = media_breaker
        self._budgets = budgets
        self._on_refused_token = on_refused_token
        self._turns = asyncio.Semaphore(concurrent_calls)
        self._pause_before_retry = pause_before_retry
        self._clock = clock
        self._metrics = metrics
        self._dead: LRUCache[Page, int] = LRUCache(MAX_PAGES)
        # By ciphertext: the same token, encrypted with another key, is no new version of the page's account.
        self._unopened: LRUCache[Page, str] = LRUCache(MAX_PAGES)
        self._warned: TTLCache[Page, None] = TTLCache(_WARNED_PAGES, _WARNING_SECONDS, timer=clock)

    @property
    def is_usable(self) -> bool:
        """Whether anybody is looked up at all at the moment."""
        return not self._look_ups.breaker.is_open(self._clock()) and self._budgets.app_hold_seconds == 0

    def room(self, calls: int) -> int:
        """Return how many of `calls` look-ups should be begun: while nobody knows whether it works again, one."""
        if not self.is_usable:
            return 0
        return min(calls, 1) if self._look_ups.breaker.is_recovering else calls

    def exhausted(self, *, calls: int, most: int) -> list[Page]:
        """Return at most `most` pages for which `calls` calls cannot be made soon."""
        return self._budgets.exhausted(calls=calls, most=most)

    async def admits_at_once(self, page: Page, token: PageToken) -> bool:
        """Count a call that a message waits for, if it may be made without waiting; return whether it may."""
        if not self.is_usable or self._is_dead(page, token) or self._unopened.get(page) == token.ciphertext:
            return False
        return await self._budgets.take_at_once(page)

    async def ask(self, page: Page, token: PageToken, call: Call[T], *, is_counted: bool = False) -> T:
        """Return what `call` does with the opened token, for a look-up; it must end within a bounded time.

        Args:
            page: whose call it is.
            token: of the page.
            call: the call.
            is_counted: whether the budgets have counted it already; else it waits until they admit it.

        Raises:
            CallsOnHold: it was not made, or its answer says that none should be for a while.
            TokenRefused: the page has to be connected again.
            GraphUnavailable, GraphTimeout: it failed, or all do.
            ProfileInaccessible, PermissionMissing, GraphCallRejected: as the answer says.
        """
        secret = self._opened(page, token)
        if not is_counted:
            self._refuse_held(page)
            await self._budgets.take(page)
        return await self._ask(self._look_ups, page, token, partial(call, secret))

    async def ask_at_once(self, page: Page, token: PageToken, call: Call[T]) -> T:
        """Return what `call` does with the opened token, for a medium that somebody waits for: at once or not at all.

        Raises:
            CallsOnHold: it was not made, or its answer says that none should be for a while.
            TokenRefused: the page has to be connected again.
            GraphUnavailable, GraphTimeout: it failed, or all do.
            PermissionMissing, GraphCallRejected, MediaGone: as the answer says.
        """
        secret = self._opened(page, token)
        lane = self._media.get(page)
        if lane is None:
            lane = self._media[page] = _Lane(self._media_breaker(), leaves=MEDIA_RESERVE)
        if lane.breaker.is_open(self._clock()):
            raise GraphUnavailable(_FAILING)
        if not await self._budgets.take_at_once(page, leaves=lane.leaves):
            raise CallsOnHold("no more calls at once", max(1.0, self._budgets.hold_seconds(page)))
        return await self._ask(lane, page, token, partial(call, secret))

    async def _ask(self, lane: _Lane, page: Page, token: PageToken, call: Callable[[], Awaitable[T]]) -> T:
        async with self._turns:
            # Decided when its turn has come.
            self._refuse_dead(page, token)
            self._refuse_held(page)
            if not lane.breaker.admits(self._clock()):
                raise GraphUnavailable(_FAILING)
            try:
                result = await self._call(lane, page, token, call)
            except GraphUnavailable:
                lane.breaker.failed(self._clock())
                raise
            except (RateLimited, PolicyBlocked, TokenRefused) as error:
                # It answers, so the breaker has nothing against the others.
                lane.breaker.succeeded()
                self._hold(page, token, error)
                raise
            except (ProfileInaccessible, PermissionMissing, GraphCallRejected, MediaGone) as error:
                lane.breaker.succeeded()
                if not isinstance(error, ProfileInaccessible | MediaGone):
                    self._warn(page, error)
                raise
            lane.breaker.succeeded()
            return result

    async def _call(self, lane: _Lane, page: Page, token: PageToken, call: Callable[[], Awaitable[T]]) -> T:
        """Call, and once more after a failure that may have passed.

        There is no second call after a timeout, which would only take as long again, nor once another call has failed
        or what it needs is no longer there. The budget counts it only when it is made.
        """
        try:
            return await self._measured(call)
        except GraphTimeout:
            raise
        except GraphUnavailable:
            await self._pause_before_retry()
            if lane.breaker.has_failures or self._is_dead(page, token):
                raise
            if not await self._budgets.take_at_once(page, leaves=lane.leaves):
                raise
        return await self._measured(call)

    async def _measured(self, call: Callable[[], Awaitable[T]]) -> T:
        outcome = "found"
        try:
            with self._metrics.graph_seconds.time():
                return await call()
        except tuple(_OUTCOMES) as error:
            outcome = _OUTCOMES[type(error)]
            raise
        except asyncio.CancelledError:
            outcome = "abandoned"
            raise
        finally:
            self._metrics.graph_call(outcome).inc()

    def _opened(self, page: Page, token: PageToken) -> SecretStr:
        """Return what calls are made with; raise when there is nothing to call with."""
        self._refuse_dead(page, token)
        if self._unopened.get(page) == token.ciphertext:
            raise CallsOnHold(_UNOPENED, UNDECRYPTABLE_TOKEN_HOLD_SECONDS)
        try:
            return self._cipher.decrypt(token.ciphertext)
        except Undecryptable as error:
            self._unopened[page] = token.ciphertext
            log.warning("token cannot be opened", platform=page[0], page_id=page[1], reason=str(error))
            raise CallsOnHold(_UNOPENED, UNDECRYPTABLE_TOKEN_HOLD_SECONDS) from error

    def _refuse_dead(self, page: Page, token: PageToken) -> None:
        if self._is_dead(page, token):
            raise TokenRefused("the page has to be connected again")

    def _refuse_held(self, page: Page) -> None:
        if (held := self._budgets.hold_seconds(page)) > 0:
            raise CallsOnHold("calls for this page are on hold", held)

    def _is_dead(self, page: Page, token: PageToken) -> bool:
        return token.version <= self._dead.get(page, -1)

    def _hold(self, page: Page, token: PageToken, error: RateLimited | PolicyBlocked | TokenRefused) -> None:
        """Stop calling for the page, or for all; raises for how long, where it is not for ever."""
        if isinstance(error, TokenRefused):
            self._dead[page] = token.version
            self._metrics.hold("token").inc()
            self._on_refused_token(page, token.version, error.sentence)
            return
        self._warn(page, error)
        if isinstance(error, PolicyBlocked):
            self._budgets.hold(page, POLICY_HOLD_SECONDS, reason="policy")
            raise CallsOnHold(str(error), POLICY_HOLD_SECONDS) from error
        raise CallsOnHold(str(error), self._budgets.refused(page, is_apps=error.is_apps)) from error

    def _warn(self, page: Page, error: Exception) -> None:
        """Tell the operator, of each page once in a while."""
        if page in self._warned:
            return
        self._warned[page] = None
        log.warning(
            "the Graph API refuses", platform=page[0], page_id=page[1], kind=type(error).__name__, reason=str(error)
        )
