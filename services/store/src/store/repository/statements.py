"""Statements with named parameters, on asyncpg itself.

SQLAlchemy keeps the pool and the schema. Its execution layer costs some 100 µs a statement and builds the description
of every result anew, which is a third of the time that a batch of one message takes; so statements go past it.
"""

import re
from collections.abc import Mapping
from typing import Any

import asyncpg

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_NO_ARGUMENTS: Mapping[str, object] = {}


class Statement:
    """SQL with `:name` parameters. Constant text only: values travel as arguments, never inside it."""

    __slots__ = ("_names", "sql")

    def __init__(self, sql: str) -> None:
        names: dict[str, int] = {}
        self.sql = _PARAMETER.sub(lambda found: f"${names.setdefault(found[1], len(names) + 1)}", sql)
        self._names = tuple(names)

    def positional(self, arguments: Mapping[str, object]) -> list[object]:
        """Return the arguments in the order of their first use."""
        return [arguments[name] for name in self._names]


class Connection:
    """A connection for as long as its context lasts.

    Args:
        driver: asyncpg's own.
    """

    __slots__ = ("_driver",)

    def __init__(self, driver: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._driver = driver

    async def execute(
        self, statement: Statement, arguments: Mapping[str, object] = _NO_ARGUMENTS
    ) -> list[asyncpg.Record]:
        """Run a statement and return its rows."""
        return await self._driver.fetch(statement.sql, *statement.positional(arguments))

    async def scalar(self, statement: Statement, arguments: Mapping[str, object] = _NO_ARGUMENTS) -> Any:
        """Run a statement and return the first column of its first row; None when there is none."""
        return await self._driver.fetchval(statement.sql, *statement.positional(arguments))

    async def count(self, statement: Statement, arguments: Mapping[str, object] = _NO_ARGUMENTS) -> int:
        """Run an INSERT, UPDATE or DELETE and return how many rows it touched."""
        # The command tag ends with the number of rows (PostgreSQL documentation, "Message Formats").
        tag = await self._driver.execute(statement.sql, *statement.positional(arguments))
        return int(tag.rsplit(" ", 1)[-1])
