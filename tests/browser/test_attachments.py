"""Every kind of attachment is shown, or says why it cannot be."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.inbox import (
    NO_GRAPH,
    PAGE_ID,
    USER,
    attachment_webhook,
    collect_errors,
    deliver,
    item,
    open_conversation,
    signed_in,
)
from tests.system.running import System, eventually, running_system

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(240)]
_PHONE, _NUMBER = "15551107123", "2001"
_ELSEWHERE = "https://scontent.xx.fbcdn.net/1"
_FOREIGN = "https://pixel.example/1"
_CARD = {"title": "Blue shirt", "subtitle": "19 €", "buttons": [{"type": "web_url", "title": "Buy"}]}


@pytest.fixture
async def system(tmp_path: Path, environment: dict[str, str]) -> AsyncIterator[System]:
    async with running_system(tmp_path, *NO_GRAPH, environment=environment) as running:
        await running.connect_page("facebook", PAGE_ID, USER, name="Blue Things")
        await running.connect_page("whatsapp", _NUMBER, USER, name="Blue number")
        yield running


@dataclass(frozen=True)
class Shown:
    """What the platform sends, and how it is shown: an element in the bubble, and text in it."""

    kind: str
    payload: Any
    element: str
    words: str = ""
    title: str | None = None


DIRECT = [
    Shown("image", {"url": f"{_ELSEWHERE}.png"}, "a.media, .placeholder-image"),
    Shown("image", {"url": f"{_ELSEWHERE}.png", "sticker_id": 369239263222822}, "a.media, .placeholder"),
    Shown("video", {"url": f"{_ELSEWHERE}.mp4"}, "video[controls], .placeholder-video"),
    Shown("audio", {"url": f"{_ELSEWHERE}.mp3"}, "audio[controls], .placeholder-audio"),
    Shown("file", {"url": f"{_ELSEWHERE}/menu.pdf"}, f"a.card[href='{_ELSEWHERE}/menu.pdf']", "File"),
    Shown("file", None, ".card-dead", "Not available"),
    Shown("location", {"coordinates": {"lat": 52.5, "long": 13.4}}, "a.card", "52.50000, 13.40000"),
    Shown("story_mention", {"url": f"{_ELSEWHERE}.jpg"}, ".labelled", "Mentioned you in their story"),
    Shown("ig_reel", {"url": f"{_ELSEWHERE}.mp4", "reel_video_id": "1", "title": "Sunday"}, ".labelled", "Reel"),
    Shown("share", {"url": f"{_ELSEWHERE}.jpg"}, ".labelled", "Post"),
    Shown("template", {"template_type": "generic", "elements": [_CARD]}, ".template", "Blue shirt"),
    Shown("fallback", {"url": f"{_ELSEWHERE}/page", "title": "An article"}, "a.card", "An article"),
    Shown("like_heart", None, ".big-heart"),
    Shown("ephemeral", None, ".attachment-note", "Vanishing message"),
    Shown("something_new", {}, ".attachment-note", "Unsupported content (something new)"),
]


def whatsapp(message_id: str, kind: str, content: Any) -> dict[str, Any]:
    message = {"from": _PHONE, "id": message_id, "timestamp": "1767355200", "type": kind, kind: content}
    contact = {"profile": {"name": "Ada"}, "wa_id": _PHONE}
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": _NUMBER}, "contacts": [contact]}
    change = {"field": "messages", "value": {**value, "messages": [message]}}
    return {"object": "whatsapp_business_account", "entry": [{"id": "3001", "changes": [change]}]}


WHATSAPP = [
    Shown(
        "location", {"latitude": 52.5, "longitude": 13.4, "name": "Office", "address": "Main St 1"}, "a.card", "Main"
    ),
    Shown(
        "contacts",
        [{"name": {"formatted_name": "Grace Hopper"}, "phones": [{"phone": "+1 555 0100"}]}],
        ".card",
        "+1 555 0100",
    ),
    Shown("order", {"catalog_id": "1", "text": "Please", "product_items": []}, ".template", "Order"),
    Shown("interactive", {"type": "list_reply", "list_reply": {"id": "l", "title": "Tuesday"}}, ".text", "Tuesday"),
]


async def seen(bubble: Locator, shown: Shown) -> None:
    await expect(bubble.locator(shown.element).first, shown.kind).to_be_visible()
    await expect(bubble, shown.kind).to_contain_text(shown.words)


async def test_every_kind_of_attachment_is_shown_as_what_it_is(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    await page.set_viewport_size({"width": 1360, "height": 6000})  # only rows near the screen are rendered
    errors = collect_errors(page)
    for number, shown in enumerate(DIRECT):
        await deliver(system, attachment_webhook("7001", f"m_{number}", shown.kind, shown.payload))
    await open_conversation(page, "7001")
    bubbles = page.locator("#thread .bubble")
    await expect(bubbles).to_have_count(len(DIRECT))
    for number, shown in enumerate(DIRECT):
        await seen(bubbles.nth(number), shown)

    for number, shown in enumerate(WHATSAPP):
        await deliver(system, whatsapp(f"wamid.{number}", shown.kind, shown.payload), platform="whatsapp")
    await open_conversation(page, "Ada")
    await expect(bubbles).to_have_count(len(WHATSAPP))
    for number, shown in enumerate(WHATSAPP):
        await seen(bubbles.nth(number), shown)
    assert errors == []


async def test_replies_postbacks_and_stories_show_what_they_reply_to(system: System, browser: Browser) -> None:
    page = await signed_in(browser, system)
    story = {"story": {"id": "17", "url": f"{_ELSEWHERE}.jpg"}}
    await deliver(
        system,
        item("7001", PAGE_ID, message={"mid": "m_1", "text": "lovely", "reply_to": story}),
        item("7001", PAGE_ID, message={"mid": "m_2", "text": "and this", "reply_to": {"mid": "m_1"}}),
        item("7001", PAGE_ID, postback={"mid": "m_3", "title": "Get started", "payload": "START"}),
        item("7001", PAGE_ID, message={"mid": "m_4", "text": "still here?", "reply_to": {"mid": "m_of_last_year"}}),
    )
    await open_conversation(page, "7001")
    bubbles = page.locator("#thread .bubble")
    await expect(bubbles.filter(has_text="lovely").first).to_contain_text("Replied to your story")
    await expect(bubbles.filter(has_text="and this").locator("button.quote")).to_contain_text("lovely")
    await expect(bubbles.filter(has_text="Get started")).to_contain_text("Pressed a button")
    await expect(bubbles.filter(has_text="still here?")).to_contain_text("Replied to an earlier message")


async def test_reading_a_thread_tells_no_foreign_host(system: System, browser: Browser) -> None:
    """Pictures of the platforms are loaded. Everything else is a link, and its host hears only of a click."""
    page = await signed_in(browser, system)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    element = {"title": "Blue shirt", "image_url": f"{_FOREIGN}-card.png"}
    await deliver(
        system,
        *(
            attachment_webhook("7001", f"m_{kind}", kind, {"url": f"{_FOREIGN}-{kind}.png"})
            for kind in ("image", "video", "audio", "story_mention", "ig_reel", "share")
        ),
        attachment_webhook("7001", "m_card", "template", {"template_type": "generic", "elements": [element]}),
        attachment_webhook("7001", "m_own", "image", {"url": f"{_ELSEWHERE}-last.png"}),
    )
    await open_conversation(page, "7001")
    bubbles = page.locator("#thread .bubble")
    await expect(bubbles).to_have_count(8)
    await eventually(lambda: f"{_ELSEWHERE}-last.png" in requested, what="the platform's picture")
    assert [url for url in requested if "pixel.example" in url] == []
    links = page.locator("#thread a.card").filter(has_text="pixel.example")
    await expect(links).to_have_count(6)
    assert {await link.get_attribute("rel") for link in await links.all()} == {"noopener noreferrer nofollow"}


async def test_the_browser_itself_refuses_a_foreign_picture(system: System, browser: Browser) -> None:
    """The policy of the page holds even where its code would be wrong."""
    page = await signed_in(browser, system)
    refused = await page.evaluate(
        """(url) => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
            const picture = new Image();
            picture.onload = picture.onerror = () => setTimeout(() => resolve("nothing"), 2_000);
            picture.src = url;
        })""",
        f"{_FOREIGN}.png",
    )
    assert refused == "img-src"
