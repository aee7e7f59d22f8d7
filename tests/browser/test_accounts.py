"""Account problems are shown to agents; missing names and pictures break nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from shared.http.server import serving
from simulator.customers import Customer
from simulator.faults import FaultSwitch
from simulator.graph import Access, graph_app
from simulator.languages import load_languages
from simulator.pages import Page
from switchboard.addresses import DEMO_USER
from tests.browser.inbox import PAGE_ID, USER, collect_errors, deliver, signed_in, text
from tests.browser.test_access import violations
from tests.system.running import eventually, running_system

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(240)]


@asynccontextmanager
async def graph_that_accepts(token: str) -> AsyncIterator[str]:
    """Run a Graph API that knows one customer and accepts only `token`; yields its URL."""
    ada = Customer(
        "7001", Page("facebook", PAGE_ID, "Blue Things"), "Ada", "L", "Ada Lovelace", "ada", load_languages()[0]
    )
    app = graph_app([ada], FaultSwitch(), access=Access(tokens=frozenset({token})))
    async with serving(app, host="127.0.0.1", port=0, grace_seconds=1) as port:
        yield f"http://127.0.0.1:{port}"


async def test_a_refused_token_shows_a_banner_until_a_new_token_brings_the_name(
    tmp_path: Path, environment: dict[str, str], browser: Browser
) -> None:
    async with (
        graph_that_accepts("good") as graph,
        running_system(tmp_path, "--no-simulator", "--graph-url", graph, environment=environment) as system,
    ):
        await system.connect_page("facebook", PAGE_ID, USER, name="Blue Things", access_token="dead")
        page = await signed_in(browser, system)
        errors = collect_errors(page)
        banner = page.get_by_role("alert")
        await expect(banner).to_have_count(0)

        await deliver(system, text("7001", "m_1", "hello"))
        await expect(page.get_by_role("option")).to_contain_text("hello")  # the message does not wait for a valid token
        await expect(banner).to_contain_text("Blue Things (Messenger) needs to be reconnected")
        await expect(page.locator(".row-name")).to_have_text("7001")
        assert await violations(page) == []

        await system.connect_page("facebook", PAGE_ID, USER, name="Blue Things", access_token="good")
        await expect(banner).to_have_count(0)
        await expect(page.locator(".row-name")).to_have_text("Ada Lovelace", timeout=20_000)
        assert errors == []


async def test_expired_pictures_leave_initials_and_no_broken_image(
    tmp_path: Path, environment: dict[str, str], browser: Browser
) -> None:
    async with running_system(tmp_path, environment=environment) as system:
        faults = f"{system.urls['graph']}/_faults"
        assert (await system.http.post(faults, json={"pictures_expired": True})).is_success
        page = await signed_in(browser, system, DEMO_USER)
        await expect(page.get_by_role("option").first).to_be_visible(timeout=20_000)

        async def has_a_picture_address() -> bool:
            every = await system.get("/conversations", await system.token(DEMO_USER))
            return any(one["participant_profile_pic"] for one in every)

        await eventually(has_a_picture_address, within_seconds=20, what="a customer with a picture")
        await page.reload()
        await expect(page.get_by_role("option").first).to_be_visible(timeout=20_000)
        await expect(page.locator(".avatar img")).to_have_count(0)
        initials = await page.locator(".list .avatar-face > span").all_inner_texts()
        assert initials
        assert all(initials)
