"""Handles webhooks: splits them, finds the owner and the profile of each item, and publishes the results."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
import structlog

from enricher.accounts import AccountCache
from enricher.events import inbox_enriched, item_parked, profile_requested, webhook_split, webhook_unclaimed
from enricher.metrics import Metrics
from enricher.pages import PageToken, owner_at, token_of
from enricher.parsing.errors import UnreadableBody
from enricher.parsing.items import BadItem, Split, SplitItem
from enricher.parsing.parse import NO_APPS, ParsedItem, parse_item
from enricher.parsing.split import Webhook, minimal_body, split_webhook
from enricher.profiles.directory import ProfileDirectory, ProfileResult
from enricher.profiles.lookups import ProfileKey, can_be_looked_up
from shared.contracts import AnyEvent, Event, InboxEnrichedV1, WebhookReceivedV1, WebhookReleasedV1
from shared.contracts.internal import PageKey
from shared.messaging.outcomes import DONE, Outcome, Park
from shared.messaging.ports import Publisher
from shared.messaging.topology import ENRICHER_WEBHOOKS
from shared.security.app_secrets import AppSecrets

log = structlog.get_logger(__name__)
T = TypeVar("T")

EVENTS_PER_PUBLISH = 512
"""One batch may cause many thousands of events. Each publish has a deadline of its own, so small ones can succeed."""
CONCURRENT_PUBLISHES = 256
"""For the same reason: the deadline of a publish starts only when it may start."""
ITEMS_PER_YIELD = 256
"""After so many items the handler yields to the event loop."""


class _WebhookItem(msgspec.Struct, frozen=True):
    """A parsed item with its webhook and its page."""

    webhook: Webhook
    parsed: ParsedItem
    page: PageKey


class _WaitingMessages(msgspec.Struct, frozen=True):
    """Messages of one customer that wait for the customer's profile."""

    token: PageToken | None
    """None if the page must be connected again. The lookup is then deferred."""
    messages: list[InboxEnrichedV1]


class WebhookHandler:
    """Handles `webhook.received.v1` and `webhook.released.v1`.

    Args:
        accounts: owners of pages.
        profiles: of customers.
        publisher: of the resulting events.
        metrics: count items and measure waits.
        budget_seconds: how long a message waits for its customer's profile.
        monotonic: monotonic time in seconds. Must be the event loop's clock.
        utc_now: the time of day.
        app_secrets: whose webhooks may speak for which pages.
        own_app_ids: IDs of the apps whose echoes are our own messages.
    """

    def __init__(
        self,
        *,
        accounts: AccountCache,
        profiles: ProfileDirectory,
        publisher: Publisher,
        metrics: Metrics,
        budget_seconds: float,
        monotonic: Callable[[], float],
        utc_now: Callable[[], datetime],
        app_secrets: AppSecrets,
        own_app_ids: frozenset[str] = NO_APPS,
    ) -> None:
        self._accounts = accounts
        self._profiles = profiles
        self._publisher = publisher
        self._metrics = metrics
        self._budget_seconds = budget_seconds
        self._monotonic = monotonic
        self._utc_now = utc_now
        self._app_secrets = app_secrets
        self._own_app_ids = own_app_ids
        self._publish_slots = asyncio.Semaphore(CONCURRENT_PUBLISHES)

    async def __call__(self, events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        """Publish what the webhooks contain; return one outcome per webhook.

        Raises:
            DependencyUnavailable: the store or the broker is unavailable. All of `events` may be retried.
        """
        outcomes: list[Outcome] = []
        items: list[_WebhookItem] = []
        ready: list[Event] = []
        yields = 0
        for event in events:
            assert isinstance(event, WebhookReceivedV1 | WebhookReleasedV1)
            outcomes.append(self._split(event, items, ready))
            if len(items) // ITEMS_PER_YIELD > yields:
                yields = len(items) // ITEMS_PER_YIELD
                await asyncio.sleep(0)
        waiting = await self._assign_owners(items, ready)
        publishing = [self._publish(ready)] if ready else []
        if waiting:
            await _gather(*publishing, self._find_profiles(waiting))
        elif publishing:
            await publishing[0]
        return outcomes

    def _split(self, webhook: Webhook, items: list[_WebhookItem], ready: list[Event]) -> Outcome:
        """Append the webhook's items to `items`, and the events of its bad items and its manifest to `ready`."""
        try:
            splits = split_webhook(webhook)
        except UnreadableBody as error:
            self._metrics.unreadable.inc()
            log.warning("webhook unreadable", event_id=webhook.id, platform=webhook.platform, reason=str(error))
            return Park(f"{type(error).__name__}: {error}")
        if self._app_secrets.is_bound and isinstance(webhook, WebhookReceivedV1):
            splits = [self._refuse_foreign(webhook, split) for split in splits]
        for split in splits:
            if isinstance(split, SplitItem):
                parsed = parse_item(split, received_at=webhook.received_at, own_app_ids=self._own_app_ids)
                self._metrics.item(parsed.label, parsed.item.__struct_config__.tag).inc()
                items.append(_WebhookItem(webhook, parsed, PageKey(platform=split.platform, page_id=split.page_id)))
            else:
                ready.append(self._park_item(webhook, split))
        if isinstance(webhook, WebhookReceivedV1):
            ready.append(webhook_split(webhook, splits, now=self._utc_now()))
        return DONE

    def _refuse_foreign(self, webhook: WebhookReceivedV1, split: Split) -> Split:
        """Return an item of a page that the webhook's secret does not speak for as one to park."""
        if not isinstance(split, SplitItem):
            return split
        refusal = self._app_secrets.refusal(webhook.signed_by, split.platform, split.page_id)
        if refusal is None:
            return split
        self._metrics.foreign_items.inc()
        return BadItem(index=split.index, reason=refusal, body=minimal_body(split))

    def _park_item(self, webhook: Webhook, bad: BadItem) -> Event:
        self._metrics.bad_items.inc()
        log.warning("item parked", event_id=webhook.id, item_index=bad.index, reason=bad.reason)
        return item_parked(webhook, bad, handler=ENRICHER_WEBHOOKS.name, now=self._utc_now())

    async def _assign_owners(
        self, items: Sequence[_WebhookItem], ready: list[Event]
    ) -> dict[ProfileKey, _WaitingMessages]:
        """Append the events that can be published now to `ready`; return the messages that wait for a profile."""
        min_versions: dict[PageKey, int] = {}
        for item in items:
            version = item.webhook.account_version if isinstance(item.webhook, WebhookReleasedV1) else 0
            min_versions[item.page] = max(version, min_versions.get(item.page, 0))
        owners = await self._accounts.owners(min_versions) if min_versions else {}
        waiting: dict[ProfileKey, _WaitingMessages] = {}
        now = self._utc_now()
        for number, item in enumerate(items, start=1):
            if number % ITEMS_PER_YIELD == 0:
                await asyncio.sleep(0)
            page_owners = owners[item.page]
            owner = owner_at(page_owners, item.webhook.received_at)
            if owner is None:
                self._metrics.unclaimed.inc()
                ready.append(webhook_unclaimed(item.webhook, item.parsed, now=now))
                continue
            message = inbox_enriched(item.webhook, item.parsed, owner.user_id, now=now)
            has_lookup = owner.token_ciphertext is not None and can_be_looked_up(message.platform)
            if message.participant is None and item.parsed.is_customers_message and has_lookup:
                self._add_cached_profile(message, token_of(owner, page_owners.version), ready, waiting)
            else:
                ready.append(message)
        return waiting

    def _add_cached_profile(
        self,
        message: InboxEnrichedV1,
        token: PageToken | None,
        ready: list[Event],
        waiting: dict[ProfileKey, _WaitingMessages],
    ) -> None:
        assert message.participant_id is not None
        key = ProfileKey(message.user_id, message.platform, message.page_id, message.participant_id)
        result = self._profiles.cached(key)
        if result is None:
            waiting.setdefault(key, _WaitingMessages(token, [])).messages.append(message)
        else:
            ready.append(_with_profile(message, result))

    async def _find_profiles(self, waiting: dict[ProfileKey, _WaitingMessages]) -> None:
        """Publish the messages of each customer as soon as the profile is found or the budget is spent."""
        deadline = self._monotonic() + self._budget_seconds
        stored = await self._profiles.read_stored(list(waiting), deadline=deadline)
        found = {key: waiting[key] for key in stored}
        lookups = [self._look_up(key, group, deadline=deadline) for key, group in waiting.items() if key not in stored]
        publishing = [self._publish_messages(found, stored, deadline=deadline)] if found else []
        await _gather(*publishing, *lookups)

    async def _look_up(self, key: ProfileKey, group: _WaitingMessages, *, deadline: float) -> None:
        result = await self._profiles.look_up_now(key, group.token, deadline=deadline)
        await self._publish_messages({key: group}, {key: result}, deadline=deadline)

    async def _publish_messages(
        self,
        groups: dict[ProfileKey, _WaitingMessages],
        results: dict[ProfileKey, ProfileResult],
        *,
        deadline: float,
    ) -> None:
        """Publish the messages with their profiles, and request deferred lookups."""
        events: list[Event] = []
        requested: list[ProfileKey] = []
        waited_seconds = self._monotonic() + self._budget_seconds - deadline
        for key, group in groups.items():
            events += [_with_profile(message, results[key]) for message in group.messages]
            for _ in group.messages:
                self._metrics.wait_seconds.observe(waited_seconds)
            if results[key].needs_lookup:
                events.append(profile_requested(group.messages[0]))
                requested.append(key)
        await self._publish(events)
        self._profiles.mark_requested(requested)

    async def _publish(self, events: Sequence[Event]) -> None:
        for start in range(0, len(events), EVENTS_PER_PUBLISH):
            async with self._publish_slots:
                await self._publisher.publish(events[start : start + EVENTS_PER_PUBLISH])


def _with_profile(message: InboxEnrichedV1, result: ProfileResult) -> InboxEnrichedV1:
    return message if result.profile is None else msgspec.structs.replace(message, participant=result.profile)


async def _gather(*awaitables: "asyncio._CoroutineLike[T]") -> None:
    """Wait for all, then raise the first error: when the caller continues, nothing is left running."""
    results = await asyncio.gather(*awaitables, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
