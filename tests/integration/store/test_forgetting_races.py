"""A row that is renewed while it is being deleted stays."""

import asyncio
from collections.abc import Coroutine

import pytest

from store.repository import retention, unclaimed
from store.repository.postgres.statements import Statement
from tests.integration.store.parts import Parts, now

pytestmark = pytest.mark.postgres

_WAITS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def deleted_during(parts: Parts, renewal: str, forgetting: Coroutine[None, None, int]) -> int:
    """Return how many rows `forgetting` deletes while an open transaction holds the row with `renewal`."""
    async with parts.database.transaction() as transaction:
        await transaction.execute(Statement(renewal))
        task = asyncio.create_task(forgetting)
        async with asyncio.timeout(10):
            while not task.done() and not await parts.rows(_WAITS):  # noqa: ASYNC110 - Postgres can only be polled
                await asyncio.sleep(0.01)
    return await task


async def test_a_pending_annotation_updated_while_it_expires_stays(parts: Parts) -> None:
    await parts.execute(
        "INSERT INTO waiting_annotations VALUES ('user-1', 'facebook', 'page-1', 'm', '{}', '{}', '2026-01-01')"
    )
    renewal = "UPDATE waiting_annotations SET updated_at = now(), items = '{w:1}'"
    expiring = retention.expire_pending_annotations(parts.database, before=now(), limit=10)
    assert await deleted_during(parts, renewal, expiring) == 0
    assert await parts.rows("SELECT items FROM waiting_annotations") == [(["w:1"],)]


async def test_an_item_parked_again_while_it_is_pruned_stays_parked(parts: Parts) -> None:
    await parts.execute(
        "INSERT INTO parked_items (id, handler, reason, attempts, event_type, content_type, original, occurred_at,"
        " received_at, parked_at, replayed_at)"
        " VALUES ('p', 'h', 'r', 1, '', '', '', now(), now(), '2026-01-01', '2026-01-02')"
    )
    renewal = "UPDATE parked_items SET parked_at = now(), replayed_at = NULL"
    pruned = retention.prune("replayed_items", parts.database, before=now(), limit=10)
    assert await deleted_during(parts, renewal, pruned) == 0
    assert await parts.rows("SELECT id FROM parked_items") == [("p",)]


async def test_a_released_webhook_does_not_expire(parts: Parts) -> None:
    await parts.execute(
        "INSERT INTO waiting_webhooks (id, platform, page_id, webhook_id, item_index, channel, entry, occurred_at,"
        " received_at, traceparent, arrived_at, release_version)"
        " SELECT i, 'facebook', 'page-1', i, 0, 'messaging', '', now(), now(), '', '2026-01-01',"
        " CASE WHEN i = 'released' THEN 1 END FROM unnest(ARRAY['waiting', 'released']) AS i"
    )
    assert await unclaimed.expire(parts.database, before=now(), limit=10) == 1
    assert await parts.rows("SELECT id FROM waiting_webhooks") == [("released",)]


async def test_a_webhook_released_while_it_expires_stays(parts: Parts) -> None:
    await parts.execute(
        "INSERT INTO waiting_webhooks (id, platform, page_id, webhook_id, item_index, channel, entry, occurred_at,"
        " received_at, traceparent, arrived_at)"
        " VALUES ('w', 'facebook', 'page-1', 'w', 0, 'messaging', '', now(), now(), '', '2026-01-01')"
    )
    renewal = "UPDATE waiting_webhooks SET release_version = 1"
    expiring = unclaimed.expire(parts.database, before=now(), limit=10)
    assert await deleted_during(parts, renewal, expiring) == 0
