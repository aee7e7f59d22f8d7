"""Calls are counted, slowed down and held, per page and for the whole app."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from enricher.graph.limiter import MAX_PAGES, CallLimiter, RateLimits
from enricher.graph.usage import Usage
from enricher.metrics import Metrics
from shared.contracts.internal import PageKey

PAGE = PageKey(platform="facebook", page_id="page-1")
OTHER = PageKey(platform="facebook", page_id="page-2")


class Harness:
    """A limiter with a clock that a test sets. The rate limits use the event loop's clock."""

    def __init__(self, *, second: float = 100, hour: float = 1e6, app: float = 1e6) -> None:
        self.seconds = 0.0
        self.registry = CollectorRegistry()
        self.limiter = CallLimiter(
            RateLimits(page_per_second=second, page_per_hour=hour, app_per_second=app),
            monotonic=lambda: self.seconds,
            metrics=Metrics(self.registry),
        )

    async def calls_at_once(self, page: PageKey = PAGE) -> int:
        """Return how many calls may be made without waiting."""
        made = 0
        while made < 1000 and await self.limiter.try_reserve(page):
            made += 1
        return made


async def test_a_page_has_a_limit_per_second_of_its_own() -> None:
    harness = Harness(second=20)

    assert await harness.calls_at_once() == 20
    assert await harness.calls_at_once(OTHER) == 20


async def test_the_app_has_a_limit_per_second_for_all_pages() -> None:
    harness = Harness(second=20, app=30)

    assert (await harness.calls_at_once(), await harness.calls_at_once(OTHER)) == (20, 10)


async def test_half_of_an_hours_calls_may_be_made_at_once() -> None:
    harness = Harness(second=1000, hour=100)

    assert await harness.calls_at_once() == 50
    assert harness.limiter.pages_without_capacity(calls=20, limit=10) == [PAGE]
    assert not harness.limiter.has_capacity(PAGE)
    assert harness.limiter.has_capacity(OTHER)


async def test_reserving_waits_for_the_limit_per_second() -> None:
    harness = Harness(second=100)
    loop = asyncio.get_running_loop()
    started = loop.time()

    await asyncio.gather(*(harness.limiter.reserve(PAGE) for _ in range(120)))

    assert 0.15 < loop.time() - started < 2


async def test_fewer_calls_are_made_close_to_the_platforms_limit() -> None:
    harness = Harness(second=20)
    harness.limiter.record_usage(PAGE, Usage(page_percent=87.5))
    assert await harness.calls_at_once() == 10

    harness.limiter.record_usage(OTHER, Usage(page_percent=94))
    assert await harness.calls_at_once(OTHER) == 1


@pytest.mark.parametrize(
    ("usage", "held", "others_held", "reason"),
    [
        (Usage(page_percent=95, regain_seconds=120), 120, 0, "page_usage"),
        (Usage(app_percent=97, page_percent=3), 60, 60, "app_usage"),
        (Usage(app_percent=94, page_percent=94), 0, 0, None),
    ],
)
async def test_a_reached_limit_holds_the_page_or_all_pages(
    usage: Usage, held: float, others_held: float, reason: str | None
) -> None:
    harness = Harness()

    harness.limiter.record_usage(PAGE, usage)

    assert (harness.limiter.hold_seconds(PAGE), harness.limiter.hold_seconds(OTHER)) == (held, others_held)
    assert (await harness.calls_at_once() == 0) is (held > 0)
    if reason is not None:
        holds = harness.registry.get_sample_value("switchboard_enricher_graph_holds_total", {"reason": reason})
        assert holds == 1
    harness.seconds = 120
    assert harness.limiter.hold_seconds(PAGE) == 0


async def test_the_metric_shows_the_highest_usage_of_a_page_for_a_minute() -> None:
    harness = Harness()

    def shown() -> float | None:
        return harness.registry.get_sample_value("switchboard_enricher_graph_usage_percent", {"limit": "page"})

    for percent in (40, 70, 10):
        harness.limiter.record_usage(PAGE, Usage(page_percent=percent))
    assert shown() == 70
    harness.seconds = 61
    harness.limiter.record_usage(PAGE, Usage(page_percent=10))
    assert shown() == 10


async def test_dropped_pages_start_anew_and_use_no_memory() -> None:
    harness = Harness()
    for number in range(MAX_PAGES + 10):
        harness.limiter.hold(PageKey(platform="facebook", page_id=f"page-{number}"), 60, reason="policy")

    assert harness.limiter.hold_seconds(PageKey(platform="facebook", page_id="page-0")) == 0
    assert len(harness.limiter.pages_without_capacity(calls=1, limit=10**6)) == MAX_PAGES


@pytest.mark.parametrize("rate", [0.5, 0.01])
async def test_a_limit_below_one_call_still_allows_one(rate: float) -> None:
    harness = Harness(second=rate, hour=1)

    assert await harness.calls_at_once() == 1
