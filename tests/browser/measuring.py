"""Measures the work of a page in the browser: long tasks, frames, layout shifts, script, memory."""

import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import CDPSession, Page

OBSERVE = """
(() => {
  window.seen = {long: [], shift: 0, gaps: [], firstRowAt: null};
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.long.push(entry.duration);
  }).observe({type: 'longtask', buffered: true});
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shift += entry.value;
  }).observe({type: 'layout-shift', buffered: true});
  const look = new MutationObserver(() => {
    if (!document.querySelector('[role=option]')) return;
    look.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => { seen.firstRowAt = performance.now(); }));
  });
  look.observe(document, {subtree: true, childList: true});
  let last = 0;
  const frame = (now) => {
    if (last) seen.gaps.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})()
"""
"""An init script: `seen` holds the observations since the page was opened, in milliseconds."""


@dataclass
class Work:
    """The work of the page in an interval, in milliseconds. The lists have an entry per task and per frame."""

    script_ms: float = 0.0
    layout_ms: float = 0.0
    style_ms: float = 0.0
    long_tasks_ms: list[float] = field(default_factory=list)
    frames_ms: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        frames = sorted(self.frames_ms) or [0.0]
        return (
            f"script {self.script_ms:.0f} ms, layout {self.layout_ms:.0f} ms, style {self.style_ms:.0f} ms, "
            f"{len(self.long_tasks_ms)} long tasks (longest {max(self.long_tasks_ms, default=0):.0f} ms), "
            f"{len(frames)} frames (median {statistics.median(frames):.0f} ms, "
            f"95th {frames[int(len(frames) * 0.95)]:.0f} ms, longest {frames[-1]:.0f} ms)"
        )


class Meter:
    """Reads the counters of a page over the DevTools protocol."""

    def __init__(self, page: Page, session: CDPSession) -> None:
        self._page = page
        self._session = session

    @classmethod
    async def of(cls, page: Page) -> "Meter":
        session = await page.context.new_cdp_session(page)
        await session.send("Performance.enable", {"timeDomain": "threadTicks"})
        return cls(page, session)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """Measure the block. The yielded object is filled in when the block ends."""
        work = Work()
        before = await self._metrics()
        await self._page.evaluate("seen.long.length = 0; seen.gaps.length = 0")
        yield work
        after = await self._metrics()
        seen = await self._page.evaluate("({long: seen.long, gaps: seen.gaps})")
        work.script_ms = (after["ScriptDuration"] - before["ScriptDuration"]) * 1000
        work.layout_ms = (after["LayoutDuration"] - before["LayoutDuration"]) * 1000
        work.style_ms = (after["RecalcStyleDuration"] - before["RecalcStyleDuration"]) * 1000
        work.long_tasks_ms, work.frames_ms = seen["long"], seen["gaps"]

    async def heap_mb(self) -> float:
        """Return the size of the JavaScript heap after a garbage collection."""
        await self._session.send("HeapProfiler.collectGarbage")
        return float((await self._metrics())["JSHeapUsedSize"]) / 1e6

    async def elements(self) -> int:
        return int(await self._page.evaluate("document.querySelectorAll('*').length"))

    async def shift(self) -> float:
        """Return the sum of the layout shifts that no input caused."""
        return float(await self._page.evaluate("seen.shift"))

    async def _metrics(self) -> dict[str, Any]:
        found = await self._session.send("Performance.getMetrics")
        return {one["name"]: one["value"] for one in found["metrics"]}
