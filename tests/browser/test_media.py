"""WhatsApp media are shown, played and saved. If they cannot be loaded, the page says why."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from simulator.media import MediaKind, content, media_id
from tests.browser.inbox import USER, collect_errors, deliver, open_conversation, signed_in
from tests.browser.test_access import violations
from tests.system.running import System, running_system
from tests.system.whatsapp_media import NUMBER, media_webhook

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(240)]

RNG = Random(11)
_RECORD_SHIFTS = """() => {
    window.shift = 0;
    new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shift += one.value; })
        .observe({type: 'layout-shift', buffered: true});
}"""


@pytest.fixture
async def system(tmp_path: Path, environment: dict[str, str]) -> AsyncIterator[System]:
    async with running_system(tmp_path, environment=environment) as running:
        await running.connect_page("whatsapp", NUMBER.page_id, USER, name=NUMBER.name, access_token="a-token")
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder for screenshots: SWITCHBOARD_SCREENSHOTS, or a temporary one."""
    return Path(os.environ.get("SWITCHBOARD_SCREENSHOTS") or tmp_path)


async def send_media(system: System, kind: MediaKind, **more: Any) -> str:
    """Send a medium as Ada; return its ID on the platform."""
    medium = media_id(RNG, kind)
    await deliver(system, media_webhook(kind, medium, **more), platform="whatsapp")
    return medium


async def set_faults(system: System, **faults: Any) -> None:
    answer = await system.http.post(f"{system.urls['graph']}/_faults", json=faults)
    assert answer.is_success, answer.text


async def width(page: Page, selector: str) -> int:
    """Return the intrinsic width of a picture or a video, once it is loaded."""
    await expect(page.locator(selector)).to_be_visible()
    await page.wait_for_function(
        "(selector) => { const one = document.querySelector(selector);"
        " return (one.naturalWidth || one.videoWidth || 0) > 0; }",
        arg=selector,
    )
    return int(await page.locator(selector).evaluate("(one) => one.naturalWidth || one.videoWidth"))


async def test_photos_load_by_themselves_and_other_media_on_request(
    system: System, browser: Browser, folder: Path
) -> None:
    await send_media(system, "image", caption="The harbour this morning")
    await send_media(system, "sticker")
    page = await signed_in(browser, system)
    errors = collect_errors(page)
    await page.evaluate(_RECORD_SHIFTS)
    await open_conversation(page, "Ada")

    assert await width(page, "#thread .media:not(.media-sticker) img") == 320
    assert await width(page, "#thread .media-sticker img") == 128
    assert await page.evaluate("shift") < 0.05

    await send_media(system, "audio", voice=True)
    await send_media(system, "video")
    paper = await send_media(system, "document", filename="order.pdf")
    await page.get_by_role("button", name="Load voice message").click()
    await page.wait_for_function("() => document.querySelector('#thread audio')?.duration === 1.5")
    await page.get_by_role("button", name="Load video").click()
    assert await width(page, "#thread video") == 160
    async with page.expect_download() as saving:
        await page.get_by_role("button", name="Save order.pdf").click()
    saved = await saving.value
    assert saved.suggested_filename == "order.pdf"
    assert (await saved.path()).read_bytes() == content(paper, "document")
    await page.screenshot(path=folder / "media.png")
    assert await violations(page) == []
    assert errors == []


async def test_a_photo_is_fetched_once(system: System, browser: Browser) -> None:
    await send_media(system, "image")
    page = await signed_in(browser, system)
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/api/media/" in request.url else None)
    for _ in range(2):
        await open_conversation(page, "Ada")
        assert await width(page, "#thread .media img") == 320
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("region", name="Messages with")).to_have_count(0)

    assert len(fetched) == 1
    assert "token" not in fetched[0]


async def test_a_photo_that_fails_says_why_and_loads_after_a_retry(system: System, browser: Browser) -> None:
    await set_faults(system, kind="server_error")
    await send_media(system, "image")
    page = await signed_in(browser, system)
    await open_conversation(page, "Ada")
    await expect(page.get_by_text("Could not load")).to_be_visible()
    await set_faults(system)
    await page.get_by_role("button", name="Try again").click()
    assert await width(page, "#thread .media img") == 320

    await set_faults(system, media_gone=True)
    await send_media(system, "image")
    await expect(page.get_by_text("The platform no longer has this file")).to_be_visible()
    await expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    assert await violations(page) == []
