"""Publishes committed changes of inboxes: a handler's, those of REST, and those that a crash left unpublished."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

import structlog

from shared.aio.background import bugs_caught
from shared.contracts import AccountChangedV1, Event, Hop, InboxPersistedV1, derive_id
from shared.errors import DependencyUnavailable, SwitchboardError, TransientError
from shared.messaging.ports import Publisher
from store.core.publish_watermarks import PublishWatermarks, SeqRange
from store.metrics import Metrics
from store.repository.inbox import event_log
from store.repository.inbox.rendering import LogRow
from store.repository.postgres.database import Database

log = structlog.get_logger(__name__)

_CHANGES_PER_PUBLISH = 512
_USERS_PER_SCAN = 200
_FAILURES_BEFORE_GIVING_UP = 3
"""If a dependency is unavailable for this many users in a row, the scan assumes that it is unavailable for all."""
_SCAN_AFTER = timedelta(seconds=2)
"""A handler publishes what it wrote within this time, unless it crashed."""
_READ_ATTEMPTS = 2
"""Rows that are missing may appear a moment later, e.g. on a replica, but not after any number of attempts."""
_FLUSHES_BEFORE_DISCARDING = 20
_PENDING_LIMIT = 10_000


class OutboxPublisher:
    """Renders and publishes changes, and records how far each user's log has been published.

    Args:
        publisher: where events go.
        utc_now: the wall clock.
        scan_interval_seconds: between two scans for committed changes that nobody has published.
        mark_interval_seconds: between two writes of publish watermarks.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        *,
        utc_now: Callable[[], datetime],
        metrics: Metrics,
        scan_interval_seconds: float,
        mark_interval_seconds: float,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._utc_now = utc_now
        self._metrics = metrics
        self._scan_interval_seconds = scan_interval_seconds
        self._mark_interval_seconds = mark_interval_seconds
        self._watermarks = PublishWatermarks()
        self._disconnected: dict[SeqRange, int] = {}
        """Ranges that do not connect to their user's watermark, and after how many flushes they still do not."""
        self._woken_users: set[str] = set()
        self._token_changes: dict[tuple[str, str], AccountChangedV1] = {}
        self._wake = asyncio.Event()

    async def publish(self, ranges: Sequence[SeqRange], causes: Mapping[str, Event]) -> None:
        """Publish the changes of `ranges`, rendered from the rows as they are now; return once all are confirmed.

        They are read and published in order, in bounded batches.

        Args:
            ranges: of changes that are committed.
            causes: the events that made them, by ID; a change without its cause starts a trace of its own.

        Raises:
            DependencyUnavailable: Postgres or the broker is unavailable.
            TransientError: see `Publisher.publish`; also if committed rows cannot be read back.
        """
        for batch in _batches(ranges):
            rows = await self._rows(batch)
            now = self._utc_now()
            events: list[Event] = [_persisted(row, causes.get(row.cause_id), now) for row in rows]
            events += [_account_changed(row) for row in rows if row.account is not None]
            await self._publisher.publish(events)
            for published in batch:
                self._watermarks.add(published)

    async def _rows(self, ranges: Sequence[SeqRange]) -> list[LogRow]:
        """Return all rows of `ranges`; a missing one is an error, because the caller forgets what was published."""
        expected = sum(each.last - each.first + 1 for each in ranges)
        found = 0
        for _ in range(_READ_ATTEMPTS):
            async with self._database.reading() as connection:
                rows = await event_log.frames(connection, ranges, per_range=_CHANGES_PER_PUBLISH)
            if (found := len(rows)) == expected:
                return rows
        raise TransientError(f"only {found} of {expected} committed changes could be read back")

    def wake(self, user_ids: Sequence[str]) -> None:
        """Publish these users' committed changes now, in `run`; returns at once.

        Over a limit of waiting users, the others wait for the next scan.
        """
        if len(self._woken_users) < _PENDING_LIMIT:
            self._woken_users.update(user_ids)
        self._wake.set()

    def enqueue_token_change(self, event: AccountChangedV1) -> None:
        """Publish `event` with the next scan. It is kept in memory only: the event log has no row for it."""
        page = (event.platform, event.page_id)
        queued = self._token_changes.get(page)
        has_capacity = len(self._token_changes) < _PENDING_LIMIT
        if (queued is None and has_capacity) or (queued is not None and queued.version < event.version):
            self._token_changes[page] = event
        self._wake.set()

    async def run(self) -> None:
        """Scan when woken and at every interval, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._scan_interval_seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.run_once()
            except SwitchboardError as error:
                log.info("outbox scan failed; will retry", reason=str(error))
                await asyncio.sleep(self._scan_interval_seconds)

    async def run_once(self) -> int:
        """Publish changes of users who were woken for, and all that are older than 2 seconds; return how many changes.

        Raises:
            DependencyUnavailable: Postgres or the broker is unavailable.
        """
        now = self._utc_now()
        woken, self._woken_users = self._woken_users, set()
        published = 0
        try:
            if woken:
                published += await self._publish_committed(before=now, user_ids=sorted(woken))
                woken = set()
            await self._publish_token_changes()
            published += await self._publish_committed(before=now - _SCAN_AFTER, user_ids=None)
        finally:
            self._woken_users |= woken
        return published

    async def _publish_token_changes(self) -> None:
        while events := dict(islice(self._token_changes.items(), _CHANGES_PER_PUBLISH)):
            await self._publisher.publish(list(events.values()))
            for page, event in events.items():
                if self._token_changes.get(page) is event:  # otherwise a newer one was enqueued meanwhile
                    del self._token_changes[page]

    async def _publish_committed(self, *, before: datetime, user_ids: Sequence[str] | None) -> int:
        """Publish what is unpublished; a user for whom that fails is skipped until the next scan."""
        published = 0
        unavailable_in_a_row = 0
        failed: list[str] = []
        while unpublished := await event_log.unpublished(
            self._database, before=before, user_ids=user_ids, except_users=failed, limit=_USERS_PER_SCAN
        ):
            for changes in unpublished:
                last = min(changes.last, changes.first + _CHANGES_PER_PUBLISH - 1)
                part = SeqRange(changes.user_id, changes.first, last)
                try:
                    with bugs_caught("publishing changes", user_id=part.user_id, first_seq=part.first) as caught:
                        await self.publish([part], {})
                        await event_log.mark_published(self._database, [part])
                except SwitchboardError as error:
                    log.warning("publishing a user's changes failed", user_id=part.user_id, reason=str(error))
                    failed.append(part.user_id)
                    unavailable_in_a_row += isinstance(error, DependencyUnavailable)
                    if unavailable_in_a_row >= _FAILURES_BEFORE_GIVING_UP:
                        raise
                    continue
                if caught.error is not None:
                    failed.append(part.user_id)
                    continue
                unavailable_in_a_row = 0
                published += part.last - part.first + 1
                self._metrics.scan_published.inc(part.last - part.first + 1)
        return published

    async def run_watermarks(self) -> None:
        """Write publish watermarks at every interval, until cancelled."""
        while True:
            await asyncio.sleep(self._mark_interval_seconds)
            try:
                await self.flush_watermarks()
            except SwitchboardError as error:
                log.info("writing publish watermarks failed; will retry", reason=str(error))

    async def flush_watermarks(self) -> None:
        """Write the publish watermarks of all users in one transaction.

        A range that does not connect to its user's watermark waits for the one before it. If that does not come, the
        range is discarded, and the scan publishes from the watermark on.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
        """
        ranges = list(islice(self._watermarks.lowest(), _PENDING_LIMIT))
        if not ranges:
            self._disconnected.clear()
            return
        self._watermarks.advance(await event_log.mark_published(self._database, ranges))
        left = set(self._watermarks.lowest())
        self._disconnected = {one: self._disconnected.get(one, 0) + 1 for one in ranges if one in left}
        self._watermarks.discard(
            [one for one, flushes in self._disconnected.items() if flushes >= _FLUSHES_BEFORE_DISCARDING]
        )


def _batches(ranges: Sequence[SeqRange]) -> Iterator[list[SeqRange]]:
    """Split `ranges` into lists of at most `_CHANGES_PER_PUBLISH` changes, in order."""
    batch: list[SeqRange] = []
    capacity = _CHANGES_PER_PUBLISH
    for whole in ranges:
        first = whole.first
        while first <= whole.last:
            last = min(whole.last, first + capacity - 1)
            batch.append(SeqRange(whole.user_id, first, last))
            capacity -= last - first + 1
            first = last + 1
            if capacity == 0:
                yield batch
                batch, capacity = [], _CHANGES_PER_PUBLISH
    if batch:
        yield batch


def _persisted(row: LogRow, cause: Event | None, now: datetime) -> InboxPersistedV1:
    return InboxPersistedV1(
        id=derive_id("inbox", row.user_id, str(row.seq), row.cause_id),
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        traceparent="" if cause is None else cause.traceparent,
        hops=(*(() if cause is None else cause.hops), Hop("store", now)),
        user_id=row.user_id,
        seq=row.seq,
        kind=row.kind,
        data=row.data,
    )


def _account_changed(row: LogRow) -> AccountChangedV1:
    assert row.account is not None
    return AccountChangedV1(
        id=derive_id("account", row.user_id, str(row.seq), row.cause_id),
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        user_id=row.account.user_id,
        platform=row.account.platform,
        page_id=row.account.page_id,
        version=row.page_version,
    )
