"""What one medium, one user and one browser may hold of the enricher, and for how long."""

import asyncio

import httpx
import pytest

from enricher.turns import WAITING_PER_TURN
from tests.integration.enricher.media_scene import PHOTO, as_user, kind_of, scene
from tests.integration.enricher.worlds import received
from tests.recorder import eventually
from tests.unit.enricher.bodies import event, page


async def test_a_medium_that_breaks_off_is_seen_to_be_incomplete() -> None:
    async with scene() as there:
        there.platform.breaks_after = 1000

        with pytest.raises(httpx.RemoteProtocolError):
            await there.get()

        assert there.ended("cut_off") == 1


async def test_a_medium_that_grows_beyond_the_limit_is_cut_off() -> None:
    async with scene(media_max_bytes=100_000) as there:
        with pytest.raises(httpx.RemoteProtocolError):
            await there.get()

        assert there.ended("cut_off") == 1


async def test_a_browser_that_reads_nothing_holds_neither_the_whole_medium_nor_its_turn() -> None:
    async with scene(media_idle_seconds=0.5, media_concurrent_downloads=1) as there:
        there.platform.content = b"x" * 64_000_000
        async with there.browser.stream("GET", there.url(), headers=as_user("user-1")) as unread:
            assert unread.status_code == 200
            await eventually(lambda: there.ended("cut_off") == 1)
            assert there.passed_on_bytes < 32_000_000, "what nobody takes is not fetched"
        there.platform.content = PHOTO

        assert (await there.get()).content == PHOTO


async def test_a_flood_of_requests_for_media_leaves_the_store_to_webhooks() -> None:
    async with scene(media_concurrent_downloads=2) as there:
        store = there.made.store
        store.media_held = asyncio.Event()
        flood = [asyncio.create_task(there.get()) for _ in range(60)]
        await eventually(lambda: there.ended("unavailable") >= 60 - 1 - WAITING_PER_TURN)
        await eventually(lambda: "/internal/media" in store.asked)

        await there.made.broker.publish([received(page(event()))])

        assert len(there.made.inbox) == 1
        assert store.asked.count("/internal/media") == 1, "who has no turn asks for nothing"
        assert (await there.browser.get(there.url_of("/readyz"))).status_code == 200
        store.media_held.set()
        answers = await asyncio.gather(*flood)
        assert sum(answer.status_code == 200 for answer in answers) == 1 + WAITING_PER_TURN


async def test_more_than_a_few_at_once_wait_for_their_turn_and_no_longer() -> None:
    async with scene(media_concurrent_downloads=1, media_turn_seconds=0.2, media_idle_seconds=10) as there:
        there.platform.silent = "file"
        first = asyncio.create_task(there.get())
        await eventually(lambda: len(there.platform.tokens) == 2)

        second = await there.get()

        assert (second.status_code, kind_of(second)) == (503, "unavailable")
        there.platform.let_go.set()
        assert (await first).content == PHOTO
        assert (await there.get()).content == PHOTO


async def test_one_user_leaves_turns_to_the_others() -> None:
    async with scene(media_concurrent_downloads=2, media_turn_seconds=0.5) as there:
        there.attach(user="user-2")
        there.platform.silent = "file"
        first = asyncio.create_task(there.get())
        await eventually(lambda: len(there.platform.tokens) == 2)

        assert (await there.get()).status_code == 503
        there.platform.silent = ""
        assert (await there.get(user="user-2")).content == PHOTO

        there.platform.let_go.set()
        assert (await first).content == PHOTO
