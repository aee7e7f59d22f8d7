"""Screenshots of every view with made-up customers, each checked with axe."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from pydantic import SecretStr

from simulator import demo_pages, running_simulation
from switchboard.addresses import DEMO_USER
from tests.browser.inbox import collect_errors, open_conversation, signed_in
from tests.browser.test_access import violations
from tests.system.running import System, eventually, running_system

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(240)]
_WEBHOOKS_PER_SECOND = 30.0
_ENOUGH = 250


@pytest.fixture
async def system(tmp_path: Path, environment: dict[str, str]) -> AsyncIterator[System]:
    async with running_system(tmp_path, environment=environment) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder for screenshots: SWITCHBOARD_SCREENSHOTS, or a temporary one."""
    return Path(os.environ.get("SWITCHBOARD_SCREENSHOTS") or tmp_path)


async def run_simulator(system: System) -> None:
    """Run the simulator until there are enough messages."""
    token = await system.token(DEMO_USER)

    async def is_enough() -> bool:
        return int((await system.get("/conversations", token, limit=1) or [{"last_seq": 0}])[0]["last_seq"]) >= _ENOUGH

    async with running_simulation(
        system.urls["webhooks"],
        SecretStr(system.urls["app_secret"]),
        demo_pages(),
        rate=_WEBHOOKS_PER_SECOND,
        seed=7,
        customers=24,
        media_url=system.urls["inbox"],
    ):
        await eventually(is_enough, within_seconds=60, what="enough messages")


async def shown(page: Page, path: Path) -> None:
    await asyncio.sleep(0.5)  # until pictures are decoded
    await page.screenshot(path=path)
    assert await violations(page) == []


async def test_every_view_renders_without_violations(system: System, browser: Browser, folder: Path) -> None:
    await run_simulator(system)
    for scheme in ("light", "dark"):
        page = await signed_in(browser, system, DEMO_USER, color_scheme=scheme, reduced_motion="reduce", locale="en-GB")
        errors = collect_errors(page)
        await expect(page.get_by_role("option").first).to_be_visible()
        if scheme == "light":
            await shown(page, folder / "list.png")
        names = await page.locator(".row-name").all_inner_texts()
        latin = next(name for name in names if name[0].isascii() and name[0].isalpha())
        await open_conversation(page, latin)
        await expect(page.locator("#thread [data-message]").first).to_be_visible()
        await shown(page, folder / ("thread.png" if scheme == "light" else "dark.png"))
        if scheme == "light":
            every = await system.get("/conversations", await system.token(DEMO_USER), limit=200)
            arabic = next(
                one["participant_name"] for one in every if "\u0600" <= (one["participant_name"] or "-")[0] <= "\u06ff"
            )
            await page.keyboard.press("/")
            await page.keyboard.insert_text(arabic)
            await expect(page.locator("#hit-0 mark").first).to_be_visible()
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("region", name=f"Messages with {arabic}")).to_be_visible()
            await expect(page.locator("#thread [data-message]").first).to_be_visible()
            await shown(page, folder / "right-to-left.png")
            await page.set_viewport_size({"width": 390, "height": 780})
            await shown(page, folder / "narrow.png")
        assert errors == []
