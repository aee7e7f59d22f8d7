"""A real browser on the inbox page of a real system."""

import fcntl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from anyio.from_thread import start_blocking_portal
from playwright.async_api import Browser, async_playwright, expect

from switchboard.build import SOURCES, build_inbox, is_built
from switchboard.provision.chromium import choose_chromium
from tests.browser.inbox import NO_GRAPH
from tests.fixtures.postgres import NewDatabases
from tests.system.running import System, running_system

_WAIT_MS = 20_000
"""Far more than any step takes, so that a busy machine fails no test."""


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Return the browser that `make test` installed, and set generous timeouts for expectations."""
    expect.set_options(timeout=_WAIT_MS)
    return choose_chromium(may_install=False)


@pytest.fixture(scope="session")
def built_inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built page. The first worker builds it if the sources are newer."""
    with (tmp_path_factory.getbasetemp().parent / "inbox.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return SOURCES / "dist" if is_built() else build_inbox(report=lambda _: None)


@pytest_asyncio.fixture(loop_scope="function")
async def browser(chromium: Path, built_inbox: Path) -> AsyncIterator[Browser]:
    assert built_inbox.name == "dist"
    async with async_playwright() as playwright:
        # Chromium has no sandbox as root, as in containers. The pages are our own.
        running = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        await running.close()


@pytest.fixture(scope="package")
def shared_system(new_databases: NewDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Run one system for all tests that do not break it. Every test has its own user."""
    folder = tmp_path_factory.mktemp("shared-system")
    with new_databases() as database_url, start_blocking_portal() as portal:
        running = running_system(folder, *NO_GRAPH, environment={"DATABASE_URL": database_url})
        with portal.wrap_async_context_manager(running) as system:
            yield system


@pytest.fixture
async def system(shared_system: System) -> AsyncIterator[System]:
    """Return the system for a new user with one page. Only the test sends messages."""
    number = uuid4().int % 10**12
    async with httpx.AsyncClient(timeout=10) as http:
        mine = replace(shared_system, http=http, user=f"agent-{number}", page_id=f"{number}")
        await mine.connect_page("facebook", mine.page_id, mine.user, name="Blue Things")
        yield mine
