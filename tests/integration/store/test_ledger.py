"""The ledger accounts for every item: received is the sum of all outcomes and unaccounted items."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from prometheus_client import Gauge

from shared.contracts import (
    Event,
    InboxEnrichedV1,
    ItemParkedV1,
    PageItems,
    WebhookSplitV1,
    WebhookUnclaimedV1,
    derive_id,
    encode,
)
from store.core.ledger import AccountLedger, ItemEntry
from store.jobs.backlog import BacklogMonitor
from store.repository import parked, unclaimed
from store.repository.ledger import item_outcomes, reports
from tests.builders import item_parked, webhook_received, webhook_split, webhook_unclaimed
from tests.integration.store.parts import Parts, message, now

pytestmark = pytest.mark.postgres

W1, W2 = "1" * 32, "2" * 32


def split(webhook_id: str = W1, items: int = 1, *, page: str = "page-1", **changes: Any) -> WebhookSplitV1:
    pages = (PageItems(platform="facebook", page_id=page, items=items),)
    return webhook_split(
        **{"id": derive_id("split", webhook_id), "webhook_id": webhook_id, "pages": pages, "received_at": now()}
        | changes
    )


def parked_item(event: Event, **changes: Any) -> ItemParkedV1:
    return item_parked(
        **{
            "id": derive_id("parked", event.id),
            "event_type": event.type_name(),
            "content_type": event.wire,
            "original": encode(event),
            "received_at": event.received_at,
        }
        | changes
    )


def in_webhook(event: InboxEnrichedV1, webhook_id: str = W1, item_index: int = 0) -> InboxEnrichedV1:
    return msgspec.structs.replace(event, webhook_id=webhook_id, item_index=item_index)


def unclaimed_item(
    webhook_id: str = W1, item_index: int = 0, *, content: str = "1", **changes: Any
) -> WebhookUnclaimedV1:
    return webhook_unclaimed(
        **{"id": derive_id("unclaimed", content), "webhook_id": webhook_id, "item_index": item_index}
        | {"received_at": now(), **changes}
    )


async def ledger_by_page(parts: Parts, *, since: datetime | None = None) -> dict[str, dict[str, Any]]:
    """Return the counts that are not 0, by page; assert that every account balances."""
    found = await reports.ledger(parts.database, since=since)
    for account in found:
        assert account.received == account.accounted + account.unaccounted, account
    return {account.page_id: _nonzero_counts(account) for account in found}


def _nonzero_counts(account: AccountLedger) -> dict[str, Any]:
    names = ("received", "stored", "duplicate", "parked", "waiting", "ignored", "unaccounted")
    return {name: value for name in names if (value := getattr(account, name))}


async def write_outcomes(parts: Parts, entries: Iterable[ItemEntry]) -> None:
    async with parts.database.transaction() as transaction:
        await item_outcomes.write_outcomes(transaction, list(entries), now=now())


def entry(index: int = 0, outcome: Any = "stored", kind: str = "message", webhook_id: str = W1) -> ItemEntry:
    return ItemEntry(webhook_id, index, "facebook", "page-1", outcome, kind)


def gauge_value(metric: Gauge) -> float:
    [found] = metric.collect()
    return found.samples[0].value


def backlog_monitor(parts: Parts) -> BacklogMonitor:
    return BacklogMonitor(parts.database, utc_now=now, metrics=parts.metrics)


async def test_a_new_item_is_unaccounted_until_it_has_an_outcome(parts: Parts) -> None:
    await parts.records([split(items=3)])
    assert await ledger_by_page(parts) == {"page-1": {"received": 3, "unaccounted": 3}}

    await write_outcomes(parts, [entry(0), entry(1, "duplicate"), entry(2, "ignored", "messaging.other")])
    assert await ledger_by_page(parts) == {
        "page-1": {"received": 3, "stored": 1, "duplicate": 1, "ignored": {"messaging.other": 1}}
    }


async def test_early_outcomes_count_once_their_manifest_arrives(parts: Parts) -> None:
    await write_outcomes(parts, [entry(0)])
    assert await ledger_by_page(parts) == {}
    await parts.records([split(items=2)])
    assert await ledger_by_page(parts) == {"page-1": {"received": 2, "stored": 1, "unaccounted": 1}}


async def test_a_redelivery_keeps_the_first_outcome_and_counts_once(parts: Parts) -> None:
    await parts.records([split(), split()])
    await write_outcomes(parts, [entry(outcome="stored"), entry(outcome="duplicate")])
    await parts.records([split()])
    await write_outcomes(parts, [entry(outcome="duplicate")])
    await parts.records([parked_item(in_webhook(message()))])

    assert await ledger_by_page(parts) == {"page-1": {"received": 1, "stored": 1}}


async def test_a_waiting_item_is_stored_only_with_its_message(parts: Parts) -> None:
    await parts.records([split(items=2)])
    await write_outcomes(parts, [entry(0, "waiting", "edit"), entry(1, "waiting", "reaction")])
    await write_outcomes(parts, [entry(0, "duplicate", "edit")])
    assert await ledger_by_page(parts) == {"page-1": {"received": 2, "waiting": 2}}

    async with parts.database.transaction() as transaction:
        await item_outcomes.store_pending(transaction, [(W1, 0), (W1, 1), (W2, 7)])
    assert await ledger_by_page(parts) == {"page-1": {"received": 2, "stored": 2}}


async def test_pending_annotations_expire_with_their_items(parts: Parts) -> None:
    await parts.records([split(items=2)])
    await write_outcomes(parts, [entry(0, "waiting", "edit"), entry(1)])
    await parts.execute(
        "INSERT INTO waiting_annotations VALUES "
        "('user-1', 'facebook', 'page-1', 'old', '{}', CAST(:old AS text[]), now() - interval '31 days'), "
        "('user-1', 'facebook', 'page-1', 'new', '{}', '{}', now())",
        old=[f"{W1}:0", f"{W1}:1"],
    )
    await parts.apply_retention()

    assert await parts.rows("SELECT message_id FROM waiting_annotations") == [("new",)]
    assert await ledger_by_page(parts) == {"page-1": {"received": 2, "stored": 1, "ignored": {"expired": 1}}}
    await backlog_monitor(parts).run_once()
    assert gauge_value(parts.metrics.waiting_facts) == 1


async def test_a_replayed_item_is_unaccounted_until_its_next_outcome(parts: Parts) -> None:
    item = parked_item(in_webhook(message()))
    await parts.records([split(), item])
    assert await ledger_by_page(parts) == {"page-1": {"received": 1, "parked": 1}}
    assert await parts.rows("SELECT webhook_id, item_index, platform, page_id FROM parked_items") == [
        (W1, 0, "facebook", "page-1")
    ]

    marked_at = now()
    await parked.mark_replayed(parts.database, [item.id], now=marked_at)
    assert await ledger_by_page(parts) == {"page-1": {"received": 1, "unaccounted": 1}}
    await parked.unmark_replayed(parts.database, item.id, marked_at=marked_at)
    assert await ledger_by_page(parts) == {"page-1": {"received": 1, "parked": 1}}

    await parked.mark_replayed(parts.database, [item.id], now=now())
    await parts.records([item])
    assert await ledger_by_page(parts) == {"page-1": {"received": 1, "parked": 1}}, "it failed once more"
    await parked.mark_replayed(parts.database, [item.id], now=now())
    await write_outcomes(parts, [entry()])
    assert await ledger_by_page(parts) == {"page-1": {"received": 1, "stored": 1}}


async def test_an_item_parked_from_two_webhooks_counts_as_parked_and_duplicate(parts: Parts) -> None:
    event = message()
    await parts.records([split(W1), split(W2), parked_item(in_webhook(event, W1)), parked_item(in_webhook(event, W2))])
    assert await ledger_by_page(parts) == {"page-1": {"received": 2, "duplicate": 1, "parked": 1}}


async def test_an_unsplittable_webhook_counts_as_one_item_until_it_is_split(parts: Parts) -> None:
    webhook = webhook_received(id=W1, received_at=now())
    item = parked_item(webhook)
    await parts.records([item, item])
    assert await ledger_by_page(parts) == {"": {"received": 1, "parked": 1}}

    await parked.mark_replayed(parts.database, [item.id], now=now())
    assert await ledger_by_page(parts) == {"": {"received": 1, "unaccounted": 1}}
    await parts.records([split(items=3)])
    await write_outcomes(parts, [entry(0), entry(1), entry(2)])
    assert await ledger_by_page(parts) == {"page-1": {"received": 3, "stored": 3}}


@pytest.mark.parametrize("is_split_first", [True, False])
async def test_missing_items_of_a_parked_webhook_count_as_parked(parts: Parts, *, is_split_first: bool) -> None:
    item = parked_item(webhook_received(id=W1, received_at=now()))
    await parts.records([split(items=3)] if is_split_first else [item])
    await parts.records([item] if is_split_first else [split(items=3)])
    await write_outcomes(parts, [entry(0)])
    assert await ledger_by_page(parts) == {"page-1": {"received": 3, "stored": 1, "parked": 2}}

    await parked.mark_replayed(parts.database, [item.id], now=now())
    assert await ledger_by_page(parts) == {"page-1": {"received": 3, "stored": 1, "unaccounted": 2}}


async def test_an_item_parked_from_a_webhook_is_replayed_as_its_own_webhook(parts: Parts) -> None:
    alone = webhook_received(id=W2, received_at=now())
    item = parked_item(alone, webhook_id=W1, item_index=1)
    pages = (
        PageItems(platform="facebook", page_id="page-1", items=1),
        PageItems(platform="facebook", page_id="", items=1),
    )
    await parts.records([split(pages=pages), item])
    await write_outcomes(parts, [entry(0)])
    assert await ledger_by_page(parts) == {"": {"received": 1, "parked": 1}, "page-1": {"received": 1, "stored": 1}}

    marked_at = now()
    await parked.mark_replayed(parts.database, [item.id], now=marked_at)
    await parked.unmark_replayed(parts.database, item.id, marked_at=marked_at)
    assert (await ledger_by_page(parts))[""] == {"received": 1, "parked": 1}

    await parked.mark_replayed(parts.database, [item.id], now=now())
    await parts.records([split(W2, page=""), parked_item(alone, id=item.id, webhook_id=W2, item_index=0)])
    assert (await ledger_by_page(parts))[""] == {"received": 2, "parked": 1, "ignored": {"replayed": 1}}


async def test_an_unclaimed_item_waits_and_is_unaccounted_after_its_release(parts: Parts) -> None:
    await parts.records([split(W1), split(W2), unclaimed_item(W1), unclaimed_item(W2)])
    assert await ledger_by_page(parts) == {"page-1": {"received": 2, "waiting": 1, "duplicate": 1}}

    await parts.execute("UPDATE waiting_webhooks SET release_version = 1")
    assert await parts.releaser.run_once() == 1
    assert await ledger_by_page(parts) == {"page-1": {"received": 2, "unaccounted": 1, "duplicate": 1}}
    await write_outcomes(parts, [entry()])
    assert await ledger_by_page(parts) == {"page-1": {"received": 2, "stored": 1, "duplicate": 1}}


async def test_an_outcome_before_the_release_is_recorded_is_kept(parts: Parts) -> None:
    await parts.records([split(), unclaimed_item()])
    await parts.execute("UPDATE waiting_webhooks SET release_version = 1")
    lease = now() + timedelta(seconds=30)
    [(row_id, _)] = await unclaimed.claim_released(parts.database, now=now(), leased_until=lease, limit=10)
    await write_outcomes(parts, [entry()])
    await unclaimed.delete_published(parts.database, [row_id], leased_until=lease, now=now())
    assert await ledger_by_page(parts) == {"page-1": {"received": 1, "stored": 1}}


async def test_dropped_unclaimed_items_are_ignored_with_a_reason(parts: Parts) -> None:
    webhooks = [f"{number:032x}" for number in range(5)]
    await parts.records([split(webhook_id) for webhook_id in webhooks])
    for number, webhook_id in enumerate(webhooks):
        await parts.records([unclaimed_item(webhook_id, content=str(number))])
    assert await ledger_by_page(parts) == {"page-1": {"received": 5, "waiting": 3, "ignored": {"over_limit": 2}}}

    await parts.execute("UPDATE waiting_webhooks SET arrived_at = now() - interval '8 days'")
    await parts.apply_retention()
    assert await ledger_by_page(parts) == {"page-1": {"received": 5, "ignored": {"expired": 3, "over_limit": 2}}}


async def test_a_later_manifest_with_more_items_reopens_the_webhook(parts: Parts) -> None:
    await parts.records([split(items=1)])
    await write_outcomes(parts, [entry(0)])
    assert await backlog_monitor(parts).check_ledger() == 0
    await parts.records([split(items=2)])
    assert await ledger_by_page(parts) == {"page-1": {"received": 2, "stored": 1, "unaccounted": 1}}


async def test_surplus_outcomes_do_not_hide_missing_items_of_another_webhook(parts: Parts) -> None:
    await parts.records([split(W1, items=1), split(W2, items=1)])
    await write_outcomes(parts, [entry(0), entry(1)])
    assert await ledger_by_page(parts) == {"page-1": {"received": 3, "stored": 2, "unaccounted": 1}}


async def test_the_ledger_counts_only_items_received_since_a_time(parts: Parts) -> None:
    moment = now()
    await parts.records([split(W1, received_at=moment - timedelta(days=1)), split(W2, received_at=moment)])
    assert await ledger_by_page(parts, since=moment) == {"page-1": {"received": 1, "unaccounted": 1}}
    assert await ledger_by_page(parts, since=moment + timedelta(microseconds=1)) == {}


async def test_items_missing_for_a_minute_are_reported_and_complete_webhooks_are_closed(
    parts: Parts,
) -> None:
    long_ago = now() - timedelta(minutes=2)
    await parts.records([split(W1, items=3, received_at=long_ago), split(W2, items=1, received_at=long_ago)])
    await parts.records([split("3" * 32, items=1)])
    await write_outcomes(parts, [entry(0), entry(webhook_id=W2)])

    assert await backlog_monitor(parts).check_ledger() == 2
    assert gauge_value(parts.metrics.missing_items) == 2
    assert await parts.rows("SELECT webhook_id FROM webhooks WHERE open_since IS NULL") == [(W2,)]
    [found] = await reports.unaccounted(parts.database, before=now() - timedelta(minutes=1), limit=10)
    assert (found.webhook_id, found.page_id, found.items, found.missing) == (W1, "page-1", 3, 2)

    await write_outcomes(parts, [entry(1), entry(2)])
    assert await backlog_monitor(parts).check_ledger() == 0
    assert gauge_value(parts.metrics.missing_items) == 0
    assert await reports.unaccounted(parts.database, before=now() - timedelta(minutes=1), limit=10) == []


async def test_a_replay_reopens_its_webhook(parts: Parts) -> None:
    item = parked_item(in_webhook(message()))
    await parts.records([split(received_at=now() - timedelta(minutes=2)), item])
    assert await backlog_monitor(parts).check_ledger() == 0
    await parked.mark_replayed(parts.database, [item.id], now=now() - timedelta(minutes=2))
    assert await backlog_monitor(parts).check_ledger() == 1


async def test_slices_do_not_change_the_sums(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "_WEBHOOKS_PER_SLICE", 3)
    long_ago = now() - timedelta(hours=1)
    webhooks = [f"{number:032x}" for number in range(20)]
    await parts.records(
        [split(one, received_at=long_ago + timedelta(seconds=n // 2)) for n, one in enumerate(webhooks)]
    )
    await write_outcomes(parts, [entry(webhook_id=one) for one in webhooks[:15]])

    assert await ledger_by_page(parts) == {"page-1": {"received": 20, "stored": 15, "unaccounted": 5}}
    found = await reports.unaccounted(parts.database, before=now(), limit=4)
    assert [one.webhook_id for one in found] == webhooks[15:19]
    assert await backlog_monitor(parts).check_ledger() == 5


async def test_old_webhooks_and_outcomes_are_pruned(
    parts: Parts,
) -> None:
    await parts.records([split(W1, received_at=now() - timedelta(days=15)), split(W2)])
    await write_outcomes(parts, [entry(webhook_id=W1), entry(webhook_id=W2)])
    await parts.apply_retention()
    assert await ledger_by_page(parts) == {"page-1": {"received": 1, "stored": 1}}
    assert await parts.rows("SELECT count(*) FROM item_outcomes") == [(2,)], "written today"

    await parts.execute("UPDATE item_outcomes SET at = now() - interval '16 days' WHERE webhook_id = :id", id=W1)
    await parts.apply_retention()
    assert await parts.rows("SELECT webhook_id FROM item_outcomes") == [(W2,)]


async def test_other_rows_are_kept_for_their_retention(parts: Parts) -> None:
    await parts.execute(
        "INSERT INTO token_mints (user_id, minted_at, expires_at, minted_by) "
        "SELECT 'u', now() - d * interval '1 day', now(), 'x' FROM unnest(CAST(:days AS integer[])) d",
        days=[399, 401],
    )
    await parts.execute(
        "INSERT INTO raw_items SELECT 'u', d::text, 'facebook', 'p', NULL, 'l', '{}', now(), "
        "now() - d * interval '1 day' FROM unnest(CAST(:days AS integer[])) d",
        days=[29, 31],
    )
    await parts.execute(
        "INSERT INTO records SELECT 'u', 'facebook', 'p', 'comment', d::text, NULL, NULL, NULL, '{}', now(), "
        "now() - d * interval '1 day' FROM unnest(CAST(:days AS integer[])) d",
        days=[399, 401],
    )
    for number, (age, is_replayed) in enumerate([(89, True), (91, True), (91, False), (401, False)]):
        await parts.records([item_parked(id=str(number))])
        await parts.execute(
            "UPDATE parked_items SET parked_at = now() - CAST(:age AS integer) * interval '1 day', "
            "replayed_at = CASE WHEN :replayed THEN now() END WHERE id = :id",
            age=age, replayed=is_replayed, id=str(number),
        )  # fmt: skip
    await parts.apply_retention(
        raw_retention_days=0,
        replayed_retention_days=0,
        parked_retention_days=0,
        mint_retention_days=0,
        record_retention_days=0,
    )
    assert await parts.rows("SELECT count(*) FROM parked_items") == [(4,)]

    await parts.apply_retention()
    assert await parts.rows("SELECT id FROM parked_items ORDER BY id") == [("0",), ("2",)]
    for table in ("token_mints", "raw_items", "records"):
        assert await parts.rows(f"SELECT count(*) FROM {table}") == [(1,)], table  # noqa: S608 - of this test


async def test_parked_events_that_are_no_items_are_not_counted(parts: Parts) -> None:
    await parts.records([item_parked(original=b"\xc1", event_type=""), parked_item(split())])
    assert await parts.rows("SELECT webhook_id FROM parked_items") == [(None,), (None,)]
    assert await ledger_by_page(parts) == {}
