"""What the store does with events: load, merge, write, publish. One handler per queue."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

from msgspec.structs import replace

from shared.contracts import (
    AnyEvent,
    Event,
    InboxEnrichedV1,
    ItemParkedV1,
    ProfileRequestedV1,
    ProfileResolvedV1,
    TokenRefusedV1,
    WebhookSplitV1,
    WebhookUnclaimedV1,
)
from shared.errors import DependencyUnavailable
from shared.messaging.outcomes import DONE, Outcome, Park
from store.core.accounts import OwnershipInterval, assign_owner, owner_at, page_version
from store.core.erased import IdentityDigests
from store.core.facts import ItemKey, Update
from store.core.ledger import ItemEntry
from store.core.merge import merge
from store.core.publish_watermarks import SeqRange, to_ranges
from store.core.rows import Changes, LoadedState
from store.core.updates import to_update
from store.metrics import Metrics
from store.repository import accounts, items, parked, profile_lookups, unclaimed
from store.repository.erasures import identities
from store.repository.inbox import counters, loading, writing
from store.repository.ledger import item_outcomes
from store.repository.parked import AboutPerson
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection

UtcNow = Callable[[], datetime]
PublishChanges = Callable[[Sequence[SeqRange], Mapping[str, Event]], Awaitable[None]]
"""Publishes changes in order, with the events (by ID) that caused them; see `OutboxPublisher.publish`."""

_LOCK_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class InboxHandler:
    """Handles `store.inbox`: updates become rows in one transaction, and then events."""

    database: Database
    publish_changes: PublishChanges
    digests: IdentityDigests
    utc_now: UtcNow
    metrics: Metrics

    async def __call__(self, events: Sequence[AnyEvent]) -> list[Outcome]:
        """Store what the events say, and publish the changes.

        A redelivered event changes nothing. What it changed before is published again, because the first attempt may
        have ended before that.

        Raises:
            DependencyUnavailable: Postgres or the broker is unavailable.
            Unstorable: Postgres refuses the data of at least one event.
        """
        self.metrics.batch_events.labels("inbox").observe(len(events))
        events = await self._assign_owners(events)
        received = [to_update(event) for event in events if isinstance(event, InboxEnrichedV1 | ProfileResolvedV1)]
        updates, changes = await self._store(received)
        written = [(entry.user_id, entry.seq) for entry in changes.log]
        redelivered = await self._changes_of_redelivered(updates, changes)
        await self.publish_changes(to_ranges([*written, *redelivered]), {event.id: event for event in events})
        self._count(updates, changes, redelivered)
        return [Park(changes.refused[event.id]) if event.id in changes.refused else DONE for event in events]

    async def _assign_owners(self, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return the events with the owner that each page had when its webhook was received.

        The enricher caches owners, so just after a page has changed hands it may still name the previous one.
        """
        pages = {(event.platform, event.page_id) for event in events if isinstance(event, InboxEnrichedV1)}
        if not pages:
            return list(events)
        async with self.database.reading() as connection:
            known = await accounts.intervals(connection, pages)
        return [
            assign_owner(event, owner_at(known.get((event.platform, event.page_id), ()), event.received_at))
            if isinstance(event, InboxEnrichedV1)
            else event
            for event in events
        ]

    async def _store(self, updates: Sequence[Update]) -> tuple[Sequence[Update], Changes]:
        """Return the updates that were applied, without those about erased people, and what they changed."""
        # Also the users of updates that leave the inbox as it is: an erasure waits until they are written.
        user_ids = {update.user_id for update in updates}
        for _ in range(_LOCK_ATTEMPTS):
            started = perf_counter()
            async with self.database.transaction() as transaction:
                last_seqs, erasing = await counters.lock_for_updates(transaction, user_ids, now=self.utc_now())
                if len(last_seqs) == len(user_ids):
                    outcomes: dict[ItemKey, ItemEntry] = {}
                    if erasing:
                        updates, outcomes = await identities.without_erased(transaction, updates, erasing, self.digests)
                    changes = await self._merge_and_write(transaction, updates, last_seqs, outcomes)
                    break
            await counters.create_inboxes(self.database, user_ids - last_seqs.keys())
        else:
            raise DependencyUnavailable("the users' counter rows disappear as soon as they are created")
        self.metrics.transaction_seconds.observe(perf_counter() - started)
        return updates, changes

    async def _merge_and_write(
        self,
        transaction: Connection,
        updates: Sequence[Update],
        last_seqs: dict[str, int],
        outcomes: dict[ItemKey, ItemEntry],
    ) -> Changes:
        changing = [update for update in updates if update.changes_inbox]
        loaded = await loading.load(transaction, changing, last_seqs) if changing else LoadedState(last_seqs=last_seqs)
        changes = merge(loaded, (update for update in updates if update.changes_inbox or update.is_ignored))
        outcomes = outcomes | await items.store_items(transaction, updates)
        changes = replace(changes, outcomes=changes.outcomes | outcomes)
        await writing.write(transaction, changes, now=self.utc_now())
        await items.finish_lookups(transaction, updates)
        return changes

    async def _changes_of_redelivered(self, updates: Sequence[Update], changes: Changes) -> list[tuple[str, int]]:
        """Return the changes, as (user_id, seq), that earlier deliveries of these events made."""
        new_causes = {entry.cause.id for entry in changes.log}
        unchanged = [
            (update.user_id, update.cause.id)
            for update in updates
            if update.changes_inbox and update.cause.id not in new_causes and update.cause.id not in changes.refused
        ]
        if not unchanged:
            return []
        async with self.database.reading() as connection:
            return await counters.changes_of_causes(connection, unchanged)

    def _count(self, updates: Sequence[Update], changes: Changes, redelivered: Sequence[object]) -> None:
        for kind, number in Counter(entry.kind for entry in changes.log).items():
            self.metrics.changes.labels(kind).inc(number)
        self.metrics.count_items(changes.outcomes.values())
        self.metrics.duplicates.inc(sum(entry.outcome == "duplicate" for entry in changes.outcomes.values()))
        self.metrics.republished.inc(len(redelivered))
        self.metrics.refused.inc(len(changes.refused))
        for update in updates:
            if update.raw is not None:
                self.metrics.count_raw_item(update.raw.label)


@dataclass(frozen=True, kw_only=True)
class RecordsHandler:
    """Handles `store.records`: what is stored beside the inbox."""

    database: Database
    wake_releaser: Callable[[], None]
    """Called when unclaimed items may be released."""
    notify_changed: Callable[[Sequence[str]], None]
    """Called with the users whose inbox has changed."""
    digests: IdentityDigests
    utc_now: UtcNow
    metrics: Metrics
    waiting_per_page: int

    async def __call__(self, events: Sequence[AnyEvent]) -> list[Outcome]:
        """Store the events.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
            Unstorable: Postgres refuses the data of at least one event.
        """
        self.metrics.batch_events.labels("records").observe(len(events))
        parked_events = [event for event in events if isinstance(event, ItemParkedV1)]
        split = [event for event in events if isinstance(event, WebhookSplitV1)]
        requested = [event for event in events if isinstance(event, ProfileRequestedV1)]
        unclaimed = [event for event in events if isinstance(event, WebhookUnclaimedV1)]
        async with self.database.transaction() as transaction:
            if split:
                await item_outcomes.record_manifests(transaction, split)
            released = await self._store_unclaimed(transaction, unclaimed) if unclaimed else False
            if requested or parked_events:
                requested, parked_events = await self._without_erased(transaction, requested, parked_events)
            if parked_events:
                await parked.park(transaction, parked_events, now=self.utc_now())
            if requested:
                await profile_lookups.request_lookups(transaction, requested, now=self.utc_now())
        for event in events:
            if isinstance(event, TokenRefusedV1):
                self.notify_changed(await accounts.mark_refused(self.database, event, now=self.utc_now()))
        if released:
            self.wake_releaser()
        for event in parked_events:
            self.metrics.parked.labels(event.handler).inc()
        return [DONE] * len(events)

    async def _without_erased(
        self, transaction: Connection, requested: Sequence[ProfileRequestedV1], parked_events: Sequence[ItemParkedV1]
    ) -> tuple[list[ProfileRequestedV1], list[ItemParkedV1]]:
        """Drop lookups of erased people, and empty parked items that are about them."""
        originals = {event.id: parked.readable_original(event) for event in parked_events}
        about = [event for event in (*requested, *originals.values()) if event is not None]
        _, erasing = await counters.lock_for_updates(
            transaction, {event.user_id for event in about}, now=self.utc_now()
        )
        people = {
            (event.user_id, event.platform, event.participant_id)
            for event in about
            if event.user_id in erasing and event.participant_id is not None
        }
        erased = await identities.erased_people(transaction, people, self.digests)

        def is_erased(event: AboutPerson | None) -> bool:
            if event is None or event.participant_id is None:
                return False
            time = erased.get((event.user_id, event.platform, event.participant_id))
            return time is not None and event.occurred_at <= time

        return [event for event in requested if not is_erased(event)], [
            parked.emptied(event) if is_erased(originals[event.id]) else event for event in parked_events
        ]

    async def _store_unclaimed(self, transaction: Connection, events: Sequence[WebhookUnclaimedV1]) -> bool:
        """Store items of unclaimed webhooks; return whether any can be released, because its page is connected by now.

        The handler does not publish them itself: in a single process, that would wait for handlers that wait for this
        one.
        """
        pages = {(event.platform, event.page_id) for event in events}
        await accounts.lock_pages(transaction, pages)
        known = await accounts.intervals(transaction, pages)
        owners: dict[str, OwnershipInterval] = {}
        for event in events:
            owner = owner_at(known.get((event.platform, event.page_id), ()), event.received_at)
            if owner is not None:
                owners[event.id] = owner
        versions = {page: page_version(mine) for page, mine in known.items()}
        await unclaimed.store(transaction, events, owners, versions, now=self.utc_now())
        for page in sorted(pages):
            dropped = await unclaimed.enforce_limit(transaction, page, limit=self.waiting_per_page)
            self.metrics.waiting_dropped.labels("page").inc(dropped)
        return bool(owners)
