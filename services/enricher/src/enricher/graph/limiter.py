"""How often the Graph API may be called: our own rate limits, and the platform's limits as responses report them."""

from collections.abc import Callable

import msgspec
from aiolimiter import AsyncLimiter
from cachetools import LRUCache

from enricher.graph.quota import FIRST_HOLD_SECONDS, Quota
from enricher.graph.usage import Usage
from enricher.metrics import Metrics
from shared.contracts.internal import PageKey

MAX_PAGES = 10_000
"""Pages whose state is kept. A page that was dropped starts anew."""
_HOUR_SECONDS = 3_600.0
_LOW_HOUR_CALLS = 50
"""With fewer calls left in its hour, a page may soon be without capacity."""
_USAGE_METRIC_SECONDS = 60.0


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that one process makes at most, whatever the platform allows. Divide by the number of replicas."""

    page_per_second: float
    page_per_hour: float
    app_per_second: float
    limit_hold_seconds: float = FIRST_HOLD_SECONDS
    """How long calls stop at a limit of the platform if it does not say for how long. Longer after repeated stops."""


class _PageLimits:
    """The state of one page."""

    def __init__(self, limits: RateLimits) -> None:
        self.quota = Quota(first_hold_seconds=limits.limit_hold_seconds)
        self.second = _limiter(limits.page_per_second, 1.0)
        # The bucket holds half of an hour's calls and regains the other half within an hour: together never more than
        # an hour's calls in any hour.
        self.hour = _limiter(limits.page_per_hour / 2, _HOUR_SECONDS)


class CallLimiter:
    """Counts calls, slows them down as the platform's limits come close, and holds them while one is reached.

    Both the page and the app have limits. A process calls for one app.

    Args:
        limits: our own limits.
        monotonic: monotonic time in seconds, for holds. The rate limits use the event loop's own.
        metrics: count holds and show the usage.
    """

    def __init__(self, limits: RateLimits, *, monotonic: Callable[[], float], metrics: Metrics) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._metrics = metrics
        self._app = Quota(first_hold_seconds=limits.limit_hold_seconds)
        self._app_second = _limiter(limits.app_per_second, 1.0)
        self._pages: LRUCache[PageKey, _PageLimits] = LRUCache(MAX_PAGES)
        self._low_pages: dict[PageKey, None] = {}
        self._highest_percent = 0.0
        self._highest_percent_at = 0.0

    @property
    def app_hold_seconds(self) -> float:
        """For how many seconds no call may be made at all."""
        return self._app.hold_seconds(self._monotonic())

    def hold_seconds(self, page: PageKey) -> float:
        """Return for how many seconds no call may be made for the page, 0 if one may."""
        known = self._pages.get(page)
        held = 0.0 if known is None else known.quota.hold_seconds(self._monotonic())
        return max(held, self.app_hold_seconds)

    def has_capacity(self, page: PageKey, calls: int = 1) -> bool:
        """Return whether `calls` calls may be made for the page, delayed at most by the limits per second."""
        if self.hold_seconds(page) > 0:
            return False
        known = self._pages.get(page)
        return known is None or known.hour.has_capacity(min(calls, known.hour.max_rate))

    async def reserve(self, page: PageKey) -> None:
        """Count one call for the page. Returns when it may be made."""
        known, now = self._page(page), self._monotonic()
        if not known.hour.has_capacity(min(_LOW_HOUR_CALLS, known.hour.max_rate)):
            self._low_pages[page] = None
        await known.hour.acquire()
        await known.second.acquire(min(known.quota.call_cost(now), known.second.max_rate))
        await self._app_second.acquire(min(self._app.call_cost(now), self._app_second.max_rate))

    async def try_reserve(self, page: PageKey, *, headroom: float = 0.0) -> bool:
        """Count one call for the page if it may be made now. Does not wait.

        Args:
            page: whose call it is.
            headroom: the share of the app's limit per second that must stay free for other calls.

        Returns:
            Whether the call may be made.
        """
        if self.hold_seconds(page) > 0:
            return False
        known, now = self._page(page), self._monotonic()
        app_calls = self._app.call_cost(now) + headroom * self._app_second.max_rate
        if not (
            known.hour.has_capacity()
            and known.second.has_capacity(min(known.quota.call_cost(now), known.second.max_rate))
            and self._app_second.has_capacity(min(app_calls, self._app_second.max_rate))
        ):
            return False
        await self.reserve(page)
        return True

    def record_usage(self, page: PageKey, usage: Usage) -> None:
        """Record the usage that a response to a call for the page reports."""
        now = self._monotonic()
        if usage.app_percent is not None:
            self._metrics.usage_percent.labels("app").set(usage.app_percent)
            if self._app.record_usage(usage.app_percent, regain_seconds=0.0, now=now):
                self._metrics.hold("app_usage").inc()
        if usage.page_percent is None:
            return
        quota = self._page(page).quota
        if quota.record_usage(usage.page_percent, regain_seconds=usage.regain_seconds, now=now):
            self._metrics.hold("page_usage").inc()
            self._low_pages[page] = None
        self._show_page_usage(usage.page_percent, now)

    def limit_reached(self, page: PageKey, *, is_app_limit: bool) -> float:
        """Stop calls because a response says that a limit is reached; return for how many seconds.

        If the headers of the same response have stopped them already, they decide for how long.
        """
        now = self._monotonic()
        quota = self._app if is_app_limit else self._page(page).quota
        if not is_app_limit:
            self._low_pages[page] = None
        if quota.stop(now=now):
            self._metrics.hold("app_rate" if is_app_limit else "page_rate").inc()
        return quota.hold_seconds(now)

    def hold(self, page: PageKey, seconds: float, *, reason: str) -> None:
        """Allow no calls for the page for `seconds`.

        Args:
            page: whose calls.
            seconds: for how long.
            reason: for the metric.
        """
        self._page(page).quota.hold(seconds, self._monotonic())
        self._low_pages[page] = None
        self._metrics.hold(reason).inc()

    def pages_without_capacity(self, *, calls: int, limit: int) -> list[PageKey]:
        """Return at most `limit` pages for which `calls` calls cannot be made soon."""
        self._low_pages = {page: None for page in self._low_pages if not self.has_capacity(page, calls)}
        return list(self._low_pages)[:limit]

    def _show_page_usage(self, percent: float, now: float) -> None:
        """Set the metric to the highest usage of any page within the last minute."""
        if percent >= self._highest_percent or now - self._highest_percent_at > _USAGE_METRIC_SECONDS:
            self._highest_percent, self._highest_percent_at = percent, now
            self._metrics.usage_percent.labels("page").set(percent)

    def _page(self, page: PageKey) -> _PageLimits:
        known = self._pages.get(page)
        if known is None:
            known = self._pages[page] = _PageLimits(self._limits)
        return known


def _limiter(calls: float, seconds: float) -> AsyncLimiter:
    """Return a limiter of `calls` per `seconds`. Less than one call per `seconds` is one call per a longer time."""
    return AsyncLimiter(max(1.0, calls), seconds * max(1.0, calls) / calls)
