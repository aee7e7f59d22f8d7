"""Every list, page and search of a large inbox is fast over HTTP, on the real store and Postgres."""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import pytest

from bench.large_inbox.filling import USER, Inbox, fill
from bench.large_inbox.reading import Reader
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement
from tests.integration.store.parts import Service, apps_on, as_user

pytestmark = pytest.mark.postgres

SMALL = Inbox(messages=20_000, conversations=1_000)
LARGE = Inbox(
    messages=int(os.environ.get("SWITCHBOARD_SOAK_INBOX_MESSAGES", "1000000")),
    conversations=int(os.environ.get("SWITCHBOARD_SOAK_INBOX_CONVERSATIONS", "50000")),
)
REQUESTS = 6
"""How often each request is made."""
_LIST_STATEMENTS = 3
_SEARCH_STATEMENTS = 12
_BLOCKS = 10
"""Per list entry and per statement: paths down a few B-trees. Reading a whole list takes more."""
_SEARCH_BLOCKS = 2_000
"""Per search response, which reads rows until enough match or its limit is reached."""


class _Measuring(Connection):
    """Counts statements and the blocks they read, from cache or disk."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection._driver)
        self.statements = self.blocks = 0

    async def execute(self, statement: Statement, arguments: Mapping[str, object] = MappingProxyType({})) -> list[Any]:
        await self._measure(statement, arguments)
        return await super().execute(statement, arguments)

    async def scalar(self, statement: Statement, arguments: Mapping[str, object] = MappingProxyType({})) -> Any:
        await self._measure(statement, arguments)
        return await super().scalar(statement, arguments)

    async def _measure(self, statement: Statement, arguments: Mapping[str, object]) -> None:
        self.statements += 1
        if statement.sql.split(maxsplit=1)[0] not in {"SELECT", "WITH"}:
            return
        explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement.sql}"
        told = await self._driver.fetchval(explain, *statement.positional(arguments))
        [plan] = json.loads(told) if isinstance(told, str) else told
        self.blocks += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]


class _MeasuringDatabase(Database):
    statements = 0
    blocks = 0

    async def epoch(self) -> str:
        """Skip the epoch query, which runs once per ten seconds, not per request."""
        return "epoch"

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with super().transaction() as connection:
            yield (measuring := _Measuring(connection))
            self._add(measuring)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        async with super().reading() as connection:
            yield (measuring := _Measuring(connection))
            self._add(measuring)

    def _add(self, measuring: _Measuring) -> None:
        self.statements += measuring.statements
        self.blocks += measuring.blocks


class _Cost(NamedTuple):
    """The cost of all responses of one kind."""

    found: int
    statements: int
    blocks: int

    def is_allowed(self, *, is_search: bool) -> bool:
        answers = REQUESTS + 1  # requests for later pages read the first page too
        if is_search:
            return self.statements <= answers * _SEARCH_STATEMENTS and self.blocks <= answers * _SEARCH_BLOCKS
        return self.statements <= answers * _LIST_STATEMENTS and self.blocks <= _BLOCKS * (self.found + self.statements)


async def _costs(url: str, inbox: Inbox) -> dict[str, _Cost]:
    measuring = _MeasuringDatabase(url, pool_size=2, command_timeout_seconds=10)
    public, _ = apps_on(measuring)
    costs = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=public), base_url="http://store") as client:
        for name, ask, _ in Reader(client, as_user(USER), inbox).kinds():
            statements, blocks = measuring.statements, measuring.blocks
            found = sum([await ask() for _ in range(REQUESTS)])
            costs[name] = _Cost(found, measuring.statements - statements, measuring.blocks - blocks)
    await measuring.close()
    return costs


async def test_the_cost_of_a_response_depends_on_its_size_not_on_the_inbox(database_url: str) -> None:
    await fill(database_url, SMALL)
    costs = await _costs(database_url, SMALL)
    for name, cost in costs.items():
        print(name, cost)  # noqa: T201 - shown with `-s` and on failure

    assert {
        name: cost for name, cost in costs.items() if not cost.is_allowed(is_search=name.startswith("search"))
    } == {}
    found = {name: cost.found for name, cost in costs.items()}
    assert found["search: a word that is nowhere"] == found["search: a phrase that is nowhere"] == 0
    assert found["search: one frequent word"] == found["search: people by what all share"] == REQUESTS * 20
    assert found["conversations of all platforms: later pages"] == REQUESTS * 50
    assert found["conversations of instagram"] == REQUESTS * 3
    assert found["events"] == REQUESTS * 50
    assert found["search: a word that is there once"] == REQUESTS


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_a_million_messages_are_read_in_time(service: Service, database_url: str) -> None:
    await fill(database_url, LARGE)
    timings = await Reader(service.public, service.as_user(USER), LARGE).timings(runs=100)
    print(*timings, sep="\n")  # noqa: T201 - shown with `-s` and on failure

    assert [str(timing) for timing in timings if timing.p95_seconds > timing.allowed_seconds] == []
