"""What one medium, one user and one browser may hold of the enricher, and for how long."""

import asyncio
from pathlib import Path

import httpx
import pytest

from enricher.media.fair_semaphore import WAITING_PER_SLOT
from tests.integration.enricher.media_scene import PHOTO, Scene, as_user, kind_of, scene
from tests.integration.enricher.worlds import received
from tests.recorder import eventually
from tests.unit.enricher.bodies import event, page


async def test_a_medium_that_breaks_off_is_seen_to_be_incomplete() -> None:
    async with scene() as there:
        there.platform.breaks_after = 1000

        with pytest.raises(httpx.TransportError):
            await there.get()

        assert there.ended("cut_off") == 1


async def test_a_medium_that_grows_beyond_the_limit_is_cut_off() -> None:
    async with scene(media_max_bytes=100_000) as there:
        with pytest.raises(httpx.TransportError):
            await there.get()

        assert there.ended("cut_off") == 1


_LISTENING, _TIME_WAIT = "0A", "06"
"""States in proc(5), `/proc/net/tcp`."""


def connections_to(port: int) -> int:
    """Return how many connections the server at `port` still has, whether it has closed them or not."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] not in (_LISTENING, _TIME_WAIT) for row in rows)


async def asked(there: Scene) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for the photo on a connection of one's own, and read nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", there.made.port, limit=1024)
    head = {"Host": "x", **as_user("user-1")}
    lines = [f"GET {httpx.URL(there.url()).path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await writer.drain()
    return reader, writer


async def test_a_browser_that_reads_nothing_holds_neither_the_medium_nor_its_turn_nor_its_connection() -> None:
    async with scene(media_idle_seconds=0.5, media_concurrent_downloads=1) as there:
        there.platform.content = b"x" * 64_000_000
        _, writer = await asked(there)
        await eventually(lambda: connections_to(there.made.port) == 1)
        await eventually(lambda: there.ended("cut_off") == 1)
        assert there.passed_on_bytes < 32_000_000, "what nobody takes is not fetched"
        await eventually(lambda: connections_to(there.made.port) == 0, within_seconds=3)
        there.platform.content = PHOTO

        assert (await there.get()).content == PHOTO
        writer.close()


async def test_a_medium_that_is_cut_off_is_no_error_of_the_servers(caplog: pytest.LogCaptureFixture) -> None:
    async with scene() as there:
        there.platform.breaks_after = 1000
        with pytest.raises(httpx.TransportError):
            await there.get()

        assert [one.getMessage() for one in caplog.records if "callable returned" in one.getMessage()] == []


@pytest.mark.parametrize("silent", ["address", "file"])
async def test_who_has_left_costs_nothing_any_more(silent: str) -> None:
    async with scene(media_concurrent_downloads=1, media_turn_seconds=60) as there:
        there.platform.silent = silent
        connections = [await asked(there) for _ in range(4)]
        await eventually(lambda: len(there.platform.tokens) == (1 if silent == "address" else 2))
        for _, writer in connections:
            writer.close()
        await eventually(lambda: there.ended("abandoned") == 4, within_seconds=3)
        there.platform.silent = ""

        assert (await there.get()).content == PHOTO
        assert len(there.platform.asked) == 2, "those who left before their turn came were not asked for"


async def test_who_leaves_in_the_middle_ends_the_download() -> None:
    async with scene() as there:
        there.platform.content = b"x" * 64_000_000
        async with there.browser.stream("GET", there.url(), headers=as_user("user-1")) as answer:
            await anext(answer.aiter_raw())
        await eventually(lambda: there.ended("abandoned") == 1)
        assert there.passed_on_bytes < 32_000_000


async def test_a_flood_of_requests_for_media_leaves_the_store_to_webhooks() -> None:
    async with scene(media_concurrent_downloads=2) as there:
        store = there.made.store
        store.media_held = asyncio.Event()
        flood = [asyncio.create_task(there.get()) for _ in range(60)]
        await eventually(lambda: there.ended("unavailable") >= 60 - 1 - WAITING_PER_SLOT)
        await eventually(lambda: "/internal/media" in store.asked)

        await there.made.broker.publish([received(page(event()))])

        assert len(there.made.inbox) == 1
        assert store.asked.count("/internal/media") == 1, "who has no turn asks for nothing"
        assert (await there.browser.get(there.url_of("/readyz"))).status_code == 200
        store.media_held.set()
        answers = await asyncio.gather(*flood)
        assert sum(answer.status_code == 200 for answer in answers) == 1 + WAITING_PER_SLOT


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
