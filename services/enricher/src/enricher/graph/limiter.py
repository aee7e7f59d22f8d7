"""How often the Graph API may be called: a ceiling of our own, and what its answers say of its limits."""

from collections.abc import Callable

import msgspec
from aiolimiter import AsyncLimiter
from cachetools import LRUCache

from enricher.graph.quota import FIRST_HOLD_SECONDS, Quota
from enricher.graph.usage import Usage
from enricher.metrics import Metrics
from enricher.pages import Page

MAX_PAGES = 10_000
"""Whose state is kept; a page that is forgotten starts anew."""
_HOUR_SECONDS = 3_600.0
_NEARLY_USED_UP_CALLS = 50
"""So few calls left in a page's hour are worth a closer look."""
_SHOWN_SECONDS = 60.0


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that one process makes at most, whatever the platform says. Divide by the number of replicas."""

    page_per_second: float
    page_per_hour: float
    app_per_second: float
    limit_hold_seconds: float = FIRST_HOLD_SECONDS
    """How long calls stop at a limit of the platform, when it does not say itself; longer when that was too short."""


class _Page:
    """One page's state."""

    def __init__(self, ceilings: RateLimits) -> None:
        self.allowance = Quota(first_hold_seconds=ceilings.limit_hold_seconds)
        self.second = _limiter(ceilings.page_per_second, 1.0)
        # A bucket of half an hour's calls that leaks the other half in an hour: no hour ever sees more than a whole.
        self.hour = _limiter(ceilings.page_per_hour / 2, _HOUR_SECONDS)


class CallLimiter:
    """Counts calls, slows them down as the platform's limits come near, and holds them where one is reached.

    There are two sides to it: the page's own limits, and those of the app whose token it has; a process has one app.

    Args:
        clock: seconds of a monotonic clock, for holds; the ceilings use the event loop's own.
    """

    def __init__(self, ceilings: RateLimits, *, clock: Callable[[], float], metrics: Metrics) -> None:
        self._ceilings = ceilings
        self._clock = clock
        self._metrics = metrics
        self._app = Quota(first_hold_seconds=ceilings.limit_hold_seconds)
        self._app_second = _limiter(ceilings.app_per_second, 1.0)
        self._pages: LRUCache[Page, _Page] = LRUCache(MAX_PAGES)
        self._tight: dict[Page, None] = {}
        self._shown = (0.0, 0.0)

    @property
    def app_hold_seconds(self) -> float:
        """For how long nothing is called at all."""
        return self._app.hold_seconds(self._clock())

    def hold_seconds(self, page: Page) -> float:
        """Return for how long no call is made for this page; 0 when one may be."""
        known = self._pages.get(page)
        held = 0.0 if known is None else known.allowance.hold_seconds(self._clock())
        return max(held, self.app_hold_seconds)

    def has_room(self, page: Page, calls: int = 1) -> bool:
        """Whether so many calls may be made without waiting longer than the ceiling a second makes them."""
        if self.hold_seconds(page) > 0:
            return False
        known = self._pages.get(page)
        return known is None or known.hour.has_capacity(min(calls, known.hour.max_rate))

    async def take(self, page: Page) -> None:
        """Return when a call for this page may be made; it counts as made."""
        known, now = self._page(page), self._clock()
        if not known.hour.has_capacity(min(_NEARLY_USED_UP_CALLS, known.hour.max_rate)):
            self._tight[page] = None
        await known.hour.acquire()
        await known.second.acquire(min(known.allowance.cost(now), known.second.max_rate))
        await self._app_second.acquire(min(self._app.cost(now), self._app_second.max_rate))

    async def take_at_once(self, page: Page, *, leaves: float = 0.0) -> bool:
        """Count a call if it may be made now; return whether it may. Does not wait.

        Args:
            page: whose call it is.
            leaves: the share of the app's ceiling a second that must be left to others.
        """
        if self.hold_seconds(page) > 0:
            return False
        known, now = self._page(page), self._clock()
        of_app = self._app.cost(now) + leaves * self._app_second.max_rate
        if not (
            known.hour.has_capacity()
            and known.second.has_capacity(min(known.allowance.cost(now), known.second.max_rate))
            and self._app_second.has_capacity(min(of_app, self._app_second.max_rate))
        ):
            return False
        await self.take(page)
        return True

    def learn(self, page: Page, usage: Usage) -> None:
        """Take in what the headers of an answer say."""
        now = self._clock()
        if usage.app_percent is not None:
            self._metrics.usage_percent.labels("app").set(usage.app_percent)
            if self._app.learn(usage.app_percent, regain_seconds=0.0, now=now):
                self._metrics.hold("app_usage").inc()
        if usage.page_percent is None:
            return
        allowance = self._page(page).allowance
        if allowance.learn(usage.page_percent, regain_seconds=usage.regain_seconds, now=now):
            self._metrics.hold("page_usage").inc()
            self._tight[page] = None
        self._show_page_usage(usage.page_percent, now)

    def refused(self, page: Page, *, is_apps: bool) -> float:
        """Stop calls because an answer says that a limit is reached; return for how many seconds.

        When the headers of that answer have stopped them already, they say for how long.
        """
        now = self._clock()
        allowance = self._app if is_apps else self._page(page).allowance
        if not is_apps:
            self._tight[page] = None
        if allowance.stop(now=now):
            self._metrics.hold("app_rate" if is_apps else "page_rate").inc()
        return allowance.hold_seconds(now)

    def hold(self, page: Page, seconds: float, *, reason: str) -> None:
        """Make no calls for this page."""
        self._page(page).allowance.hold(seconds, self._clock())
        self._tight[page] = None
        self._metrics.hold(reason).inc()

    def exhausted(self, *, calls: int, most: int) -> list[Page]:
        """Return at most `most` pages for which `calls` calls cannot be made soon."""
        self._tight = {page: None for page in self._tight if not self.has_room(page, calls)}
        return list(self._tight)[:most]

    def _show_page_usage(self, percent: float, now: float) -> None:
        """Show the greatest of the last minute, of whichever page."""
        shown, since = self._shown
        if percent >= shown or now - since > _SHOWN_SECONDS:
            self._shown = (percent, now)
            self._metrics.usage_percent.labels("page").set(percent)

    def _page(self, page: Page) -> _Page:
        known = self._pages.get(page)
        if known is None:
            known = self._pages[page] = _Page(self._ceilings)
        return known


def _limiter(calls: float, seconds: float) -> AsyncLimiter:
    """Return a limiter of `calls` in `seconds`; one that allows less than a call allows one in a longer time."""
    return AsyncLimiter(max(1.0, calls), seconds * max(1.0, calls) / calls)
