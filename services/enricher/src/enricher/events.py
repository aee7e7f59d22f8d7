"""Builds the events that the enricher publishes about a webhook and its items. Pure."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from enricher.parsing.items import BadItem, Split, SplitItem
from enricher.parsing.parse import ParsedItem
from enricher.parsing.split import Webhook, minimal_entry
from shared.contracts import (
    Hop,
    InboxEnrichedV1,
    ItemParkedV1,
    PageItems,
    Platform,
    ProfileRequestedV1,
    WebhookReceivedV1,
    WebhookReleasedV1,
    WebhookSplitV1,
    WebhookUnclaimedV1,
    conversation_id,
    derive_id,
    encode,
    parked_item,
)

SERVICE = "enricher"


def inbox_enriched(webhook: Webhook, item: ParsedItem, user_id: str, *, now: datetime) -> InboxEnrichedV1:
    """Return the event of an item that belongs to `user_id`, with the profile that the webhook contains, if any.

    Args:
        webhook: that contained the item.
        item: the parsed item.
        user_id: who owned the page.
        now: the time of day.
    """
    platform, participant = item.split.platform, item.participant_id
    return InboxEnrichedV1(
        id=item.id,
        occurred_at=item.occurred_at,
        received_at=webhook.received_at,
        traceparent=webhook.traceparent,
        hops=(*webhook.hops, Hop(SERVICE, now)),
        webhook_id=_webhook_id(webhook),
        item_index=item.split.index,
        user_id=user_id,
        platform=platform,
        page_id=item.split.page_id,
        participant_id=participant,
        conversation_id=None if participant is None else conversation_id(platform, user_id, participant),
        participant=item.profile,
        participant_aliases=item.aliases,
        item=item.item,
    )


def webhook_unclaimed(webhook: Webhook, item: ParsedItem, *, now: datetime) -> WebhookUnclaimedV1:
    """Return the event of an item whose page nobody has connected. The store keeps it until somebody does."""
    return WebhookUnclaimedV1(
        id=derive_id("unclaimed", item.id),
        occurred_at=item.occurred_at,
        received_at=webhook.received_at,
        traceparent=webhook.traceparent,
        hops=(*webhook.hops, Hop(SERVICE, now)),
        webhook_id=_webhook_id(webhook),
        item_index=item.split.index,
        platform=item.split.platform,
        page_id=item.split.page_id,
        channel=item.split.channel,
        entry=minimal_entry(item.split),
    )


def item_parked(webhook: Webhook, bad: BadItem, *, handler: str, now: datetime) -> ItemParkedV1:
    """Return the event that parks a bad item without the other items of its webhook.

    The parked original is a `webhook.received.v1` whose body contains only this item. Replayed to a version that can
    read it, it has the same result as the first delivery would have had.

    Args:
        webhook: that contained the item.
        bad: the item.
        handler: the name of the work queue.
        now: the time of day.
    """
    original = WebhookReceivedV1(
        id=derive_id("webhook", webhook.platform, bad.body),
        occurred_at=webhook.occurred_at,
        received_at=webhook.received_at,
        traceparent=webhook.traceparent,
        hops=webhook.hops,
        platform=webhook.platform,
        body=bad.body,
        signed_by=webhook.signed_by if isinstance(webhook, WebhookReceivedV1) else "",
    )
    item = parked_item(
        encode(original),
        original,
        content_type=original.wire,
        handler=handler,
        reason=bad.reason,
        attempts=1,
        received_at=webhook.received_at,
    )
    hops = (*webhook.hops, Hop(SERVICE, now))
    return replace(item, hops=hops, webhook_id=_webhook_id(webhook), item_index=bad.index)


def webhook_split(webhook: WebhookReceivedV1, splits: Sequence[Split], *, now: datetime) -> WebhookSplitV1:
    """Return the manifest: how many items of `webhook` belong to which page, even if there are none.

    Bad items belong to no page: they are parked.
    """
    counts: dict[tuple[Platform, str], int] = {}
    for split in splits:
        page = (split.platform, split.page_id) if isinstance(split, SplitItem) else (webhook.platform, "")
        counts[page] = counts.get(page, 0) + 1
    return WebhookSplitV1(
        id=derive_id("split", webhook.id),
        occurred_at=webhook.occurred_at,
        received_at=webhook.received_at,
        traceparent=webhook.traceparent,
        hops=(*webhook.hops, Hop(SERVICE, now)),
        webhook_id=webhook.id,
        pages=tuple(
            PageItems(platform=platform, page_id=page_id, items=items)
            for (platform, page_id), items in sorted(counts.items())
        ),
    )


def profile_requested(message: InboxEnrichedV1) -> ProfileRequestedV1:
    """Return the event that requests a deferred lookup of the customer's profile."""
    assert message.participant_id is not None
    return ProfileRequestedV1(
        id=derive_id("profile-requested", message.id),
        occurred_at=message.occurred_at,
        received_at=message.received_at,
        traceparent=message.traceparent,
        hops=message.hops,
        user_id=message.user_id,
        platform=message.platform,
        page_id=message.page_id,
        participant_id=message.participant_id,
    )


def _webhook_id(webhook: Webhook) -> str:
    return webhook.webhook_id if isinstance(webhook, WebhookReleasedV1) else webhook.id
