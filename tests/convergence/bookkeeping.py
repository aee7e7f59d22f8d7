"""Every delivered item is in the ledger exactly once, and the sums agree."""

from collections import Counter
from collections.abc import Sequence

from shared.contracts import Event, InboxEnrichedV1
from store.repository.ledger.reports import ledger
from tests.convergence.store import Store

_OUTCOMES = """
    SELECT webhook_id, item_index, platform, page_id, outcome FROM item_outcomes
    WHERE webhook_id = ANY(CAST(:webhooks AS text[]))
"""
_MANIFESTS = """
    SELECT webhook_id, platform, page_id, items FROM webhooks WHERE webhook_id = ANY(CAST(:webhooks AS text[]))
"""
_WAITING = "SELECT unnest(items) FROM waiting_annotations WHERE user_id = ANY(CAST(:users AS text[]))"


async def check_items(store: Store, events: Sequence[Event], user_ids: Sequence[str]) -> None:
    """Check the ledger's rows against the items in `events`."""
    items = [event for event in events if isinstance(event, InboxEnrichedV1)]
    handed_in = {(item.webhook_id, item.item_index): (item.platform, item.page_id) for item in items}
    webhooks = sorted({item.webhook_id for item in items})
    outcomes = await store.rows(_OUTCOMES, webhooks=webhooks)
    assert {(webhook, index): (platform, page) for webhook, index, platform, page, _ in outcomes} == handed_in
    manifests = await store.rows(_MANIFESTS, webhooks=webhooks)
    received = Counter((webhook, *page) for (webhook, _), page in handed_in.items())
    assert {tuple(key): number for *key, number in manifests} == received
    found = {(webhook, index): outcome for webhook, index, *_, outcome in outcomes}
    assert {*found.values()} <= {"stored", "duplicate", "waiting", "ignored"}
    kept = {_position(item) for (item,) in await store.rows(_WAITING, users=list(user_ids))}
    waiting = {position for position, outcome in found.items() if outcome == "waiting"}
    assert waiting <= kept, "what waits is kept"
    assert {found[position] for position in kept} <= {"waiting", "stored"}, "what is kept waits, if all of it does"


async def check_sums(store: Store) -> None:
    """Check that every page balances once nothing is in flight."""
    for account in await ledger(store.database):
        assert account.received == account.accounted, account
        assert account.unaccounted == 0, account


def _position(item: str) -> tuple[str, int]:
    webhook_id, _, index = item.rpartition(":")
    return webhook_id, int(index)
