"""Reading and pruning the ledger uses its indexes."""

from typing import Any

import pytest

from store.repository import retention
from store.repository.ledger import item_outcomes, reports
from store.repository.postgres.statements import Statement
from store.repository.verification import states
from tests.integration.store.parts import Parts, at
from tests.integration.store.test_plans import query_plan, sort_keys

pytestmark = pytest.mark.postgres

_FILL = (
    """
    INSERT INTO webhooks
    SELECT md5(n::text), 'facebook', 'page-' || n % 10, 2, now() - n * interval '1 second',
           CASE WHEN n < 50 THEN now() END
    FROM generate_series(1, 5000) n
    """,
    """
    INSERT INTO item_outcomes
    SELECT md5(n::text), i, 'facebook', 'page-' || n % 10, 'stored', 'message', now() - n * interval '1 second'
    FROM generate_series(1, 5000) n, generate_series(0, 1) i
    """,
    """
    INSERT INTO raw_items
    SELECT 'user-' || n % 7, n::text, 'facebook', 'page', NULL, 'label', '{}', now(), now() - n * interval '1 second'
    FROM generate_series(1, 5000) n
    """,
    """
    INSERT INTO records
    SELECT 'user-' || n % 7, 'facebook', 'page', 'comment', n::text, NULL, NULL, NULL, '{}', now(),
           now() - n * interval '1 second'
    FROM generate_series(1, 5000) n
    """,
    """
    INSERT INTO token_mints (user_id, minted_at, expires_at, minted_by)
    SELECT 'user', now() - n * interval '1 second', now(), 'x' FROM generate_series(1, 5000) n
    """,
    """
    INSERT INTO waiting_annotations
    SELECT 'user-' || n % 7, 'facebook', 'page', n::text, '{}', '{}', now() - n * interval '1 second'
    FROM generate_series(1, 5000) n
    """,
    "ANALYZE",
)
_OPEN_FROM = {"before": at(0), "after_at": at(0), "after_id": "", "after_platform": "", "after_page": "", "limit": 100}
_POSITIONS = {"webhook_ids": ["1"], "item_indexes": [0]}
_PRUNED_BY = {
    "webhooks": "webhooks_received_at_idx",
    "item_outcomes": "item_outcomes_at_idx",
    "raw_items": "raw_items_received_at_idx",
    "records": "records_received_at_idx",
    "parked_items": "parked_items_parked_at_id_idx",
    "replayed_items": "parked_items_parked_at_id_idx",
    "token_mints": "token_mints_minted_at_idx",
}


@pytest.fixture
async def filled(parts: Parts) -> Parts:
    for statement in _FILL:
        await parts.execute(statement)
    return parts


def indexes(plan: list[dict[str, Any]]) -> set[str]:
    assert not [node for node in plan if node["Node Type"] == "Seq Scan"], plan
    return {name for node in plan if (name := node.get("Index Name"))}


async def test_a_ledger_slice_uses_the_index_on_time(filled: Parts) -> None:
    plan = await query_plan(filled, reports._TALLY, after=at(0), upto=at(1))
    assert indexes(plan) == {"webhooks_received_at_idx", "item_outcomes_pkey"}
    assert "webhooks_received_at_idx" in indexes(await query_plan(filled, reports._SLICE_ENDS, after=at(0), limit=10))


@pytest.mark.parametrize("statement", [reports._MISSING, reports._LOCK_OPEN])
async def test_the_search_for_missing_items_reads_only_open_webhooks(filled: Parts, statement: Statement) -> None:
    assert "webhooks_open_idx" in indexes(await query_plan(filled, statement, **_OPEN_FROM))


@pytest.mark.parametrize("what", sorted(_PRUNED_BY))
async def test_pruning_uses_the_index_on_age(filled: Parts, what: str) -> None:
    plan = await query_plan(filled, retention.STATEMENTS[what], before=at(0), limit=100)
    assert _PRUNED_BY[what] in indexes(plan)
    assert sort_keys(plan) == set()


async def test_expiring_pending_annotations_uses_the_index_on_age(filled: Parts) -> None:
    plan = await query_plan(filled, retention._EXPIRE_ANNOTATIONS, before=at(0), limit=100)
    assert "waiting_annotations_updated_at_idx" in indexes(plan)


@pytest.mark.parametrize(
    ("statement", "more"),
    [
        (item_outcomes._STORE_PENDING, {}),
        (item_outcomes._IGNORE_WAITING, {"kind": "expired"}),
        (item_outcomes._FORGET, {}),
        (item_outcomes._REOPEN, {"now": at(0)}),
    ],
)
async def test_outcomes_and_webhooks_are_updated_by_key(
    filled: Parts, statement: Statement, more: dict[str, Any]
) -> None:
    plan = await query_plan(filled, statement, **_POSITIONS, **more)
    assert indexes(plan) <= {"item_outcomes_pkey", "webhooks_pkey"}


async def test_the_next_user_is_found_by_index(filled: Parts) -> None:
    plan = await query_plan(filled, states._NEXT_USER, after="user-1")
    assert indexes(plan)
    assert sort_keys(plan) == set()
