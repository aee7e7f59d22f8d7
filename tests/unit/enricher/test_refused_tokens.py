"""A refused token is told once for each version of the account, whatever keeps that from working at first."""

import asyncio
from collections.abc import Sequence

import pytest

from enricher import refused_tokens as module
from enricher.refused_tokens import RefusedTokens
from shared.contracts import Event, TokenRefusedV1
from shared.contracts.internal import PageKey
from shared.errors import DependencyUnavailable
from tests.builders import NOON

PAGE = PageKey(platform="facebook", page_id="page-1")


class Publisher:
    def __init__(self) -> None:
        self.failures = 0
        self.told: list[tuple[str, int, str]] = []

    async def publish(self, events: Sequence[Event]) -> None:
        if self.failures:
            self.failures -= 1
            raise DependencyUnavailable("away")
        self.told += [(one.page_id, one.version, one.reason) for one in events if isinstance(one, TokenRefusedV1)]


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def refusals(publisher: Publisher) -> RefusedTokens:
    return RefusedTokens(publisher, utc_now=lambda: NOON)


async def test_a_token_is_told_once_and_a_later_one_again(publisher: Publisher, refusals: RefusedTokens) -> None:
    for version in (3, 3, 2, 4):
        refusals.report(PAGE, version, "expired")
        await refusals.publish_pending()

    assert publisher.told == [("page-1", 3, "expired"), ("page-1", 4, "expired")]


async def test_what_cannot_be_told_is_told_when_it_can(publisher: Publisher, refusals: RefusedTokens) -> None:
    publisher.failures = 1
    refusals.report(PAGE, 3, "expired")
    with pytest.raises(DependencyUnavailable):
        await refusals.publish_pending()

    running = asyncio.create_task(refusals.run())
    async with asyncio.timeout(5 + module.RETRY_SECONDS):
        while not publisher.told:  # noqa: ASYNC110 - what is waited for tells nobody when it happens
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait((running,))

    assert publisher.told == [("page-1", 3, "expired")]
