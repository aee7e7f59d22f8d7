"""What a person does on the inbox page, and what the platform sends meanwhile."""

import json
import time
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, expect

from shared.contracts import conversation_id
from tests.system.running import System, eventually

USER, PAGE_ID = System.user, System.page_id
NO_GRAPH = ("--no-simulator", "--graph-url", "http://127.0.0.1:9")
"""Arguments of a system without a simulator and without a Graph API: participants have no names."""
_DESKTOP = {"width": 1360, "height": 850}

RECORD_INDICATOR = """
(() => {
  window.shown = [];
  const look = () => {
    const word = document.querySelector('[data-testid=connection]')?.textContent;
    if (word && word !== window.shown.at(-1)) window.shown.push(word);
  };
  new MutationObserver(look).observe(document, {subtree: true, childList: true, characterData: true});
})()
"""
"""Records every text of the connection indicator, however short it is shown."""


class PageErrors(list[str]):
    """Errors that the browser reported: uncaught errors of the page, and violations of the content security policy."""


def collect_errors(page: Page) -> PageErrors:
    errors = PageErrors()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if "Content Security Policy" in message.text else None
    )
    return errors


async def signed_in(browser: Browser | BrowserContext, system: System, user: str | None = None, **more: Any) -> Page:
    """Open the page with a token link; return once it is live."""
    if isinstance(browser, Browser):
        browser = await browser.new_context(viewport=_DESKTOP, **more)  # type: ignore[arg-type]  # a dict with two numbers
    page = await browser.new_page()
    page.set_default_timeout(30_000)
    await page.add_init_script(RECORD_INDICATOR)
    await page.goto(f"{system.urls['inbox']}/#token={await system.token(user or system.user)}")
    await expect(page.get_by_test_id("connection")).to_have_text("Live")
    return page


def text(
    customer: str, message_id: str, content: str, *, at_ms: int | None = None, page: str = PAGE_ID, **more: Any
) -> dict[str, Any]:
    """Return a Messenger webhook with one message of a customer."""
    return item(customer, page, at_ms=at_ms, message={"mid": message_id, "text": content, **more})


def echo(customer: str, message_id: str, content: str, *, at_ms: int | None = None) -> dict[str, Any]:
    return item(PAGE_ID, customer, at_ms=at_ms, message={"mid": message_id, "text": content, "is_echo": True})


def attachment_webhook(customer: str, message_id: str, kind: str, payload: Any, **more: Any) -> dict[str, Any]:
    attachment = {"type": kind, "payload": payload, **more}
    return item(customer, PAGE_ID, message={"mid": message_id, "attachments": [attachment]})


def item(sender: str, recipient: str, *, at_ms: int | None = None, **what: Any) -> dict[str, Any]:
    at = int(time.time() * 1000) if at_ms is None else at_ms
    page_id = sender if sender == PAGE_ID else recipient
    one = {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": at, **what}
    return {"object": "page", "entry": [{"id": page_id, "time": at, "messaging": [one]}]}


async def deliver(system: System, *bodies: dict[str, Any], platform: str = "facebook") -> None:
    """Send webhooks. PAGE_ID in them stands for the page of this test."""
    for body in bodies:
        raw = json.dumps(body).replace(f'"{PAGE_ID}"', f'"{system.page_id}"')
        assert await system.post(platform, raw.encode()) == 200


async def mark_all_read(system: System, customer: str) -> None:
    """Mark all messages of a Messenger customer as read, as another device of the user would."""
    path = f"{system.urls['api']}/conversations/{conversation_id('facebook', system.user, customer)}/read"
    headers = {"Authorization": f"Bearer {await system.token(system.user)}"}
    answer = await system.http.post(path, json={"up_to_seq": 1_000_000}, headers=headers)
    assert answer.is_success, answer.text
    assert answer.json()["unread_count"] == 0


async def open_conversation(page: Page, name: str) -> None:
    await page.get_by_role("option").filter(has_text=name).first.click()
    await expect(page.get_by_role("region", name="Messages with")).to_be_visible()


async def search_for(page: Page, word: str) -> None:
    """Search until there is a hit: a message can be found a moment after it is in the inbox."""
    field = page.get_by_role("combobox", name="Search people and messages")

    async def is_found() -> bool:
        await field.fill("")
        await field.fill(word)
        try:
            await expect(page.locator("#hit-0")).to_be_visible(timeout=2_000)
        except AssertionError:
            return False
        return True

    await eventually(is_found, what=f"a hit for {word}")


async def message_texts(page: Page) -> list[str]:
    """Return the texts of the rendered messages, oldest first."""
    return await page.locator("#thread .text").all_inner_texts()
