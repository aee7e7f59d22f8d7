"""Tokens that the platform has refused: told to the store once, whatever keeps that from working at first."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

import structlog
from cachetools import LRUCache

from enricher.pages import Page
from shared.contracts import TokenRefusedV1, derive_id
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.ports import Publisher

log = structlog.get_logger(__name__)

MAX_PAGES = 10_000
RETRY_SECONDS = 2.0


class RefusedTokens:
    """Publishes `token.refused.v1`, once for each version of a page's account.

    Args:
        now: the time of day.
    """

    def __init__(self, publisher: Publisher, *, now: Callable[[], datetime]) -> None:
        self._publisher = publisher
        self._now = now
        self._told: LRUCache[Page, int] = LRUCache(MAX_PAGES)
        self._waiting: dict[Page, TokenRefusedV1] = {}
        self._woken = asyncio.Event()

    def report(self, page: Page, version: int, reason: str) -> None:
        """Have it told. What cannot be told now is told later; what a restart forgets, the next refusal tells."""
        if version <= self._told.get(page, 0) or (page not in self._waiting and len(self._waiting) >= MAX_PAGES):
            return
        self._told[page] = version
        platform, page_id = page
        now = self._now()
        self._waiting[page] = TokenRefusedV1(
            id=derive_id("token-refused", platform, page_id, str(version)),
            occurred_at=now,
            received_at=now,
            platform=platform,
            page_id=page_id,
            version=version,
            reason=reason,
        )
        log.warning("token refused", platform=platform, page_id=page_id, version=version, reason=reason)
        self._woken.set()

    async def run(self) -> NoReturn:
        """Publish what is reported, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self.publish()
            except (DependencyUnavailable, TransientError) as error:
                log.info("refused tokens are told later", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                self._woken.set()

    async def publish(self) -> None:
        """Publish what waits.

        Raises:
            DependencyUnavailable, TransientError: the broker or the store is away; it goes on waiting.
        """
        events = dict(self._waiting)
        if events:
            await self._publisher.publish(list(events.values()))
        for page, event in events.items():
            if self._waiting.get(page) is event:
                del self._waiting[page]
