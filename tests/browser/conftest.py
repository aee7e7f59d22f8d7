"""A real browser on the inbox page of a real system."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from switchboard.building import SOURCES, build_inbox, is_built
from switchboard.provision.chromium import choose_chromium
from tests.browser.inbox import NO_GRAPH, PAGE_ID, USER
from tests.system.running import System, running_system

_WAIT_MS = 20_000
"""Far more than anything takes: a machine that does something else meanwhile makes no test fail."""


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the browser that `make test` has seen to."""
    return choose_chromium(may_install=False)


@pytest.fixture(scope="session")
def built_inbox() -> Path:
    """Return the folder of the page, built from its present sources."""
    return SOURCES / "dist" if is_built() else build_inbox(say=lambda _: None)


@pytest_asyncio.fixture(loop_scope="function")
async def browser(chromium: Path, built_inbox: Path) -> AsyncIterator[Browser]:
    assert built_inbox.name == "dist"
    async with async_playwright() as playwright:
        # No sandbox: as root, as in containers, Chromium has none; the pages are our own.
        expect.set_options(timeout=_WAIT_MS)
        running = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest.fixture
async def system(tmp_path: Path, environment: dict[str, str], request: pytest.FixtureRequest) -> AsyncIterator[System]:
    """Run a system in which USER has one page, and nobody writes but the test; parameters are more arguments of it."""
    arguments = getattr(request, "param", ())
    async with running_system(tmp_path, *NO_GRAPH, *arguments, environment=environment) as running:
        await running.connect_page("facebook", PAGE_ID, USER, name="Blue Things")
        yield running
