"""The inbox page behind the front door of docker compose: nginx on a port of its own before a real system."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, WebSocket

from tests.browser.inbox import collect_errors, deliver, open_conversation, signed_in, text
from tests.fixtures.front_door import front_door, name_server
from tests.system.running import System, eventually

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(240)]


async def test_the_page_is_live_over_its_websocket(system: System, browser: Browser, built_inbox: Path) -> None:
    behind = urlsplit(system.urls["inbox"]).port
    assert behind is not None
    upstreams = dict.fromkeys(("INGEST", "ENRICHER", "STORE", "GATEWAY", "GATEWAY_SSE"), behind)
    context = await browser.new_context()
    sockets: list[WebSocket] = []
    requested: list[str] = []

    def watch(page: Page) -> None:
        page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - Playwright marks its handlers

    context.on("request", lambda request: requested.append(request.url))
    context.on("page", watch)
    async with name_server("127.0.0.1") as names, front_door(upstreams, names=names, page=built_inbox) as door:
        origin = f"http://127.0.0.1:{door.port}"
        page = await signed_in(context, replace(system, urls={**system.urls, "inbox": origin}))
        errors = collect_errors(page)
        await deliver(system, text("7001", "m_1", "Is the blue one in stock?"))
        await open_conversation(page, "7001")
        await eventually(lambda: any(not socket.is_closed() for socket in sockets), what="an open socket")
        shown = await page.evaluate("window.shown")
        await context.close()

    assert [urlsplit(socket.url).netloc for socket in sockets] == [f"127.0.0.1:{door.port}"]
    assert not [url for url in requested if "/sse/" in url]
    assert shown[-1] == "Live"
    assert errors == []
