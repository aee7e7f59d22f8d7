"""An inbox of fifty thousand conversations opens, scrolls, filters and searches without a noticeable pause.

`test_scale` scrolls all of a smaller one; with this size, that is one of the long tests.
"""

import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from bench.large_inbox.filling import PAGE, RARE_WORD, USER, Inbox, fill
from tests.browser.inbox import NO_GRAPH, deliver, signed_in, text
from tests.browser.measuring import OBSERVE, Meter, Work
from tests.system.running import eventually, running_system

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(240)]

_INBOX = Inbox(messages=50_000, conversations=50_000)
_ROWS_SCROLLED = 5_000
_LONGEST_TASK_MS = 1_000
_SCROLL = """async (rows) => {
  const list = document.querySelector('#conversations');
  const until = performance.now() + 20000;
  while (performance.now() < until && list.scrollTop < rows * 72) {
    list.scrollTop += 1500;
    await new Promise(requestAnimationFrame);
  }
  return list.scrollTop / 72;
}"""


async def test_fifty_thousand_conversations_open_scroll_filter_and_search_without_a_pause(
    tmp_path: Path, database_url: str, browser: Browser
) -> None:
    await fill(database_url, _INBOX)
    async with running_system(tmp_path, *NO_GRAPH, environment={"DATABASE_URL": database_url}) as system:
        context = await browser.new_context(viewport={"width": 1360, "height": 850})
        await context.add_init_script(OBSERVE)
        page = await signed_in(context, system, USER)
        await eventually(lambda: page.evaluate("seen.firstRowAt"), what="the first rows to be painted")
        meter = await Meter.of(page)
        first_rows_ms = await page.evaluate("seen.firstRowAt")
        works = {"scrolling": await _scrolled(page, meter), "filters and search": await _found(page, meter)}
        async with meter.work() as works["a message"]:
            await deliver(system, text("somebody-new", "m_new", "the newest of all", page=PAGE))
            await expect(page.get_by_role("option").first).to_contain_text("the newest of all")
        print(f"\nfirst rows after {first_rows_ms:.0f} ms; heap {await meter.heap_mb():.1f} MB")  # noqa: T201 - figures
        print(*(f"{name}: {work}" for name, work in works.items()), sep="\n")  # noqa: T201 - as above
        assert first_rows_ms < 6_000
        assert await meter.elements() < 1_500
        assert {
            name: work for name, work in works.items() if max(work.long_tasks_ms, default=0) > _LONGEST_TASK_MS
        } == {}


async def _scrolled(page: Page, meter: Meter) -> Work:
    async with meter.work() as work:
        assert await page.evaluate(_SCROLL, _ROWS_SCROLLED) >= _ROWS_SCROLLED
    await page.evaluate("document.querySelector('#conversations').scrollTop = 0")
    return work


async def _found(page: Page, meter: Meter) -> Work:
    async with meter.work() as work:
        for name in ("WhatsApp", "Unread"):
            await page.get_by_role("button", name=name).click()
            await expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
        await page.get_by_role("button", name="Unread").click()
        await expect(page.get_by_role("option").first).to_be_visible()
        await page.get_by_role("button", name="All", exact=True).click()
        await page.keyboard.press("/")
        began = time.perf_counter()
        await page.keyboard.type(RARE_WORD)
        await expect(page.locator("#hit-0 mark").first).to_have_text(RARE_WORD)
        assert time.perf_counter() - began < 5
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("listbox", name="Conversations")).to_be_visible()
    return work
