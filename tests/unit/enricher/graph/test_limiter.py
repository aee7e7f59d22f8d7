"""Calls are counted, slowed down and held, a page by itself and the app as a whole."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from enricher.graph.limiter import MAX_PAGES, CallLimiter, RateLimits
from enricher.graph.usage import Usage
from enricher.metrics import Metrics
from shared.contracts.internal import PageKey

PAGE = PageKey(platform="facebook", page_id="page-1")
OTHER = PageKey(platform="facebook", page_id="page-2")


class Desk:
    """Budgets with a clock that a test sets; the ceilings run on the event loop's own."""

    def __init__(self, *, second: float = 100, hour: float = 1e6, app: float = 1e6) -> None:
        self.seconds = 0.0
        self.registry = CollectorRegistry()
        self.budgets = CallLimiter(
            RateLimits(page_per_second=second, page_per_hour=hour, app_per_second=app),
            monotonic=lambda: self.seconds,
            metrics=Metrics(self.registry),
        )

    async def at_once(self, page: PageKey = PAGE) -> int:
        """How many calls may be made without waiting."""
        made = 0
        while made < 1000 and await self.budgets.try_reserve(page):
            made += 1
        return made


async def test_a_page_has_its_ceiling_a_second_whatever_others_use() -> None:
    desk = Desk(second=20)

    assert await desk.at_once() == 20
    assert await desk.at_once(OTHER) == 20


async def test_the_app_has_a_ceiling_over_all_pages() -> None:
    desk = Desk(second=20, app=30)

    assert (await desk.at_once(), await desk.at_once(OTHER)) == (20, 10)


async def test_half_an_hours_calls_may_be_made_at_once_and_then_the_page_is_known_to_be_exhausted() -> None:
    desk = Desk(second=1000, hour=100)

    assert await desk.at_once() == 50
    assert desk.budgets.pages_without_capacity(calls=20, limit=10) == [PAGE]
    assert not desk.budgets.has_capacity(PAGE)
    assert desk.budgets.has_capacity(OTHER)


async def test_who_can_wait_gets_its_turn_at_the_ceiling() -> None:
    desk = Desk(second=100)
    loop = asyncio.get_running_loop()
    started = loop.time()

    await asyncio.gather(*(desk.budgets.reserve(PAGE) for _ in range(120)))

    assert 0.15 < loop.time() - started < 2


async def test_near_the_limit_fewer_calls_are_made() -> None:
    desk = Desk(second=20)
    desk.budgets.record_usage(PAGE, Usage(page_percent=87.5))
    assert await desk.at_once() == 10

    desk.budgets.record_usage(OTHER, Usage(page_percent=94))
    assert await desk.at_once(OTHER) == 1


@pytest.mark.parametrize(
    ("usage", "held", "others_held", "reason"),
    [
        (Usage(page_percent=95, regain_seconds=120), 120, 0, "page_usage"),
        (Usage(app_percent=97, page_percent=3), 60, 60, "app_usage"),
        (Usage(app_percent=94, page_percent=94), 0, 0, None),
    ],
)
async def test_a_limit_that_is_reached_holds_the_page_or_all(
    usage: Usage, held: float, others_held: float, reason: str | None
) -> None:
    desk = Desk()

    desk.budgets.record_usage(PAGE, usage)

    assert (desk.budgets.hold_seconds(PAGE), desk.budgets.hold_seconds(OTHER)) == (held, others_held)
    assert (await desk.at_once() == 0) is (held > 0)
    if reason is not None:
        holds = desk.registry.get_sample_value("switchboard_enricher_graph_holds_total", {"reason": reason})
        assert holds == 1
    desk.seconds = 120
    assert desk.budgets.hold_seconds(PAGE) == 0


async def test_the_greatest_use_of_a_page_is_shown_for_a_minute() -> None:
    desk = Desk()

    def shown() -> float | None:
        return desk.registry.get_sample_value("switchboard_enricher_graph_usage_percent", {"limit": "page"})

    for percent in (40, 70, 10):
        desk.budgets.record_usage(PAGE, Usage(page_percent=percent))
    assert shown() == 70
    desk.seconds = 61
    desk.budgets.record_usage(PAGE, Usage(page_percent=10))
    assert shown() == 10


async def test_pages_that_are_forgotten_start_anew_and_take_no_room() -> None:
    desk = Desk()
    for number in range(MAX_PAGES + 10):
        desk.budgets.hold(PageKey(platform="facebook", page_id=f"page-{number}"), 60, reason="policy")

    assert desk.budgets.hold_seconds(PageKey(platform="facebook", page_id="page-0")) == 0
    assert len(desk.budgets.pages_without_capacity(calls=1, limit=10**6)) == MAX_PAGES


@pytest.mark.parametrize("rate", [0.5, 0.01])
async def test_a_ceiling_below_one_call_still_admits_one(rate: float) -> None:
    desk = Desk(second=rate, hour=1)

    assert await desk.at_once() == 1
