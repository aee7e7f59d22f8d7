"""Reports tokens that the platform refuses to the store, once each, and retries until that works."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NoReturn

import structlog
from cachetools import LRUCache

from shared.aio.background import bugs_caught
from shared.aio.backoff import Backoff
from shared.contracts import TokenRefusedV1, derive_id
from shared.contracts.internal import PageKey
from shared.errors import DependencyUnavailable, TransientError
from shared.messaging.ports import Publisher

log = structlog.get_logger(__name__)

MAX_PAGES = 10_000
BACKOFF = Backoff()


class RefusedTokens:
    """Publishes `token.refused.v1` once per version of a page's account.

    Args:
        publisher: of the events.
        jitter: returns a random number from 0 to 1.
        utc_now: the time of day.
    """

    def __init__(self, publisher: Publisher, *, jitter: Callable[[], float], utc_now: Callable[[], datetime]) -> None:
        self._publisher = publisher
        self._jitter = jitter
        self._utc_now = utc_now
        self._reported_versions: LRUCache[PageKey, int] = LRUCache(MAX_PAGES)
        self._pending: dict[PageKey, TokenRefusedV1] = {}
        self._has_pending = asyncio.Event()

    def report(self, page: PageKey, version: int, reason: str) -> None:
        """Queue a report. It is retried until it is published; after a restart the next refused call reports again.

        Args:
            page: whose token.
            version: of the page's account.
            reason: a sentence for the user.
        """
        if version <= self._reported_versions.get(page, 0):
            return
        if page not in self._pending and len(self._pending) >= MAX_PAGES:
            return
        self._reported_versions[page] = version
        now = self._utc_now()
        self._pending[page] = TokenRefusedV1(
            id=derive_id("token-refused", page.platform, page.page_id, str(version)),
            occurred_at=now,
            received_at=now,
            platform=page.platform,
            page_id=page.page_id,
            version=version,
            reason=reason,
        )
        log.warning("token refused", platform=page.platform, page_id=page.page_id, version=version, reason=reason)
        self._has_pending.set()

    async def run(self) -> NoReturn:
        """Publish reports until cancelled."""
        failures = 0
        while True:
            await self._has_pending.wait()
            self._has_pending.clear()
            try:
                await self.publish_pending()
            except (DependencyUnavailable, TransientError) as error:
                log.info("refused tokens not reported yet", reason=str(error))
                failures += 1
                await asyncio.sleep(BACKOFF.delay_seconds(failures, jitter=self._jitter()))
                self._has_pending.set()
            else:
                failures = 0

    async def publish_pending(self) -> None:
        """Publish the queued reports.

        Raises:
            DependencyUnavailable, TransientError: the broker or the store is unavailable. The reports stay queued.
        """
        events = dict(self._pending)
        if not events:
            return
        with bugs_caught("reports of refused tokens", reports=len(events)) as caught:
            await self._publisher.publish(list(events.values()))
        published = len(events) if caught.error is None else await self._publish_one_by_one(events)
        for page, event in events.items():
            if self._pending.get(page) is event:
                del self._pending[page]
        if caught.error is not None and not published:
            raise caught.error  # not one item is to blame: the task starts again, and readiness tells

    async def _publish_one_by_one(self, events: Mapping[PageKey, TokenRefusedV1]) -> int:
        """Publish each report alone after a bug and drop those at which it happens again; return how many were sent."""
        published = 0
        for page, event in events.items():
            with bugs_caught("reports of refused tokens", platform=page.platform, page_id=page.page_id):
                await self._publisher.publish([event])
                published += 1
        return published
