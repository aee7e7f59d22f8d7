"""Reading a large inbox takes index scans and a fixed number of statements, with the store's own plans."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bench.large_inbox.filling import USER, Inbox, fill
from shared.contracts.inbox import Conversation
from shared.security.user_tokens import mint
from store.core.cursors import ConversationPosition, MessagePosition
from store.core.search.query import Tier, parse
from store.repository import lists
from store.repository.inbox import event_log, read_marks
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement
from store.repository.search import indexing, matching
from store.routes.search_pages import SearchPage
from tests.integration.store.parts import JWT_SECRET, apps_on, at, now
from tests.integration.store.test_plans import nodes

pytestmark = pytest.mark.postgres

MESSAGES, CONVERSATIONS = 6_000, 600
_CHEAP = ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size", "min_parallel_index_scan_size")
TERMS = {"message_search_terms_idx", "person_search_terms_idx"}


@pytest.fixture
async def large(database: Database, database_url: str) -> Database:
    await fill(database_url, Inbox(MESSAGES, CONVERSATIONS))
    return database


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(_literal, value))}]" if value else "'{}'"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


async def _plan(database: Database, statement: Statement, **arguments: object) -> list[dict[str, Any]]:
    """Return the generic plan of the prepared statement, which does not depend on the values."""
    async with database.transaction() as transaction:
        await transaction.execute(matching._ALLOW_BITMAPS)
        driver = transaction._driver
        for cheap in _CHEAP:  # makes parallel plans as likely as in a larger inbox
            await driver.execute(f"SET LOCAL {cheap} = 0")
        await driver.execute(f"PREPARE asked AS {statement.sql}")
        values = ", ".join(map(_literal, statement.positional(arguments)))
        [row] = await driver.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE asked({values})")
        await driver.execute("DEALLOCATE asked")
    plan = json.loads(row[0]) if isinstance(row[0], str) else row[0]
    return nodes(plan[0]["Plan"])


def _assert_reads_by_index(plan: Sequence[Mapping[str, Any]]) -> None:
    for node in plan:
        kind, relation = node["Node Type"], node.get("Relation Name")
        assert kind != "Seq Scan" or relation == "accounts", "accounts are empty here"
        assert kind not in {"Hash Join", "Merge Join", "Materialize", "BitmapAnd", "BitmapOr"}, node
        assert not kind.startswith("Gather"), "a page is read before a further process has started"
        if kind == "Bitmap Index Scan":
            assert node["Index Name"] in TERMS, node
        if kind in {"Index Scan", "Index Only Scan"}:
            assert "Index Cond" in node, ("the whole index is read", node)


def _search_arguments(q: str, tier: Tier) -> dict[str, Any]:
    return matching._arguments(USER, parse(q), tier, "facebook") | {
        "newest": 3,
        "oldest": 0,
        "before": 9_000,
        "limit": 20,
        "after_at": at(0),
        "after_id": "0" * 16,
        "scanned": 5_000,
        "platform": "facebook",
    }


@pytest.mark.parametrize("tier", ["whole", "prefix"])
@pytest.mark.parametrize("q", ["hello", 'hello "a phrase" b'])
async def test_searches_use_the_term_indexes(large: Database, q: str, tier: Tier) -> None:
    for statement in (matching._MESSAGES, matching._PEOPLE, matching._NEWEST_PEOPLE):
        plan = await _plan(large, statement, **_search_arguments(q, tier))
        _assert_reads_by_index(plan)
        indexes = {node["Index Name"] for node in plan if "Index Name" in node}
        assert indexes & TERMS or statement is matching._NEWEST_PEOPLE
    plan = await _plan(large, matching._MESSAGES, **_search_arguments(q, tier))
    assert plan[0]["Node Type"] == "Limit"
    assert plan[1]["Node Type"] == "Nested Loop", "bucket by bucket, and no further than it has to go"


async def test_lists_and_read_marks_use_indexes(large: Database) -> None:
    key: dict[str, Any] = {"user_id": USER, "conversation_id": "0" * 16}
    rest: dict[str, Any] = {
        "after_at": at(0),
        "after_id": "0" * 16,
        "platform": "facebook",
        "limit": 50,
        "upto": 5,
        "read_seq": 1,
        "unread": 3,
        "ids": [1, 2],
        "conversation_ids": ["0" * 16],
    }
    statements = [
        *(
            lists.conversations_statement(of_platform=platform, unread_only=unread, continues=continues)
            for platform in (False, True)
            for unread in (False, True)
            for continues in (False, True)
        ),
        lists._CONVERSATION,
        read_marks._CONVERSATION,
        read_marks._UNREAD,
        matching._LOAD_MESSAGES,
        matching._LOAD_PEOPLE,
        matching._PROGRESS,
    ]
    for statement in statements:
        _assert_reads_by_index(await _plan(large, statement, **key, **rest))
    for continues in (False, True):
        page = lists.messages_statement(continues=continues)
        _assert_reads_by_index(await _plan(large, page, **key, **rest | {"after_id": 1, "after_message": "m"}))
    users: dict[str, Any] = {"user_ids": [USER], "afters": [1], "uptos": [9], "per_range": 9, "per_user": 9}
    records = {"kind": "comment", "after_platform": "facebook", "after_page": "page-1", "after_kind": "comment"}
    for of_kind in (False, True):
        for of_platform in (False, True):
            for continues in (False, True):
                kept = lists.records_statement(of_kind=of_kind, of_platform=of_platform, continues=continues)
                _assert_reads_by_index(await _plan(large, kept, **key, **rest, **records))
    for of_user in (False, True):
        for continues in (False, True):
            connected = lists._accounts_statement(of_user=of_user, continues=continues)
            plan = await _plan(large, connected, **key, **rest, **records)
            assert "Seq Scan" not in {node["Node Type"] for node in plan}
            assert "Sort" not in {node["Node Type"] for node in plan}
    _assert_reads_by_index(await _plan(large, lists._EXISTS, **key))
    _assert_reads_by_index(await _plan(large, event_log._TOPS, user_ids=[USER]))
    for statement in (event_log._FRAMES, indexing._CHANGED, indexing._MESSAGES_AFTER):
        _assert_reads_by_index(await _plan(large, statement, **users))
    for statement in (indexing._MESSAGES, indexing._PEOPLE):
        _assert_reads_by_index(await _plan(large, statement, **users, **rest))


class _Counting(Connection):
    """Counts its statements."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection._driver)
        self.statements = 0

    async def execute(self, statement: Statement, arguments: Mapping[str, object] = MappingProxyType({})) -> list[Any]:
        self.statements += 1
        return await super().execute(statement, arguments)

    async def scalar(self, statement: Statement, arguments: Mapping[str, object] = MappingProxyType({})) -> Any:
        self.statements += 1
        return await super().scalar(statement, arguments)


class _CountingDatabase(Database):
    """Counts the statements of its connections."""

    statements = 0

    async def epoch(self) -> str:
        """Skip the epoch query, which runs once per ten seconds, not per request."""
        return "epoch"

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with super().transaction() as connection:
            counting = _Counting(connection)
            yield counting
            self.statements += counting.statements

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        async with super().reading() as connection:
            counting = _Counting(connection)
            yield counting
            self.statements += counting.statements


async def test_the_number_of_statements_does_not_depend_on_the_response_size(
    large: Database, database_url: str
) -> None:
    """Covers every documented read endpoint for users, first and later pages."""
    counting = _CountingDatabase(database_url, pool_size=2, command_timeout_seconds=10)
    public, _ = apps_on(counting)
    [newest] = await _newest_conversation(large)
    known = {"conversation_id": newest.conversation_id, "q": "a"}
    token, _ = mint(SecretStr(JWT_SECRET), USER, now=now(), ttl=timedelta(minutes=5))
    transport = httpx.ASGITransport(app=public)
    asked = 0
    async with httpx.AsyncClient(
        transport=transport, base_url="http://store", headers={"Authorization": f"Bearer {token}"}
    ) as client:

        async def ask(url: str, **parameters: Any) -> tuple[int, httpx.Response]:
            before = counting.statements
            answer = await client.get(url, params=parameters or None)
            assert answer.status_code == 200, answer.text
            return counting.statements - before, answer

        for path, said in public.openapi()["paths"].items():
            operation = said.get("get", {})
            if not any("userToken" in scheme for scheme in operation.get("security", [])) or "erasure_id" in path:
                continue
            required = {p["name"]: known[p["name"]] for p in operation["parameters"] if p.get("required")}
            url = path.format(**known)
            query: dict[str, Any] = {name: value for name, value in required.items() if f"{{{name}}}" not in path}
            query |= {"after": Inbox(MESSAGES, CONVERSATIONS).floor_seq} if path == "/api/events" else {}
            short, first = await ask(url, **query, limit=1)
            long, whole = await ask(url, **query, limit=100)
            if path == "/api/search":  # reads a bounded number of buckets
                assert max(short, long) <= 12, (short, long)
            else:
                assert short == long <= 3, (path, short, long)
            assert len(whole.json()) > 1, path
            if "next" in first.links:
                assert (await ask(first.links["next"]["url"]))[0] <= 12
            asked += 1
    await counting.close()
    assert asked >= 6


async def _newest_conversation(database: Database) -> list[Conversation]:
    async with database.reading() as connection:
        return await lists.conversations(connection, USER, platform=None, unread_only=False, after=None, limit=1)


async def test_the_number_of_statements_does_not_depend_on_the_page_size(large: Database) -> None:
    async with large.transaction() as transaction:
        found: list[Conversation] = []
        for limit in (1, 50, 200):
            counting = _Counting(transaction)
            found = await lists.conversations(counting, USER, platform=None, unread_only=False, after=None, limit=limit)
            assert (len(found), counting.statements) == (limit, 1)
            assert all(conversation.last_message is not None for conversation in found)
        position = ConversationPosition(found[-1].last_message_at or at(0), found[-1].conversation_id)
        further = await lists.conversations(
            transaction, USER, platform=None, unread_only=False, after=position, limit=50
        )
        assert further[0].conversation_id not in {conversation.conversation_id for conversation in found}
        for limit in (1, 20, 100):
            counting = _Counting(transaction)
            page = SearchPage(counting, USER, "a", platform=None, only=None, limit=limit)
            await page.fill(None)
            assert len(page.hits) == limit
            assert counting.statements <= 12


async def test_pages_of_messages_are_complete_and_in_order(large: Database) -> None:
    async with large.reading() as connection:
        [newest] = await lists.conversations(connection, USER, platform=None, unread_only=False, after=None, limit=1)
        seen: list[tuple[Any, str, int]] = []
        after = None
        while found := await lists.messages(connection, USER, newest.conversation_id, after=after, limit=3):
            seen += [(message.created_at, message.message_id, message.id) for message in found]
            after = MessagePosition(*seen[-1])
    assert seen == sorted(set(seen), reverse=True)
