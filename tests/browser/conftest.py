"""A real browser on the inbox page of a real system."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from switchboard.building import SOURCES, build_inbox

_NO_BROWSER = (
    "There is no Chromium here: apt-get install chromium (Debian, Ubuntu), or name one in SWITCHBOARD_CHROMIUM."
)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the browser; install Debian's where that can be done."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("SWITCHBOARD_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False, timeout=600, capture_output=True)
        found = shutil.which("chromium")
    assert found, _NO_BROWSER
    return Path(found)


@pytest.fixture(scope="session")
def built_inbox() -> Path:
    """Return the folder of the page, built from its present sources."""
    index = SOURCES / "dist" / "index.html"
    sources = [
        *SOURCES.glob("src/**/*"),
        *(SOURCES.parent / "clients" / "javascript" / "src").glob("*"),
        SOURCES / "index.html",
    ]
    if not index.exists() or index.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        build_inbox(say=lambda _: None)
    return index.parent


@pytest_asyncio.fixture(loop_scope="function")
async def browser(chromium: Path, built_inbox: Path) -> AsyncIterator[Browser]:
    assert built_inbox.name == "dist"
    async with async_playwright() as playwright:
        # No sandbox: as root, as in containers, Chromium has none; the pages are our own.
        running = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        await running.close()
