"""A reader of a large inbox does not wait: every list, page and search over HTTP, on the real service and Postgres."""

import os

import pytest

from bench.large_inbox.filling import USER, Inbox, fill
from bench.large_inbox.reading import Reader, Timing
from tests.integration.store.parts import Service

pytestmark = pytest.mark.postgres

SMALL = Inbox(messages=20_000, conversations=1_000)
LARGE = Inbox(
    messages=int(os.environ.get("SWITCHBOARD_SOAK_INBOX_MESSAGES", "1000000")),
    conversations=int(os.environ.get("SWITCHBOARD_SOAK_INBOX_CONVERSATIONS", "50000")),
)
BUSY_MACHINE = 20
"""An answer from a small inbox may usually take so many times longer than those of a large one may take at worst: tests
share their machine. That nothing reads more than it has to is known from the plans."""


async def _timings(service: Service, inbox: Inbox, *, runs: int) -> list[Timing]:
    timings = await Reader(service.public, service.as_user(USER), inbox).timings(runs=runs)
    print(*timings, sep="\n")  # noqa: T201 - with `-s`, and where the test fails
    return timings


async def test_everything_that_is_asked_of_an_inbox_is_found_in_time(service: Service, database_url: str) -> None:
    await fill(database_url, SMALL)
    timings = await _timings(service, SMALL, runs=5)

    assert [str(timing) for timing in timings if timing.p50_seconds > timing.allowed_seconds * BUSY_MACHINE] == []
    found = {timing.name: timing.found for timing in timings}
    assert found["search: a word that is nowhere"] == found["search: a phrase that is nowhere"] == 0
    assert found["search: one frequent word"] == found["search: people by what all share"] == 6 * 20
    assert found["conversations of all platforms: later pages"] == 6 * 50
    assert found["conversations of instagram"] == 6 * 3
    assert found["events"] == 6 * 50
    assert found["search: a word that is there once"] == 6


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_a_million_messages_are_read_in_time(service: Service, database_url: str) -> None:
    await fill(database_url, LARGE)
    timings = await _timings(service, LARGE, runs=100)

    assert [str(timing) for timing in timings if timing.p95_seconds > timing.allowed_seconds] == []
