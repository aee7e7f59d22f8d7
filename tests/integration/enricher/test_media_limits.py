"""Limits of media: size, time, concurrent downloads, and what a slow or disconnected browser costs."""

import asyncio
from pathlib import Path

import httpx
import pytest

from enricher.media.fair_semaphore import WAITING_PER_SLOT
from shared.store_client.paths import MEDIA_PATH
from tests.integration.enricher.harness import received
from tests.integration.enricher.media_harness import PHOTO, MediaHarness, as_user, problem_type, running_media
from tests.recorder import eventually
from tests.unit.enricher.bodies import event, page


async def test_an_interrupted_file_is_recognizably_incomplete() -> None:
    async with running_media() as media:
        media.platform.breaks_after = 1000

        with pytest.raises(httpx.TransportError):
            await media.get()

        assert media.count("cut_off") == 1


async def test_a_file_that_exceeds_the_limit_is_cut_off() -> None:
    async with running_media(media_max_bytes=100_000) as media:
        with pytest.raises(httpx.TransportError):
            await media.get()

        assert media.count("cut_off") == 1


_LISTENING, _TIME_WAIT = "0A", "06"
"""States in proc(5), `/proc/net/tcp`."""


def connections_to(port: int) -> int:
    """Return how many connections the server at `port` has, including those that it has closed on its side only."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] not in (_LISTENING, _TIME_WAIT) for row in rows)


async def unread_request(media: MediaHarness) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Request the photo on a separate connection without reading the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", media.enricher.port, limit=1024)
    head = {"Host": "x", **as_user("user-1")}
    lines = [f"GET {httpx.URL(media.url()).path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await writer.drain()
    return reader, writer


async def test_a_browser_that_reads_nothing_loses_its_slot_and_its_connection() -> None:
    async with running_media(media_idle_seconds=0.5, media_concurrent_downloads=1) as media:
        media.platform.content = b"x" * 64_000_000
        _, writer = await unread_request(media)
        await eventually(lambda: connections_to(media.enricher.port) == 1)
        await eventually(lambda: media.count("cut_off") == 1)
        assert media.sent_bytes < 32_000_000, "an unread file is not downloaded"
        await eventually(lambda: connections_to(media.enricher.port) == 0, within_seconds=3)
        media.platform.content = PHOTO

        assert (await media.get()).content == PHOTO
        writer.close()


async def test_a_cut_off_response_is_not_logged_as_a_server_error(caplog: pytest.LogCaptureFixture) -> None:
    async with running_media() as media:
        media.platform.breaks_after = 1000
        with pytest.raises(httpx.TransportError):
            await media.get()

        assert [one.getMessage() for one in caplog.records if "callable returned" in one.getMessage()] == []


@pytest.mark.parametrize("silent", ["address", "file"])
async def test_disconnected_clients_free_their_slots(silent: str) -> None:
    async with running_media(media_concurrent_downloads=1, media_turn_seconds=60) as media:
        media.platform.silent = silent
        connections = [await unread_request(media) for _ in range(4)]
        await eventually(lambda: len(media.platform.tokens) == (1 if silent == "address" else 2))
        for _, writer in connections:
            writer.close()
        await eventually(lambda: media.count("abandoned") == 4, within_seconds=3)
        media.platform.silent = ""

        assert (await media.get()).content == PHOTO
        assert len(media.platform.lookups) == 2, "clients that disconnected while waiting caused no lookup"


async def test_a_disconnect_ends_the_download() -> None:
    async with running_media() as media:
        media.platform.content = b"x" * 64_000_000
        async with media.browser.stream("GET", media.url(), headers=as_user("user-1")) as response:
            await anext(response.aiter_raw())
        await eventually(lambda: media.count("abandoned") == 1)
        assert media.sent_bytes < 32_000_000


async def test_many_media_requests_do_not_slow_down_webhooks() -> None:
    async with running_media(media_concurrent_downloads=2) as media:
        store = media.enricher.store
        store.gates[MEDIA_PATH] = asyncio.Event()
        flood = [asyncio.create_task(media.get()) for _ in range(60)]
        await eventually(lambda: media.count("unavailable") >= 60 - 1 - WAITING_PER_SLOT)
        await eventually(lambda: MEDIA_PATH in store.paths)

        await media.enricher.broker.publish([received(page(event()))])

        assert len(media.enricher.inbox) == 1
        assert store.paths.count(MEDIA_PATH) == 1, "a request without a slot does not ask the store"
        assert (await media.browser.get(media.url_of("/readyz"))).status_code == 200
        store.gates[MEDIA_PATH].set()
        responses = await asyncio.gather(*flood)
        assert sum(response.status_code == 200 for response in responses) == 1 + WAITING_PER_SLOT


async def test_a_request_waits_for_a_slot_for_a_limited_time() -> None:
    async with running_media(media_concurrent_downloads=1, media_turn_seconds=0.2, media_idle_seconds=10) as media:
        media.platform.silent = "file"
        first = asyncio.create_task(media.get())
        await eventually(lambda: len(media.platform.tokens) == 2)

        second = await media.get()

        assert (second.status_code, problem_type(second)) == (503, "unavailable")
        media.platform.release.set()
        assert (await first).content == PHOTO
        assert (await media.get()).content == PHOTO


async def test_one_user_cannot_take_all_slots() -> None:
    async with running_media(media_concurrent_downloads=2, media_turn_seconds=0.5) as media:
        media.attach(user="user-2")
        media.platform.silent = "file"
        first = asyncio.create_task(media.get())
        await eventually(lambda: len(media.platform.tokens) == 2)

        assert (await media.get()).status_code == 503
        media.platform.silent = ""
        assert (await media.get(user="user-2")).content == PHOTO

        media.platform.release.set()
        assert (await first).content == PHOTO
