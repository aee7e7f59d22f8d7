"""The enricher's shell: split, find the owner, find the name, publish."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
import structlog

from enricher.accounts import AccountCache
from enricher.events import inbox_enriched, item_parked, profile_requested, webhook_split, webhook_unclaimed
from enricher.metrics import Metrics
from enricher.pages import Page, PageToken, owner_at, token_of
from enricher.parsing.errors import UnreadableBody
from enricher.parsing.items import BadItem, SplitItem
from enricher.parsing.parse import NO_APPS, ParsedItem, parse_item
from enricher.parsing.split import Webhook, split_webhook
from enricher.profiles.directory import ProfileDirectory, ProfileResult
from enricher.profiles.lookups import ProfileKey, can_be_looked_up
from shared.contracts import AnyEvent, Event, InboxEnrichedV1, WebhookReceivedV1, WebhookReleasedV1
from shared.messaging.outcomes import DONE, Outcome, Park
from shared.messaging.ports import Publisher
from shared.messaging.topology import ENRICHER_WEBHOOKS

log = structlog.get_logger(__name__)
T = TypeVar("T")

EVENTS_PER_PUBLISH = 512
"""A call may bring many thousands of events: each slice has a deadline of its own, so together they may take longer."""
CONCURRENT_PUBLISHES = 256
"""For the same reason: a publish whose turn has not come yet has no deadline running."""
ITEMS_PER_TURN = 256
"""After this many items everything else in the process gets its turn."""


class _Waiting(msgspec.Struct):
    """Messages of one customer that wait for the name."""

    token: PageToken | None
    """None while the page has to be connected again: the name comes after that."""
    messages: list[InboxEnrichedV1]


class WebhookHandler:
    """Handles `webhook.received.v1` and `webhook.released.v1`.

    Args:
        budget_seconds: how long a message waits for its author's name, in total.
        clock: seconds of the event loop's clock.
        now: the time of day.
        own_app_ids: apps whose echoes are our own messages.
    """

    def __init__(
        self,
        *,
        accounts: AccountCache,
        profiles: ProfileDirectory,
        publisher: Publisher,
        metrics: Metrics,
        budget_seconds: float,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        own_app_ids: frozenset[str] = NO_APPS,
    ) -> None:
        self._accounts = accounts
        self._profiles = profiles
        self._publisher = publisher
        self._metrics = metrics
        self._budget_seconds = budget_seconds
        self._clock = clock
        self._now = now
        self._own_app_ids = own_app_ids
        self._turns = asyncio.Semaphore(CONCURRENT_PUBLISHES)

    async def __call__(self, events: Sequence[AnyEvent]) -> Sequence[Outcome]:
        """Publish what `events` bring; one outcome each.

        Raises:
            DependencyUnavailable: the store or the broker is away; nothing is lost by trying all of them again.
        """
        outcomes: list[Outcome] = []
        items: list[tuple[Webhook, ParsedItem]] = []
        ready: list[Event] = []
        turns = 0
        for event in events:
            assert isinstance(event, WebhookReceivedV1 | WebhookReleasedV1)
            outcomes.append(self._take_apart(event, items, ready))
            if len(items) // ITEMS_PER_TURN > turns:
                turns = len(items) // ITEMS_PER_TURN
                await asyncio.sleep(0)
        waiting = await self._claim(items, ready)
        publishing = [self._send(ready)] if ready else []
        if waiting:
            await _all(*publishing, self._name(waiting))
        elif publishing:
            await publishing[0]
        return outcomes

    def _take_apart(self, event: Webhook, items: list[tuple[Webhook, ParsedItem]], ready: list[Event]) -> Outcome:
        """Append the event's items to `items`, what became of its bad ones and how many there are to `ready`."""
        try:
            splits = split_webhook(event)
        except UnreadableBody as error:
            self._metrics.unreadable.inc()
            log.warning("webhook cannot be read", event_id=event.id, platform=event.platform, reason=str(error))
            return Park(f"{type(error).__name__}: {error}")
        for split in splits:
            if isinstance(split, SplitItem):
                item = parse_item(split, received_at=event.received_at, own_app_ids=self._own_app_ids)
                self._metrics.item(item.label, item.item.__struct_config__.tag).inc()
                items.append((event, item))
            else:
                ready.append(self._park_alone(event, split))
        if isinstance(event, WebhookReceivedV1):
            ready.append(webhook_split(event, splits, now=self._now()))
        return DONE

    def _park_alone(self, event: Webhook, bad: BadItem) -> Event:
        self._metrics.bad_items.inc()
        log.warning("item cannot be read", event_id=event.id, item_index=bad.index, reason=bad.reason)
        return item_parked(event, bad, handler=ENRICHER_WEBHOOKS.name, now=self._now())

    async def _claim(
        self, items: Sequence[tuple[Webhook, ParsedItem]], ready: list[Event]
    ) -> dict[ProfileKey, _Waiting]:
        """Give every item to its owner: `ready` gets what can be published at once; the rest waits for a name."""
        pages: dict[Page, int] = {}
        for event, item in items:
            page = (item.split.platform, item.split.page_id)
            version = event.account_version if isinstance(event, WebhookReleasedV1) else 0
            pages[page] = max(version, pages.get(page, 0))
        owners = await self._accounts.owners(pages) if pages else {}
        waiting: dict[ProfileKey, _Waiting] = {}
        now = self._now()
        for number, (event, item) in enumerate(items, start=1):
            if number % ITEMS_PER_TURN == 0:
                await asyncio.sleep(0)
            page_owners = owners[item.split.platform, item.split.page_id]
            owner = owner_at(page_owners, event.received_at)
            if owner is None:
                self._metrics.unclaimed.inc()
                ready.append(webhook_unclaimed(event, item, now=now))
                continue
            message = inbox_enriched(event, item, owner.user_id, now=now)
            may_be_asked = owner.token_ciphertext is not None and can_be_looked_up(message.platform)
            if message.participant is None and item.is_customers_message and may_be_asked:
                self._recall(message, token_of(owner, page_owners.version), ready, waiting)
            else:
                ready.append(message)
        return waiting

    def _recall(
        self, message: InboxEnrichedV1, token: PageToken | None, ready: list[Event], waiting: dict[ProfileKey, _Waiting]
    ) -> None:
        assert message.participant_id is not None
        wanted = ProfileKey(message.user_id, message.platform, message.page_id, message.participant_id)
        naming = self._profiles.remembered(wanted)
        if naming is None:
            waiting.setdefault(wanted, _Waiting(token, [])).messages.append(message)
        else:
            ready.append(_named(message, naming))

    async def _name(self, waiting: dict[ProfileKey, _Waiting]) -> None:
        """Publish the messages of everybody in `waiting`, each as soon as the name is there or the budget is spent."""
        deadline = self._clock() + self._budget_seconds
        known = await self._profiles.last_known(list(waiting), deadline=deadline)
        settled = {wanted: waiting[wanted] for wanted in known}
        asking = [
            self._ask(wanted, group, deadline=deadline) for wanted, group in waiting.items() if wanted not in known
        ]
        publishing = [self._publish(settled, known, deadline=deadline)] if settled else []
        await _all(*publishing, *asking)

    async def _ask(self, wanted: ProfileKey, group: _Waiting, *, deadline: float) -> None:
        naming = await self._profiles.ask(wanted, group.token, deadline=deadline)
        await self._publish({wanted: group}, {wanted: naming}, deadline=deadline)

    async def _publish(
        self, groups: dict[ProfileKey, _Waiting], namings: dict[ProfileKey, ProfileResult], *, deadline: float
    ) -> None:
        events: list[Event] = []
        later: list[ProfileKey] = []
        waited_seconds = self._clock() + self._budget_seconds - deadline
        for wanted, group in groups.items():
            events += [_named(message, namings[wanted]) for message in group.messages]
            for _ in group.messages:
                self._metrics.wait_seconds.observe(waited_seconds)
            if namings[wanted].ask_later:
                events.append(profile_requested(group.messages[0]))
                later.append(wanted)
        await self._send(events)
        self._profiles.asked_later(later)

    async def _send(self, events: Sequence[Event]) -> None:
        for start in range(0, len(events), EVENTS_PER_PUBLISH):
            async with self._turns:
                await self._publisher.publish(events[start : start + EVENTS_PER_PUBLISH])


def _named(message: InboxEnrichedV1, naming: ProfileResult) -> InboxEnrichedV1:
    return message if naming.profile is None else msgspec.structs.replace(message, participant=naming.profile)


async def _all(*awaitables: "asyncio._CoroutineLike[T]") -> None:
    """Wait for all, then raise what the first one raised: nothing goes on behind the caller's back."""
    results = await asyncio.gather(*awaitables, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
