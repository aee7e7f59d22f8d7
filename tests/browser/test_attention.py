"""Nobody has to look at the page to learn that somebody wrote: title, icon, sound, notification, and who is at work."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from websockets.asyncio.client import ClientConnection, connect

from tests.browser.inbox import open_conversation, signed_in, text, told, watched
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
"""Headless, a page is never hidden and no desktop shows notifications: what the page asks of both is kept instead."""


async def recorded(page: Page) -> Page:
    """Begin anew with the recording in place; the tab remembers who is signed in."""
    await page.add_init_script(_RECORD_ATTENTION)
    await page.reload()
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    return page


async def choose(page: Page, *labels: str) -> None:
    await page.get_by_role("button", name="Settings").click()
    for label in labels:
        await page.get_by_label(label).click()
    await page.keyboard.press("Escape")


async def test_the_tabs_title_and_icon_tell_how_much_is_unread(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    icon = page.locator("#favicon")
    await expect(icon).to_have_attribute("href", re.compile("^data:image/png"))
    plain = await icon.get_attribute("href")
    await told(system, text("7001", "m_1", "hello"), text("7002", "m_2", "hi"))
    await expect(page).to_have_title("(2) Inbox")
    assert await icon.get_attribute("href") != plain
    await open_conversation(page, "7001")
    await open_conversation(page, "7002")
    await expect(page).to_have_title("Inbox")
    assert await icon.get_attribute("href") == plain


async def test_a_sound_is_played_where_it_is_wanted_once_for_a_burst_and_not_for_what_is_being_read(
    system: System, browser: Browser
) -> None:
    page = await recorded(await signed_in(browser, system))
    await told(system, text("7001", "m_1", "silent"))
    await expect(page).to_have_title("(1) Inbox")
    assert await page.evaluate("tones") == 0

    await choose(page, "Play a sound")
    await told(system, *(text("7002", f"b_{one}", f"burst {one}") for one in range(10)))
    await expect(page).to_have_title("(11) Inbox")
    await eventually(lambda: page.evaluate("tones"), what="a tone")
    assert await page.evaluate("tones") <= 3

    await open_conversation(page, "7001")
    await asyncio.sleep(1.2)  # a tone that a burst has begun may still be the reason for silence
    before = await page.evaluate("tones")
    await told(system, text("7001", "m_2", "being read"))
    await expect(page.locator("#thread .text").last).to_have_text("being read")
    assert await page.evaluate("tones") == before
    await told(system, text("7002", "m_3", "elsewhere"))
    await eventually(lambda: page.evaluate(f"tones > {before}"), what="a tone for another conversation")


async def test_a_hidden_page_shows_notifications_and_a_click_opens_the_conversation(
    system: System, browser: Browser
) -> None:
    page = await recorded(await signed_in(browser, system))
    await choose(page, "Show notifications")
    await told(system, text("7001", "m_1", "seen"))
    await expect(page).to_have_title("(1) Inbox")
    assert await page.evaluate("notes.length") == 0  # somebody looks at the page
    await page.evaluate("hide(true)")
    await told(system, text("7001", "m_2", "the lighthouse"))
    await eventually(lambda: page.evaluate("notes.length"), what="a notification")
    shown = await page.evaluate("({title: notes[0].title, body: notes[0].body, tag: notes[0].tag})")
    assert (shown["title"], shown["body"]) == ("7001", "the lighthouse")
    assert shown["tag"]  # a second one of the same conversation takes its place
    await page.evaluate("hide(false); notes[0].onclick()")
    await expect(page.get_by_role("region", name="Messages with 7001")).to_be_visible()
    assert await page.evaluate("notes[0].closed")


async def test_what_is_seen_only_while_nobody_looks_stays_unread(system: System, browser: Browser) -> None:
    page = await recorded(await signed_in(browser, system))
    await told(system, text("7001", "m_1", "first"))
    await open_conversation(page, "7001")
    await expect(page).to_have_title("Inbox")
    await page.evaluate("hide(true)")
    await told(system, text("7001", "m_2", "second"))
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


async def test_who_types_and_who_looks_at_the_same_conversation_is_shown_and_passes(
    system: System, browser: Browser
) -> None:
    page = await signed_in(browser, system)
    await told(system, text("7001", "m_1", "hello"))
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


async def test_without_a_network_the_page_says_so_and_comes_back_by_itself(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    trouble = watched(page)
    await page.context.set_offline(True)
    await expect(page.get_by_test_id("connection")).to_have_text("Offline")
    await told(system, text("7001", "m_1", "while away"))
    await page.context.set_offline(False)
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    await expect(page.get_by_role("option")).to_contain_text("while away")
    assert trouble == []
