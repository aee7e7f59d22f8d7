"""Reads must be served by an index in the order that is asked for, however much there is."""

import json
from typing import Any

import pytest

from store.repository import log, reading
from store.repository.statements import Statement
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


def sorted_by(plan: list[dict[str, Any]]) -> set[str]:
    return {key for node in plan for key in node.get("Sort Key", ())}


async def explained(parts: Parts, statement: Statement, **arguments: Any) -> list[dict[str, Any]]:
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


@pytest.mark.parametrize("goes_on", [False, True])
@pytest.mark.parametrize(
    ("unread_only", "index"), [(False, "conversations_newest_idx"), (True, "conversations_unread_idx")]
)
async def test_conversations_come_from_an_index_in_order(
    filled: Parts, *, goes_on: bool, unread_only: bool, index: str
) -> None:
    statement = reading.conversations_statement(of_platform=False, unread_only=unread_only, goes_on=goes_on)
    plan = await explained(filled, statement, user_id="user-1", after_at=at(0), after_id="0" * 16, most=50)
    assert index in {node.get("Index Name") for node in plan}
    assert sorted_by(plan) <= {"own.owned_from DESC"}


@pytest.mark.parametrize("goes_on", [False, True])
async def test_messages_come_from_an_index_in_order(filled: Parts, *, goes_on: bool) -> None:
    plan = await explained(
        filled,
        reading.messages_statement(goes_on=goes_on),
        user_id="user-1",
        conversation_id="0" * 15 + "1",
        after_at=at(0),
        after_message="m",
        after_id=1,
        most=50,
    )
    assert "messages_newest_idx" in {node.get("Index Name") for node in plan}
    assert sorted_by(plan) <= {"own.owned_from DESC"}


async def test_the_scan_for_unpublished_changes_reads_only_those(filled: Parts) -> None:
    plan = await explained(filled, log._UNPUBLISHED, before=at(0), user_ids=None, passed_over=[], most=10)
    assert "inboxes_unpublished_idx" in {node.get("Index Name") for node in plan}


async def test_what_is_to_be_pruned_is_found_by_its_age(filled: Parts) -> None:
    plan = await explained(filled, log._PRUNABLE, before=at(0), most=2_000)
    assert "inbox_log_at_idx" in {node.get("Index Name") for node in plan}
    assert "at" not in sorted_by(plan)


async def test_frames_are_fetched_by_key(filled: Parts) -> None:
    arguments = {"user_ids": ["user-1"], "afters": [10], "uptos": [20], "per_range": 10}
    plan = await explained(filled, log._FRAMES, **arguments)
    scanned = {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}
    assert scanned <= {"accounts"}, "accounts are empty here"
