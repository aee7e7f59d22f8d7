"""A real browser on the inbox page of a real system."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from switchboard.building import SOURCES, build_inbox, is_built
from switchboard.provision.chromium import choose_chromium


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
        running = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        await running.close()
