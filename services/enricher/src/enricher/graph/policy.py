"""Makes only those calls to the Graph API that can help: a slow or failing Graph API must not slow messages down."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeVar

import structlog
from cachetools import LRUCache, TTLCache
from pydantic import SecretStr

from enricher.graph.breaker import Breaker
from enricher.graph.errors import (
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
from enricher.graph.limiter import CallLimiter
from enricher.metrics import Metrics
from enricher.pages import PageToken
from shared.contracts.internal import PageKey
from shared.security.cipher import TokenCipher, Undecryptable

log = structlog.get_logger(__name__)

UNDECRYPTABLE_TOKEN_HOLD_SECONDS = 900.0
"""Someone has to give this service the right key, or the page a new token."""
POLICY_HOLD_SECONDS = 3_600.0
MAX_PAGES = 10_000
"""Pages whose state is kept."""
MEDIA_HEADROOM = 0.5
"""The share of the app's calls per second that media leave to profile lookups."""
_UNDECRYPTABLE = "the token cannot be decrypted"
_FAILING = "the Graph API is failing"
_WARNING_SECONDS = 600.0
_WARNED_PAGES = 1_000
_SUCCESS = "found"
"""Value of the metric's label. Monitoring rules may contain it, so it keeps its name. The same goes for `_OUTCOMES`."""
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
"""Makes a call with the decrypted token."""


class _CallClass(NamedTuple):
    """What the calls of one purpose share among themselves and with no others."""

    breaker: Breaker
    headroom: float
    """See `CallLimiter.try_reserve`."""


class GraphPolicy:
    """Decides whether a call is made, and learns from its result.

    What a response says about a token or a limit applies to all calls. Failures are counted separately: a media file
    that the platform cannot serve says nothing about lookups, nor about the media of other pages.

    Args:
        cipher: decrypts the pages' tokens.
        breaker: for lookups of all pages.
        media_breaker: makes the breaker for one page's media.
        limiter: limits the number of calls.
        on_refused_token: called with the page, the version of its account and a sentence for the user.
        concurrent_calls: calls in flight at most. Further calls wait.
        pause_before_retry: waits for a short, random time.
        monotonic: monotonic time in seconds.
        metrics: count calls and their outcomes.
    """

    def __init__(
        self,
        *,
        cipher: TokenCipher,
        breaker: Breaker,
        media_breaker: Callable[[], Breaker],
        limiter: CallLimiter,
        on_refused_token: Callable[[PageKey, int, str], None],
        concurrent_calls: int,
        pause_before_retry: Callable[[], Awaitable[None]],
        monotonic: Callable[[], float],
        metrics: Metrics,
    ) -> None:
        self._cipher = cipher
        self._lookups = _CallClass(breaker, headroom=0.0)
        self._media: LRUCache[PageKey, _CallClass] = LRUCache(MAX_PAGES)
        self._media_breaker = media_breaker
        self._limiter = limiter
        self._on_refused_token = on_refused_token
        self._concurrency = asyncio.Semaphore(concurrent_calls)
        self._pause_before_retry = pause_before_retry
        self._monotonic = monotonic
        self._metrics = metrics
        self._refused_versions: LRUCache[PageKey, int] = LRUCache(MAX_PAGES)
        # By ciphertext: a token that is encrypted with another key does not change the version of the page's account.
        self._undecryptable: LRUCache[PageKey, str] = LRUCache(MAX_PAGES)
        self._warned: TTLCache[PageKey, None] = TTLCache(_WARNED_PAGES, _WARNING_SECONDS, timer=monotonic)

    @property
    def is_available(self) -> bool:
        """Whether lookups may be made at present."""
        return not self._lookups.breaker.is_open(self._monotonic()) and self._limiter.app_hold_seconds == 0

    def capacity(self, calls: int) -> int:
        """Return how many of `calls` lookups may start. While the breaker recovers that is one."""
        if not self.is_available:
            return 0
        return min(calls, 1) if self._lookups.breaker.is_recovering else calls

    def pages_without_capacity(self, *, calls: int, limit: int) -> list[PageKey]:
        """Return at most `limit` pages for which `calls` calls cannot be made soon."""
        return self._limiter.pages_without_capacity(calls=calls, limit=limit)

    async def try_reserve(self, page: PageKey, token: PageToken) -> bool:
        """Count a lookup that a message waits for, if it may be made now; return whether it may. Does not wait."""
        is_usable = not self._is_refused(page, token) and self._undecryptable.get(page) != token.ciphertext
        return self.is_available and is_usable and await self._limiter.try_reserve(page)

    async def call(self, page: PageKey, token: PageToken, call: Call[T], *, is_reserved: bool = False) -> T:
        """Make a call for a lookup, and wait until it may be made.

        Args:
            page: whose call it is.
            token: the page's token.
            call: makes the call, within a bounded time.
            is_reserved: whether `try_reserve` has counted it.

        Returns:
            The result of `call`.

        Raises:
            CallsOnHold: no call was made, or the response says that none may be made for a while.
            TokenRefused: the page must be connected again.
            GraphUnavailable, GraphTimeout: the call failed, or all calls do.
            ProfileInaccessible, PermissionMissing, GraphCallRejected: as the response says.
        """
        secret = self._decrypt(page, token)
        if not is_reserved:
            self._raise_if_on_hold(page)
            await self._limiter.reserve(page)
        return await self._call(self._lookups, page, token, partial(call, secret))

    async def call_now(self, page: PageKey, token: PageToken, call: Call[T]) -> T:
        """Make a call for a media file that a user waits for: at once, or not at all.

        Args:
            page: whose call it is.
            token: the page's token.
            call: makes the call, within a bounded time.

        Returns:
            The result of `call`.

        Raises:
            CallsOnHold: no call was made, or the response says that none may be made for a while.
            TokenRefused: the page must be connected again.
            GraphUnavailable, GraphTimeout: the call failed, or all calls do.
            PermissionMissing, GraphCallRejected, MediaGone: as the response says.
        """
        secret = self._decrypt(page, token)
        media = self._media.get(page)
        if media is None:
            media = self._media[page] = _CallClass(self._media_breaker(), headroom=MEDIA_HEADROOM)
        if media.breaker.is_open(self._monotonic()):
            raise GraphUnavailable(_FAILING)
        if not await self._limiter.try_reserve(page, headroom=media.headroom):
            raise CallsOnHold("no capacity for a call now", max(1.0, self._limiter.hold_seconds(page)))
        return await self._call(media, page, token, partial(call, secret))

    async def _call(
        self, call_class: _CallClass, page: PageKey, token: PageToken, call: Callable[[], Awaitable[T]]
    ) -> T:
        async with self._concurrency:
            # Checked after waiting: other calls may have changed the state meanwhile.
            self._raise_if_refused(page, token)
            self._raise_if_on_hold(page)
            if not call_class.breaker.allows_call(self._monotonic()):
                raise GraphUnavailable(_FAILING)
            try:
                result = await self._call_with_retry(call_class, page, token, call)
            except GraphUnavailable:
                call_class.breaker.record_failure(self._monotonic())
                raise
            except (RateLimited, PolicyBlocked, TokenRefused) as error:
                # The Graph API responds, so the breaker stays closed for other pages.
                call_class.breaker.record_success()
                self._stop_calls(page, token, error)
                raise
            except (ProfileInaccessible, PermissionMissing, GraphCallRejected, MediaGone) as error:
                call_class.breaker.record_success()
                if not isinstance(error, ProfileInaccessible | MediaGone):
                    self._warn(page, error)
                raise
            call_class.breaker.record_success()
            return result

    async def _call_with_retry(
        self, call_class: _CallClass, page: PageKey, token: PageToken, call: Callable[[], Awaitable[T]]
    ) -> T:
        """Make the call, and once more after a failure that may be temporary.

        There is no second call after a timeout, if another call has failed meanwhile, if the token was refused
        meanwhile, or if there is no capacity. It is counted only when it is made (docs/adr/0017).
        """
        try:
            return await self._measure(call)
        except GraphTimeout:
            raise
        except GraphUnavailable:
            await self._pause_before_retry()
            if call_class.breaker.has_failures or self._is_refused(page, token):
                raise
            if not await self._limiter.try_reserve(page, headroom=call_class.headroom):
                raise
        return await self._measure(call)

    async def _measure(self, call: Callable[[], Awaitable[T]]) -> T:
        outcome = _SUCCESS
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

    def _decrypt(self, page: PageKey, token: PageToken) -> SecretStr:
        self._raise_if_refused(page, token)
        if self._undecryptable.get(page) == token.ciphertext:
            raise CallsOnHold(_UNDECRYPTABLE, UNDECRYPTABLE_TOKEN_HOLD_SECONDS)
        try:
            return self._cipher.decrypt(token.ciphertext)
        except Undecryptable as error:
            self._undecryptable[page] = token.ciphertext
            log.warning("token cannot be decrypted", platform=page.platform, page_id=page.page_id, reason=str(error))
            raise CallsOnHold(_UNDECRYPTABLE, UNDECRYPTABLE_TOKEN_HOLD_SECONDS) from error

    def _raise_if_refused(self, page: PageKey, token: PageToken) -> None:
        if self._is_refused(page, token):
            raise TokenRefused("the page must be connected again")

    def _raise_if_on_hold(self, page: PageKey) -> None:
        if (seconds := self._limiter.hold_seconds(page)) > 0:
            raise CallsOnHold("calls for this page are on hold", seconds)

    def _is_refused(self, page: PageKey, token: PageToken) -> bool:
        return token.version <= self._refused_versions.get(page, -1)

    def _stop_calls(self, page: PageKey, token: PageToken, error: RateLimited | PolicyBlocked | TokenRefused) -> None:
        """Stop calls with the token, for the page or for all pages. Raises `CallsOnHold` in the latter two cases."""
        if isinstance(error, TokenRefused):
            self._refused_versions[page] = token.version
            self._metrics.hold("token").inc()
            self._on_refused_token(page, token.version, error.sentence)
            return
        self._warn(page, error)
        if isinstance(error, PolicyBlocked):
            self._limiter.hold(page, POLICY_HOLD_SECONDS, reason="policy")
            raise CallsOnHold(str(error), POLICY_HOLD_SECONDS) from error
        seconds = self._limiter.limit_reached(page, is_app_limit=error.is_app_limit)
        raise CallsOnHold(str(error), seconds) from error

    def _warn(self, page: PageKey, error: Exception) -> None:
        """Log the rejection, once per page and `_WARNING_SECONDS`."""
        if page in self._warned:
            return
        self._warned[page] = None
        log.warning(
            "Graph API rejects calls",
            platform=page.platform,
            page_id=page.page_id,
            kind=type(error).__name__,
            reason=str(error),
        )
