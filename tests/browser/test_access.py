"""Keyboard, screen readers, layout stability and access control."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from switchboard.build import SOURCES
from tests.browser.inbox import (
    NO_GRAPH,
    USER,
    collect_errors,
    deliver,
    message_texts,
    open_conversation,
    signed_in,
    text,
)
from tests.system.running import System, running_system

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(240)]
_AXE = SOURCES / "node_modules" / "axe-core" / "axe.min.js"


async def violations(page: Page) -> list[str]:
    """Return the violations that axe finds, one line each."""
    await page.evaluate(await asyncio.to_thread(_AXE.read_text))
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


async def focused(page: Page) -> str:
    return str(await page.evaluate("document.activeElement.id || document.activeElement.tagName"))


async def test_keys_alone_are_enough(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    await deliver(
        system,
        *(text(f"700{one}", f"m_{one}", f"from {one}", at_ms=1_767_355_200_000 + one * 1000) for one in range(5)),
    )
    await expect(page.get_by_role("option")).to_have_count(5)
    for key in "jjjk":
        await page.keyboard.press(key)
    assert await focused(page) == "conversations"
    active = await page.get_by_role("listbox").get_attribute("aria-activedescendant")
    await expect(page.locator(f"#{active}")).to_contain_text("from 3")
    await page.keyboard.press("Enter")
    await expect(page.locator("#thread .text")).to_have_text("from 3")
    assert await focused(page) == "thread"
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("Select a conversation")).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.type("from 1")
    await expect(page.get_by_role("listbox", name="Search results").get_by_role("option")).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    field = page.get_by_role("combobox", name="Search people and messages")
    await expect(field).to_be_focused()
    chosen = await field.get_attribute("aria-activedescendant")
    await expect(page.locator(f"#{chosen}")).to_contain_text("from 1")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox", name="Conversations")).to_be_visible()
    await deliver(system, text("7000", "m_new", "more"))
    await expect(page.get_by_test_id("announcer")).to_have_text("7000: more")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_violation_in_any_view(system: System, browser: Browser, scheme: str) -> None:
    await deliver(
        system,
        text("7001", "m_1", "https://example.com/ هل ما زال الأزرق متوفراً؟"),
        text("7002", "m_2", "hello", reply_to={"mid": "m_unknown"}),
    )
    page = await signed_in(browser, system, color_scheme=scheme, reduced_motion="reduce")
    errors = collect_errors(page)
    assert await violations(page) == []
    await open_conversation(page, "7001")
    assert await violations(page) == []
    await page.get_by_role("button", name="Settings").click()
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    await page.keyboard.type("hello")
    await expect(page.get_by_role("listbox", name="Search results")).to_be_visible()
    assert await violations(page) == []
    await page.set_viewport_size({"width": 380, "height": 740})
    assert await violations(page) == []
    assert errors == []


async def test_a_narrow_screen_shows_one_pane_at_a_time(system: System, browser: Browser) -> None:
    await deliver(system, text("7001", "m_1", "hello"))
    page = await signed_in(browser, system)
    await page.set_viewport_size({"width": 380, "height": 740})
    await open_conversation(page, "7001")
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await page.get_by_role("button", name="Contact details").click()
    await expect(page.get_by_role("region", name="Messages with")).to_be_hidden()
    await page.get_by_role("button", name="Close").click()
    await page.go_back()
    await expect(page.get_by_role("listbox")).to_be_visible()
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 380


async def test_nothing_shifts_while_the_page_loads_and_messages_arrive(system: System, browser: Browser) -> None:
    await deliver(system, *(text(f"700{one}", f"m_{one}", f"from {one}") for one in range(5)))
    page = await signed_in(browser, system)
    await page.evaluate("""() => {
        window.shift = 0;
        new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shift += one.value; })
            .observe({type: 'layout-shift', buffered: true});
    }""")
    await open_conversation(page, "7001")
    await deliver(system, text("7001", "m_8", "more"), text("7003", "m_9", "more"))
    await expect(page.locator("#thread .text")).to_have_count(2)
    assert await page.evaluate("shift") < 0.05
    assert await message_texts(page) == ["from 1", "more"]


async def test_a_missing_or_forged_token_shows_nothing(system: System, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(system.urls["inbox"])
    await expect(page.get_by_text("You are not signed in")).to_be_visible()
    assert await violations(page) == []
    token = await system.token(system.user)
    await page.goto(f"{system.urls['inbox']}/#token={token[:-4]}AAAA")
    await expect(page.get_by_text("You are not signed in")).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0
    assert "token" not in page.url


@contextmanager
def embedding(inbox: str, token: str, port: int) -> Iterator[str]:
    """Serve a page that embeds the inbox and signs it in with a token; yields its origin."""
    document = f"""<!doctype html><iframe src="{inbox}/" width="1000" height="700"></iframe><script>
        addEventListener('message', (event) => {{
            if (event.origin === {json.dumps(inbox)} && event.data.type === 'switchboard:ready')
                event.source.postMessage({{type: 'switchboard:token', token: {json.dumps(token)}}}, event.origin);
        }});</script>"""
    with serving_page(document, port) as origin:
        yield origin


@contextmanager
def serving_page(document: str, port: int = 0) -> Iterator[str]:
    """Serve one page on an origin of its own; yields the origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(document.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_only_a_listed_page_may_embed_the_inbox_and_sign_in(
    tmp_path: Path, environment: dict[str, str], browser: Browser
) -> None:
    port = free_port()
    listed = {"SWITCHBOARD_EMBEDDING_ORIGINS": f"http://127.0.0.1:{port}"}
    async with running_system(tmp_path, *NO_GRAPH, environment={**environment, **listed}) as system:
        token = await system.token(USER)
        with embedding(system.urls["inbox"], token, port) as origin:
            page = await browser.new_page()
            await page.goto(origin)
            inside = page.frame_locator("iframe")
            await expect(inside.get_by_test_id("connection")).to_have_text("Live")
        with embedding(system.urls["inbox"], token, free_port()) as stranger:
            page = await browser.new_page()
            async with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
                await page.goto(stranger)


async def stored_token(page: Page) -> str:
    return str(await page.evaluate("sessionStorage.getItem('switchboard.token')"))


async def test_a_page_that_opened_the_inbox_cannot_sign_the_tab_in_as_another_user(
    system: System, browser: Browser
) -> None:
    inbox = system.urls["inbox"]
    alice, mallory = await system.token(system.user), await system.token("mallory")
    with serving_page("<!doctype html><title>A stranger</title>") as stranger:
        opener = await browser.new_page()
        await opener.goto(stranger)
        async with opener.expect_popup() as opening:
            await opener.evaluate("url => { window.inbox = window.open(url); }", f"{inbox}/#token={alice}")
        page = await opening.value
        await expect(page.get_by_test_id("connection")).to_have_text("Live")
        assert await opener.evaluate(
            "url => { window.inbox.location = url; return window.inbox.closed; }", f"{inbox}/#token={mallory}"
        ), "the opener still holds the tab"
        assert await stored_token(page) == alice


async def test_a_link_of_another_user_asks_before_it_replaces_the_session(system: System, browser: Browser) -> None:
    other = f"{system.user}-other"
    mine, theirs = await system.token(system.user), await system.token(other)
    page = await signed_in(browser, system)
    errors = collect_errors(page)
    question = page.get_by_role("dialog", name=f"You are signed in as {system.user}")
    for stay in (page.get_by_role("button", name="Stay"), None):
        await page.evaluate("token => { location.hash = `#token=${token}`; }", theirs)
        await expect(question).to_be_visible()
        assert "token" not in page.url
        assert await violations(page) == []
        if stay is None:
            await page.keyboard.press("Escape")
        else:
            await stay.click()
        await expect(question).to_be_hidden()
        assert (await stored_token(page)).split(".")[1] != theirs.split(".")[1]

    await page.goto(f"{system.urls['inbox']}/?opened#token={theirs}")
    await expect(question).to_be_visible()
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    await page.get_by_role("button", name=f"Switch to {other}").click()
    await expect(question).to_be_hidden()
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    assert await stored_token(page) == theirs

    await page.evaluate("token => { location.hash = `#token=${token}`; }", mine)
    await expect(page.get_by_role("dialog", name=f"You are signed in as {other}")).to_be_visible()
    assert errors == []


async def test_a_new_token_of_the_same_user_needs_no_answer(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    newer = await system.token(system.user)
    await page.evaluate("token => { location.hash = `#token=${token}`; }", newer)
    await page.wait_for_function("token => sessionStorage.getItem('switchboard.token') === token", arg=newer)
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
