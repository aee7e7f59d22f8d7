"""Publishes changes of inboxes: those a handler made, those REST made, and those a crash kept from being published."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

import structlog

from shared.contracts import AccountChangedV1, Event, Hop, InboxPersistedV1, derive_id
from shared.errors import DependencyUnavailable, SwitchboardError, TransientError
from shared.messaging.ports import Publisher
from store.core.marks import PublishedMarks, Range
from store.metrics import Metrics
from store.repository import log as inbox_log
from store.repository.database import Database
from store.repository.rendering import LogRow

log = structlog.get_logger(__name__)

_CHANGES_PER_PUBLISH = 512
_USERS_PER_SCAN = 200
_UNAVAILABLE_BEFORE_GIVING_UP = 3
"""So many users in a row for whom a dependency is away: it is away for all."""
_SCAN_AFTER = timedelta(seconds=2)
"""A handler publishes and marks what it wrote within this time, unless it died."""
_READS = 2
"""Rows that are missing may be there a moment later, e.g. on a server that follows; not being there is not for ever."""
_FLUSHES_BEFORE_GIVING_UP = 20
_NUDGED_LIMIT = 10_000


class ChangePublisher:
    """Renders and publishes changes, and notes what has been published.

    Args:
        publisher: where events go.
        clock: the time, UTC.
        scan_interval_seconds: between two looks for what was committed and not published.
        mark_interval_seconds: between two notes of what has been published.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        *,
        clock: Callable[[], datetime],
        metrics: Metrics,
        scan_interval_seconds: float,
        mark_interval_seconds: float,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._metrics = metrics
        self._scan_interval_seconds = scan_interval_seconds
        self._mark_interval_seconds = mark_interval_seconds
        self._marks = PublishedMarks()
        self._stuck: dict[Range, int] = {}
        self._nudged: set[str] = set()
        self._tokens: dict[tuple[str, str], AccountChangedV1] = {}
        self._woken = asyncio.Event()

    async def announce(self, ranges: Sequence[Range], causes: Mapping[str, Event]) -> None:
        """Publish the changes of `ranges`, rendered from the rows as they are now; return once they are safe.

        However many they are, they are read and published a bounded number at a time, in order.

        Raises:
            DependencyUnavailable: Postgres or the broker is away.
            TransientError: as `Publisher.publish`; or rows that were written cannot be read back.
        """
        for part in _parts(ranges):
            await self._announce_part(part, causes)

    async def _announce_part(self, ranges: Sequence[Range], causes: Mapping[str, Event]) -> None:
        rows = await self._rows(ranges)
        now = self._clock()
        events: list[Event] = [_persisted(row, causes.get(row.cause_id), now) for row in rows]
        events += [_account_changed(row) for row in rows if row.account is not None]
        await self._publisher.publish(events)
        for published in ranges:
            self._marks.add(published)

    async def _rows(self, ranges: Sequence[Range]) -> list[LogRow]:
        """Return all rows of `ranges`. Whoever is told that a change is safe forgets it, so none may be missing."""
        wanted = sum(each.last - each.first + 1 for each in ranges)
        found = 0
        for _ in range(_READS):
            async with self._database.reading() as connection:
                rows = await inbox_log.frames(connection, ranges, per_range=_CHANGES_PER_PUBLISH)
            if (found := len(rows)) == wanted:
                return rows
        raise TransientError(f"of {wanted} changes that were written only {found} are to be found")

    def nudge(self, user_ids: Sequence[str]) -> None:
        """Publish at once what was committed for these users; returns before it is done."""
        if len(self._nudged) < _NUDGED_LIMIT:
            self._nudged.update(user_ids)
        self._woken.set()

    def tell_of_token(self, event: AccountChangedV1) -> None:
        """Publish this with the next scan that can, unless the process ends before: no row of the log tells it."""
        page = (event.platform, event.page_id)
        known = self._tokens.get(page)
        has_room = len(self._tokens) < _NUDGED_LIMIT
        if (known is None and has_room) or (known is not None and known.version < event.version):
            self._tokens[page] = event
        self._woken.set()

    async def keep_scanning(self) -> None:
        """Publish what was committed and not published, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._scan_interval_seconds):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                await self.scan()
            except SwitchboardError as error:
                log.info("changes stay unpublished for now", reason=str(error))
                await asyncio.sleep(self._scan_interval_seconds)

    async def scan(self) -> int:
        """Publish what REST has just written and what has been unpublished for seconds; return how many changes."""
        now = self._clock()
        nudged, self._nudged = self._nudged, set()
        published = 0
        try:
            if nudged:
                published += await self._catch_up(before=now, user_ids=sorted(nudged))
                nudged = set()
            await self._publish_tokens()
            published += await self._catch_up(before=now - _SCAN_AFTER, user_ids=None)
        finally:
            self._nudged |= nudged
        return published

    async def _publish_tokens(self) -> None:
        """Publish what was told of tokens; what came meanwhile for the same page stays."""
        while events := dict(islice(self._tokens.items(), _CHANGES_PER_PUBLISH)):
            await self._publisher.publish(list(events.values()))
            for page, event in events.items():
                if self._tokens.get(page) is event:
                    del self._tokens[page]

    async def _catch_up(self, *, before: datetime, user_ids: Sequence[str] | None) -> int:
        """Publish what is behind; a user for whom that fails is passed over until the next scan."""
        published = 0
        unavailable_in_a_row = 0
        failed: list[str] = []
        while found := await inbox_log.unpublished(
            self._database, before=before, user_ids=user_ids, passed_over=failed, limit=_USERS_PER_SCAN
        ):
            for behind in found:
                part = Range(behind.user_id, behind.first, min(behind.last, behind.first + _CHANGES_PER_PUBLISH - 1))
                try:
                    await self.announce([part], {})
                    await inbox_log.mark_published(self._database, [part])
                except SwitchboardError as error:
                    log.warning("a user's changes stay unpublished for now", user_id=part.user_id, reason=str(error))
                    failed.append(part.user_id)
                    unavailable_in_a_row += isinstance(error, DependencyUnavailable)
                    if unavailable_in_a_row >= _UNAVAILABLE_BEFORE_GIVING_UP:
                        raise
                    continue
                unavailable_in_a_row = 0
                published += part.last - part.first + 1
                self._metrics.scan_published.inc(part.last - part.first + 1)
        return published

    async def keep_marking(self) -> None:
        """Note what has been published, until cancelled."""
        while True:
            await asyncio.sleep(self._mark_interval_seconds)
            try:
                await self.flush_marks()
            except SwitchboardError as error:
                log.info("published changes stay unmarked for now", reason=str(error))

    async def flush_marks(self) -> None:
        """Note what has been published up to now, all users in one transaction.

        A range that does not connect to what is noted waits for the one before it; if that does not come, it is
        forgotten, and the scan publishes from there.
        """
        waiting = list(islice(self._marks.waiting(), _NUDGED_LIMIT))
        if not waiting:
            self._stuck.clear()
            return
        self._marks.settle(await inbox_log.mark_published(self._database, waiting))
        left = set(self._marks.waiting())
        self._stuck = {one: self._stuck.get(one, 0) + 1 for one in waiting if one in left}
        self._marks.forget([one for one, flushes in self._stuck.items() if flushes >= _FLUSHES_BEFORE_GIVING_UP])


def _parts(ranges: Sequence[Range]) -> Iterator[list[Range]]:
    """Cut `ranges` into lists of at most `_CHANGES_PER_PUBLISH` changes, in order."""
    part: list[Range] = []
    room = _CHANGES_PER_PUBLISH
    for whole in ranges:
        first = whole.first
        while first <= whole.last:
            last = min(whole.last, first + room - 1)
            part.append(Range(whole.user_id, first, last))
            room -= last - first + 1
            first = last + 1
            if room == 0:
                yield part
                part, room = [], _CHANGES_PER_PUBLISH
    if part:
        yield part


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
