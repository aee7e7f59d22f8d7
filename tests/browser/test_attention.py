"""New messages are announced outside the page: title, icon, sound, notification. Colleagues are shown."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from websockets.asyncio.client import ClientConnection, connect

from tests.browser.inbox import collect_errors, deliver, open_conversation, signed_in, text
from tests.system.running import System, eventually

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(240)]

_RECORD_ATTENTION = """
window.tones = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };
window.notes = [];
window.Notification = class {
  static permission = 'default';
  static requestPermission() { this.permission = 'granted'; return Promise.resolve('granted'); }
  constructor(title, options) { Object.assign(this, {title}, options); window.notes.push(this); }
  close() { this.closed = true; }
};
let isHidden = false;
Object.defineProperty(document, 'visibilityState', {get: () => isHidden ? 'hidden' : 'visible'});
window.hide = (hidden) => { isHidden = hidden; document.dispatchEvent(new Event('visibilitychange')); };
"""
"""A headless page is never hidden and shows no notifications, so this script fakes the first and records the second."""


async def recorded(page: Page) -> Page:
    """Reload with the recording script. The tab stays signed in."""
    await page.add_init_script(_RECORD_ATTENTION)
    await page.reload()
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    return page


async def choose(page: Page, *labels: str) -> None:
    await page.get_by_role("button", name="Settings").click()
    for label in labels:
        await page.get_by_label(label).click()
    await page.keyboard.press("Escape")


async def test_the_tabs_title_and_icon_show_the_unread_count(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    icon = page.locator("#favicon")
    await expect(icon).to_have_attribute("href", re.compile("^data:image/png"))
    plain = await icon.get_attribute("href")
    await deliver(system, text("7001", "m_1", "hello"), text("7002", "m_2", "hi"))
    await expect(page).to_have_title("(2) Inbox")
    assert await icon.get_attribute("href") != plain
    await open_conversation(page, "7001")
    await open_conversation(page, "7002")
    await expect(page).to_have_title("Inbox")
    assert await icon.get_attribute("href") == plain


async def test_a_sound_is_played_on_request_once_per_burst_and_not_for_the_open_conversation(
    system: System, browser: Browser
) -> None:
    page = await recorded(await signed_in(browser, system))
    await deliver(system, text("7001", "m_1", "silent"))
    await expect(page).to_have_title("(1) Inbox")
    assert await page.evaluate("tones") == 0

    await choose(page, "Play a sound")
    await deliver(system, *(text("7002", f"b_{one}", f"burst {one}") for one in range(10)))
    await expect(page).to_have_title("(11) Inbox")
    await eventually(lambda: page.evaluate("tones"), what="a tone")
    assert await page.evaluate("tones") <= 3

    await open_conversation(page, "7001")
    await asyncio.sleep(1.2)  # until the tone of the burst has ended
    before = await page.evaluate("tones")
    await deliver(system, text("7001", "m_2", "being read"))
    await expect(page.locator("#thread .text").last).to_have_text("being read")
    assert await page.evaluate("tones") == before
    await deliver(system, text("7002", "m_3", "elsewhere"))
    await eventually(lambda: page.evaluate(f"tones > {before}"), what="a tone for another conversation")


async def test_a_hidden_page_shows_notifications_and_a_click_opens_the_conversation(
    system: System, browser: Browser
) -> None:
    page = await recorded(await signed_in(browser, system))
    await choose(page, "Show notifications")
    await deliver(system, text("7001", "m_1", "seen"))
    await expect(page).to_have_title("(1) Inbox")
    assert await page.evaluate("notes.length") == 0  # the page is visible
    await page.evaluate("hide(true)")
    await deliver(system, text("7001", "m_2", "the lighthouse"))
    await eventually(lambda: page.evaluate("notes.length"), what="a notification")
    shown = await page.evaluate("({title: notes[0].title, body: notes[0].body, tag: notes[0].tag})")
    assert (shown["title"], shown["body"]) == ("7001", "the lighthouse")
    assert shown["tag"]  # a second one of the same conversation replaces it
    await page.evaluate("hide(false); notes[0].onclick()")
    await expect(page.get_by_role("region", name="Messages with 7001")).to_be_visible()
    assert await page.evaluate("notes[0].closed")


async def test_messages_on_a_hidden_page_stay_unread(system: System, browser: Browser) -> None:
    page = await recorded(await signed_in(browser, system))
    await deliver(system, text("7001", "m_1", "first"))
    await open_conversation(page, "7001")
    await expect(page).to_have_title("Inbox")
    await page.evaluate("hide(true)")
    await deliver(system, text("7001", "m_2", "second"))
    await expect(page).to_have_title("(1) Inbox")
    await expect(page.get_by_text("New messages", exact=True)).to_be_visible()
    await page.evaluate("hide(false)")
    await expect(page).to_have_title("Inbox")


@asynccontextmanager
async def colleague(system: System, name: str) -> AsyncIterator[ClientConnection]:
    """Connect another device of the same user, as `name`."""
    answer = await system.http.post(
        f"{system.urls['api']}/tokens",
        json={"user_id": system.user, "name": name},
        headers={"Authorization": f"Bearer {system.urls['admin_token']}"},
    )
    url = system.socket_url(system.user, answer.json()["token"], client=f"desk-of-{name.lower()}")
    async with connect(url) as socket:
        assert json.loads(await asyncio.wait_for(socket.recv(), 10))["type"] == "hello"
        yield socket


async def say(socket: ClientConnection, **frame: Any) -> None:
    await socket.send(json.dumps(frame))


async def test_typing_and_viewing_colleagues_are_shown_and_expire(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    await deliver(system, text("7001", "m_1", "hello"))
    await open_conversation(page, "7001")
    [conversation] = await system.get("/conversations", await system.token(system.user))
    subject = {"conversation_id": conversation["conversation_id"]}
    async with colleague(system, "Grace") as grace:
        await say(grace, type="viewing", **subject)
        await expect(page.get_by_text("Grace is viewing")).to_be_visible()
        await expect(page.get_by_text("Also viewing: Grace")).to_be_visible()
        await say(grace, type="typing", **subject)
        await expect(page.locator(".typing")).to_have_text("Grace is typing…")
        await expect(page.get_by_role("option").first).to_contain_text("A colleague is typing…")
        await expect(page.locator(".typing")).to_have_text("")
        await say(grace, type="viewing", conversation_id=None)
        await expect(page.get_by_text("Grace is viewing")).to_have_count(0)


async def test_without_a_network_the_page_is_offline_and_reconnects_by_itself(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    errors = collect_errors(page)
    await page.context.set_offline(True)
    await expect(page.get_by_test_id("connection")).to_have_text("Offline")
    await deliver(system, text("7001", "m_1", "while away"))
    await page.context.set_offline(False)
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    await expect(page.get_by_role("option")).to_contain_text("while away")
    assert errors == []
