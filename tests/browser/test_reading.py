"""Reading a thread: where it starts, what counts as read, and what stays in place while messages arrive or fail."""

import io
import json
import re
import time
import wave
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, Route, WebSocketRoute, expect

from shared.contracts import conversation_id
from tests.browser.inbox import (
    attachment_webhook,
    deliver,
    echo,
    open_conversation,
    search_for,
    signed_in,
    text,
)
from tests.system.running import System, eventually

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(240)]

_OLDER_PAGES = re.compile(r"/messages\?.*cursor=")
_FIRST_ON_SCREEN = """() => {
  const edge = document.querySelector('#thread').getBoundingClientRect().top;
  const rows = [...document.querySelectorAll('#thread [data-message]')];
  return rows.find((row) => row.getBoundingClientRect().bottom > edge + 1).querySelector('.text').textContent;
}"""

_SLOW_FRAMES = """{
  const after = window.setTimeout;
  window.setTimeout = (work, ms, ...more) => after(work, ms > 0 && ms < 100 ? 700 : ms, ...more);
}"""
"""The client notifies at most once per frame. This makes a frame 700 ms long, as in an overloaded tab."""


def history(numbers: range, *, begun_ms: int, customer: str = "7001", called: str = "m") -> dict[str, Any]:
    """Return a webhook with messages one second apart; "number 0" is at `begun_ms`."""
    bodies = [text(customer, f"{called}_{one}", f"number {one}", at_ms=begun_ms + one * 1000) for one in numbers]
    for body in bodies[1:]:
        bodies[0]["entry"][0]["messaging"] += body["entry"][0]["messaging"]
    return bodies[0]


def minutes_ago(minutes: int) -> int:
    return int(time.time() * 1000) - minutes * 60_000


def badge(page: Page, name: str = "7001") -> Locator:
    return page.get_by_role("option").filter(has_text=name).locator(".badge")


async def _read(page: Page, system: System, numbers: range, begun_ms: int) -> None:
    """Create a thread in which every message is read, and close it."""
    await deliver(system, history(numbers, begun_ms=begun_ms))
    await open_conversation(page, "7001")
    await eventually(lambda: _is_read_to_the_end(page), what="everything to be read")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("region", name="Messages with")).to_have_count(0)


async def _is_read_to_the_end(page: Page) -> bool:
    await page.locator("#thread").evaluate("(one) => { one.scrollTop = one.scrollHeight; }")
    return await badge(page).count() == 0


async def test_reading_starts_at_the_first_unread_message_even_if_it_is_pages_up(
    system: System, browser: Browser
) -> None:
    page = await signed_in(browser, system)
    begun_ms = minutes_ago(30)
    await _read(page, system, range(20), begun_ms)
    await deliver(system, history(range(20, 95), begun_ms=begun_ms))
    await expect(page).to_have_title("(75) Inbox")
    await open_conversation(page, "7001")
    await expect(page.locator("#new-messages")).to_be_in_viewport()
    first = page.locator("#thread li").filter(has=page.locator("#new-messages"))
    await expect(first.locator(".text")).to_have_text("number 20")
    await expect(page).not_to_have_title("(75) Inbox")  # those on the screen are marked as read
    assert 30 < await _unread(page) < 75
    await expect(page.get_by_role("button", name=re.compile("^[0-9]+ new$"))).to_be_visible()


async def _unread(page: Page) -> int:
    title = re.match(r"\((\d+)\) ", await page.title())
    return int(title[1]) if title else 0


async def test_if_the_first_unread_message_cannot_be_loaded_nothing_unseen_is_marked_read(
    system: System, browser: Browser
) -> None:
    page = await signed_in(browser, system)
    await deliver(system, history(range(80), begun_ms=minutes_ago(30)))
    await expect(page).to_have_title("(80) Inbox")
    await page.route(_OLDER_PAGES, lambda route: route.abort())
    await open_conversation(page, "7001")
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    await expect(page.locator("#new-messages")).to_be_in_viewport()
    await expect(page).to_have_title("(80) Inbox")
    await page.unroute(_OLDER_PAGES)
    await page.get_by_role("button", name="Try again").click()
    first = page.locator("#thread li").filter(has=page.locator("#new-messages"))
    await expect(first.locator(".text")).to_have_text("number 0")
    await expect(page.locator("#new-messages")).to_be_in_viewport()
    await expect(page).not_to_have_title("(80) Inbox")
    assert 30 < await _unread(page) < 80


async def test_a_late_message_above_the_screen_marks_nothing_below_as_read(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    begun_ms = minutes_ago(30)
    await _read(page, system, range(30), begun_ms)
    await deliver(system, history(range(30, 75), begun_ms=begun_ms))
    await expect(page).to_have_title("(45) Inbox")
    await open_conversation(page, "7001")
    await expect(page.locator("#new-messages")).to_be_in_viewport()
    await expect(page).not_to_have_title("(45) Inbox")  # those on the screen are marked as read
    left = await _unread(page)
    assert 5 < left < 45
    await deliver(system, echo("7001", "m_late", "written long ago", at_ms=begun_ms + 28_500))
    await expect(page.locator("#thread").get_by_text("written long ago")).to_have_count(1)  # rendered above the screen
    await expect(page.locator("#thread").get_by_text("written long ago")).not_to_be_in_viewport()
    await deliver(system, text("7001", "m_75", "number 75"))
    await expect(page.get_by_role("button", name=f"{left + 1} new")).to_be_visible()
    await expect(page).to_have_title(f"({left + 1}) Inbox")


async def test_a_reset_keeps_the_reading_position_and_marks_nothing_as_read(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    sockets: list[WebSocketRoute] = []
    frames: list[str] = []
    await page.route_web_socket(re.compile("/ws"), lambda socket: _between(socket, sockets, frames))
    await page.reload()
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    begun_ms = minutes_ago(30)
    await _read(page, system, range(250), begun_ms)
    await open_conversation(page, "7001")
    await eventually(lambda: _is_up_at(page, 3_000), what="four older pages")
    await page.locator("#thread").evaluate("(one) => { one.scrollTop = 3000; }")
    await deliver(system, text("7001", "m_unseen", "unseen"))
    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    reading = await page.evaluate(_FIRST_ON_SCREEN)

    hello = next(json.loads(frame)["data"] for frame in frames if '"hello"' in frame)
    reset = {"seq": hello["seq"], "epoch": hello["epoch"], "reason": "expired"}
    async with page.expect_response(_OLDER_PAGES):
        sockets[-1].send(json.dumps({"type": "reset", "data": reset}))
    await eventually(lambda: _reads(page, reading), what="the same message at the top of the screen")
    await expect(page.get_by_role("button", name="1 new")).to_be_visible()
    assert await _unread(page) == 1
    await page.get_by_role("button", name="1 new").click()
    await expect(page.get_by_text("unseen", exact=True).last).to_be_in_viewport()


def _between(socket: WebSocketRoute, sockets: list[WebSocketRoute], frames: list[str]) -> None:
    """Proxy the page's WebSocket: record the gateway's frames, and allow to inject more."""
    server = socket.connect_to_server()
    sockets.append(socket)

    def from_server(frame: str | bytes) -> None:
        frames.append(str(frame))
        socket.send(frame)

    server.on_message(from_server)


async def _is_up_at(page: Page, at_least_px: int) -> bool:
    await page.locator("#thread").evaluate("(one) => { one.scrollTop = 0; }")
    return bool(await page.evaluate(f"document.querySelector('#thread').scrollHeight > {at_least_px * 3}"))


async def _reads(page: Page, reading: str) -> bool:
    return bool(await page.evaluate(_FIRST_ON_SCREEN) == reading)


async def test_a_page_that_fails_is_not_requested_again_without_a_manual_retry(
    system: System, browser: Browser
) -> None:
    page = await signed_in(browser, system)
    await deliver(system, text("7001", "m_lighthouse", "the lighthouse", at_ms=minutes_ago(60)))
    await deliver(system, history(range(120), begun_ms=minutes_ago(30)))
    await page.get_by_role("option").first.click()
    await expect(page.locator("#new-messages")).to_be_in_viewport()
    await page.reload()
    asked: list[str] = []

    async def fails(route: Route) -> None:
        asked.append(route.request.url)
        await route.abort()

    await page.route(_OLDER_PAGES, fails)
    await search_for(page, "lighthouse")
    await page.locator("#hit-0").click()
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    await page.wait_for_timeout(500)  # nothing should happen meanwhile
    assert len(asked) <= 2, asked
    await page.unroute(_OLDER_PAGES)
    await page.get_by_role("button", name="Try again").click()
    await expect(page.locator("#thread .found .text")).to_have_text("the lighthouse")
    await expect(page.locator("#thread .found")).to_be_in_viewport()


async def test_opening_the_same_hit_jumps_to_it_every_time_and_highlights_it(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    await deliver(system, text("7001", "m_lighthouse", "the lighthouse", at_ms=minutes_ago(60)))
    await deliver(system, history(range(40), begun_ms=minutes_ago(30)))
    await search_for(page, "lighthouse")
    for _ in range(2):
        await page.locator("#hit-0").click()
        await expect(page.locator("#thread .found")).to_be_in_viewport()
        await expect(page.locator("#thread .found")).to_have_count(0)
        await page.get_by_role("button", name=re.compile("new")).click()
        await expect(page.get_by_text("number 39", exact=True).last).to_be_in_viewport()
        await expect(page.locator("#thread")).to_be_focused()


async def test_a_quote_jumps_to_its_message_even_far_up_or_says_that_it_is_not_found(
    system: System, browser: Browser
) -> None:
    page = await signed_in(browser, system)
    begun_ms = minutes_ago(30)
    await _read(page, system, range(160), begun_ms)
    await page.reload()  # so that no message of the thread is loaded
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    await deliver(
        system,
        text("7001", "m_nothing", "to nothing", reply_to={"mid": "m_never"}),
        text("7001", "m_answer", "to the third", reply_to={"mid": "m_3"}),
    )
    await open_conversation(page, "7001")
    row = page.locator("#thread li").filter(has_text="to the third")
    await row.get_by_role("button", name="Replied to an earlier message").click()
    await expect(page.locator("#thread .found .text")).to_have_text("number 3")
    await expect(page.locator("#thread .found")).to_be_in_viewport()

    await page.reload()
    row = page.locator("#thread li").filter(has_text="to nothing")
    await row.get_by_role("button", name="Replied to an earlier message").click()
    await expect(row.get_by_role("status")).to_have_text("Message not found")


async def test_pages_that_load_between_two_renderings_are_followed_by_the_next(
    system: System, browser: Browser
) -> None:
    await deliver(system, text("7001", "m_lighthouse", "the lighthouse", at_ms=minutes_ago(60)))
    for begun_ms in (minutes_ago(30), minutes_ago(20)):
        await deliver(system, history(range(300), begun_ms=begun_ms, called=str(begun_ms)))
    context = await browser.new_context()
    await context.add_init_script(_SLOW_FRAMES)
    page = await signed_in(context, system)
    await search_for(page, "lighthouse")
    await page.locator("#hit-0").click()
    await expect(page.locator("#thread .found .text")).to_have_text("the lighthouse", timeout=30_000)
    await expect(page.locator("#thread .found")).to_be_in_viewport()


async def test_a_conversation_far_down_the_list_opens_again_after_a_reload(system: System, browser: Browser) -> None:
    begun_ms = minutes_ago(90)
    await deliver(system, text("7001", "m_old", "written long ago", at_ms=begun_ms))
    await deliver(system, *(text(str(one), f"m_{one}", "hello", at_ms=begun_ms + one) for one in range(8000, 8060)))
    page = await signed_in(browser, system)
    await page.goto(f"{system.urls['inbox']}/#conversation={conversation_id('facebook', system.user, '7001')}")
    await page.reload()
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    await expect(page.get_by_role("main").get_by_role("heading", name="7001")).to_be_visible()
    await expect(page.locator("#thread .text")).to_have_text("written long ago")
    await expect(page.get_by_role("option").filter(has_text="7001")).to_have_count(0)


async def test_a_row_that_plays_or_has_the_focus_stays_in_the_document_however_far_away(
    system: System, browser: Browser
) -> None:
    page = await signed_in(browser, system)
    await page.route("https://voices.fbcdn.net/long.wav", _a_minute_of_silence)
    await _read(page, system, range(100), minutes_ago(30))
    await deliver(
        system,
        attachment_webhook("7001", "m_voice", "audio", {"url": "https://voices.fbcdn.net/long.wav"}),
        text("7001", "m_link", "https://example.com/here"),
    )
    await open_conversation(page, "7001")
    await page.locator("#thread audio").evaluate("(one) => one.play()")
    await page.get_by_role("link", name="example.com/here").focus()
    await eventually(lambda: _pages_up(page), what="the beginning of the thread")
    audio = page.locator("#thread audio")
    assert await audio.evaluate("(one) => !one.paused && one.currentTime > 0")
    await expect(page.get_by_role("link", name="example.com/here")).to_be_focused()
    await audio.evaluate("(one) => one.pause()")
    await page.locator("#thread").focus()
    await page.keyboard.press("PageDown")
    await expect(audio).to_have_count(0)  # it is removed once nothing keeps it


async def _pages_up(page: Page) -> bool:
    await page.keyboard.press("PageUp")
    return bool(
        await page.evaluate(
            "document.querySelector('#thread').scrollTop === 0"
            " && document.querySelector('#thread').textContent.includes('Start of the conversation')"
        )
    )


async def _a_minute_of_silence(route: Route) -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8_000)
        sound.writeframes(b"\x80" * 8_000 * 60)
    await route.fulfill(body=file.getvalue(), content_type="audio/wav")
