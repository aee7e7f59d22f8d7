"""Reads use an index in the requested order."""

import json
from typing import Any

import pytest

from store.core.canonical import SECTIONS
from store.repository import lists
from store.repository.inbox import event_log, receipts
from store.repository.postgres.statements import Statement
from store.repository.verification import facts
from tests.integration.store.parts import Parts, at

_FILL = (
    "INSERT INTO inboxes SELECT 'user-' || u, 3000, 3000, 0 FROM generate_series(0, 4) u",
    "INSERT INTO inboxes SELECT 'other-' || u, 1, 1, 0 FROM generate_series(1, 5000) u",
    """
    INSERT INTO conversations
    SELECT 'user-' || u, lpad(to_hex(c), 16, '0'), 'facebook', 'person-' || c, 'Ada', NULL, NULL, NULL, c,
           now() - c * interval '1 minute', c % 2, 0, c, now()
    FROM generate_series(0, 4) u, generate_series(1, 3000) c
    """,
    """
    INSERT INTO messages (user_id, id, seq, platform, page_id, kind, message_id, conversation_id, direction, sender_id,
                          content, created_at)
    SELECT 'user-' || u, c, c, 'facebook', 'page-1', 'message', 'm-' || c, lpad(to_hex(c % 30 + 1), 16, '0'),
           'incoming', 'person', 'hello', now() - c * interval '1 second'
    FROM generate_series(0, 4) u, generate_series(1, 3000) c
    """,
    """
    INSERT INTO inbox_log
    SELECT 'user-' || u, c, 'new_message', c, lpad(to_hex(c % 30 + 1), 16, '0'), NULL, NULL, 'cause-' || c, now(),
           now(), now()
    FROM generate_series(0, 4) u, generate_series(1, 3000) c
    """,
    "ANALYZE",
)


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(found for child in plan.get("Plans", ()) for found in nodes(child))]


def sort_keys(plan: list[dict[str, Any]]) -> set[str]:
    return {key for node in plan for key in node.get("Sort Key", ())}


async def query_plan(parts: Parts, statement: Statement, **arguments: Any) -> list[dict[str, Any]]:
    async with parts.database.transaction() as connection:
        explain = Statement.__new__(Statement)
        explain.sql, explain._names = f"EXPLAIN (FORMAT JSON) {statement.sql}", statement._names
        [row] = await connection.execute(explain, arguments)
    plan = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    return nodes(plan[0]["Plan"])


@pytest.fixture
async def filled(parts: Parts) -> Parts:
    for statement in _FILL:
        await parts.execute(statement)
    return parts


@pytest.mark.parametrize("continues", [False, True])
@pytest.mark.parametrize(
    ("of_platform", "unread_only", "index"),
    [
        (False, False, "conversations_newest_idx"),
        (False, True, "conversations_unread_idx"),
        (True, False, "conversations_platform_idx"),
        (True, True, "conversations_platform_unread_idx"),
    ],
)
async def test_conversations_are_read_in_index_order(
    filled: Parts, *, continues: bool, of_platform: bool, unread_only: bool, index: str
) -> None:
    statement = lists.conversations_statement(of_platform=of_platform, unread_only=unread_only, continues=continues)
    plan = await query_plan(
        filled, statement, user_id="user-1", platform="instagram", after_at=at(0), after_id="0" * 16, limit=50
    )
    [scan] = [node for node in plan if node.get("Alias") == "c"]
    assert (scan["Index Name"], "Filter" in scan) == (index, False), "nothing is read to be thrown away"
    assert sort_keys(plan) <= {"own.owned_from DESC"}


@pytest.mark.parametrize("continues", [False, True])
async def test_messages_are_read_in_index_order(filled: Parts, *, continues: bool) -> None:
    plan = await query_plan(
        filled,
        lists.messages_statement(continues=continues),
        user_id="user-1",
        conversation_id="0" * 15 + "1",
        after_at=at(0),
        after_message="m",
        after_id=1,
        limit=50,
    )
    assert "messages_newest_idx" in {node.get("Index Name") for node in plan}
    assert sort_keys(plan) <= {"own.owned_from DESC"}


async def test_the_unpublished_scan_uses_its_index(filled: Parts) -> None:
    plan = await query_plan(filled, event_log._UNPUBLISHED, before=at(0), user_ids=None, except_users=[], limit=10)
    assert "inboxes_unpublished_idx" in {node.get("Index Name") for node in plan}


async def test_pruning_the_event_log_uses_the_index_on_age(filled: Parts) -> None:
    plan = await query_plan(filled, event_log._PRUNABLE, before=at(0), limit=2_000)
    assert "inbox_log_at_idx" in {node.get("Index Name") for node in plan}
    assert "at" not in sort_keys(plan)


async def test_frames_are_read_by_key(filled: Parts) -> None:
    arguments = {"user_ids": ["user-1"], "afters": [10], "uptos": [20], "per_range": 10}
    plan = await query_plan(filled, event_log._FRAMES, **arguments)
    scanned = {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}
    assert scanned <= {"accounts"}, "accounts are empty here"


_PARAMETERS = [
    {"of_kind": of_kind, "of_platform": False, "continues": continues}
    for of_kind in (False, True)
    for continues in (False, True)
]


@pytest.mark.parametrize("asked", _PARAMETERS)
async def test_records_are_read_in_index_order(filled: Parts, asked: dict[str, bool]) -> None:
    plan = await query_plan(
        filled,
        lists.records_statement(**asked),
        user_id="user-1",
        kind="comment",
        after_at=at(0),
        after_id="r",
        after_platform="facebook",
        after_page="page-1",
        after_kind="comment",
        limit=50,
    )
    assert "records_newest_idx" in {node.get("Index Name") for node in plan}
    assert sort_keys(plan) == set()


async def test_messages_affected_by_a_receipt_are_an_index_range(filled: Parts) -> None:
    plan = await query_plan(
        filled,
        receipts._AFFECTED,
        user_ids=["user-1"],
        platforms=["facebook"],
        page_ids=["page-1"],
        participant_ids=["person-1"],
        statuses=["read"],
        uptos=[at(0)],
        ats=[at(0)],
        conversation_ids=["0" * 15 + "1"],
    )
    [scan] = [node for node in plan if node.get("Index Name") == "messages_newest_idx"]
    assert "created_at" in scan["Index Cond"]
    assert "receipts_pkey" in {node.get("Index Name") for node in plan}
    assert "Sort" not in {node["Node Type"] for node in plan}


async def test_coverage_takes_one_index_probe_per_status(filled: Parts) -> None:
    threads = {
        "user_ids": ["user-1"],
        "platforms": ["facebook"],
        "page_ids": ["page-1"],
        "participant_ids": ["person-1"],
    }
    plan = await query_plan(filled, receipts._COVERAGE, **threads, uptos=[at(0)])
    scans = [node for node in plan if node.get("Index Name") == "receipts_pkey"]
    assert len(scans) == 2
    assert all("watermark" in scan["Index Cond"] for scan in scans)
    assert "Sort" not in {node["Node Type"] for node in plan}


@pytest.mark.parametrize("section", sorted(SECTIONS))
async def test_facts_are_read_in_index_order(filled: Parts, section: str) -> None:
    names = {f"after_{name}": at(0) if name == "watermark" else "x" for name in facts._SOURCES[section].key}
    plan = await query_plan(filled, facts.statement(section, continues=True), user_id="user-1", limit=10, **names)
    assert not {"Sort", "Incremental Sort", "Seq Scan"} & {node["Node Type"] for node in plan}


async def test_redundant_receipts_are_an_index_range(filled: Parts) -> None:
    await filled.execute(
        "INSERT INTO receipts SELECT 'user-' || n % 5, 'facebook', 'page-1', 'person-1', 'read',"
        " now() + n * interval '1 second', now() + n * interval '1 second' FROM generate_series(1, 3000) n"
    )
    await filled.execute("ANALYZE receipts")
    plan = await query_plan(
        filled,
        receipts._DELETE_REDUNDANT,
        user_ids=["user-1"],
        platforms=["facebook"],
        page_ids=["page-1"],
        participant_ids=["person-1"],
        statuses=["read"],
        uptos=[at(0)],
        ats=[at(0)],
    )
    [deleted] = [node for node in plan if node.get("Alias") == "r" and "Index Cond" in node]
    assert "(watermark > " in deleted["Index Cond"]
    assert "(watermark <= " in deleted["Index Cond"]
