"""A refused token is reported once per version of the account, and retried until it is published."""

import asyncio
from collections.abc import Sequence

import pytest

from enricher.refused_tokens import RefusedTokens
from shared.contracts import Event, TokenRefusedV1
from shared.contracts.internal import PageKey
from shared.errors import DependencyUnavailable
from tests.builders import NOON

PAGE = PageKey(platform="facebook", page_id="page-1")


class Publisher:
    def __init__(self) -> None:
        self.failures = 0
        self.published: list[tuple[str, int, str]] = []

    async def publish(self, events: Sequence[Event]) -> None:
        if self.failures:
            self.failures -= 1
            raise DependencyUnavailable("the broker is unavailable")
        self.published += [(one.page_id, one.version, one.reason) for one in events if isinstance(one, TokenRefusedV1)]


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def refused_tokens(publisher: Publisher) -> RefusedTokens:
    return RefusedTokens(publisher, jitter=lambda: 0.0, utc_now=lambda: NOON)


async def test_a_token_is_reported_once_per_version(publisher: Publisher, refused_tokens: RefusedTokens) -> None:
    for version in (3, 3, 2, 4):
        refused_tokens.report(PAGE, version, "expired")
        await refused_tokens.publish_pending()

    assert publisher.published == [("page-1", 3, "expired"), ("page-1", 4, "expired")]


async def test_a_report_is_retried_until_it_is_published(publisher: Publisher, refused_tokens: RefusedTokens) -> None:
    publisher.failures = 2
    refused_tokens.report(PAGE, 3, "expired")
    with pytest.raises(DependencyUnavailable):
        await refused_tokens.publish_pending()

    running = asyncio.create_task(refused_tokens.run())
    async with asyncio.timeout(5):
        while not publisher.published:  # noqa: ASYNC110 - nothing signals a publish
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait((running,))

    assert publisher.published == [("page-1", 3, "expired")]
