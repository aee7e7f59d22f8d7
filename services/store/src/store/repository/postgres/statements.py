"""SQL statements with named parameters, on asyncpg.

SQLAlchemy defines the schema and runs the migrations. Its execution layer costs some 100 µs per statement, a third of
the time of a batch of one message, because it describes every result anew; so no statement of the services uses it.
"""

import re
from collections.abc import Mapping
from typing import Any

import asyncpg

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_NO_ARGUMENTS: Mapping[str, object] = {}


class Statement:
    """SQL with `:name` parameters. The text is a constant: values travel as arguments, never inside it."""

    __slots__ = ("_names", "sql")

    def __init__(self, sql: str) -> None:
        names: dict[str, int] = {}
        self.sql = _PARAMETER.sub(lambda found: f"${names.setdefault(found[1], len(names) + 1)}", sql)
        self._names = tuple(names)

    def positional(self, arguments: Mapping[str, object]) -> list[object]:
        """Return the arguments in the order in which the statement first uses them.

        Raises:
            KeyError: one of the statement's arguments is missing.
        """
        return [arguments[name] for name in self._names]


class Connection:
    """A connection that is lent for as long as its context lasts.

    Args:
        driver: asyncpg's connection.
    """

    __slots__ = ("_driver",)

    def __init__(self, driver: asyncpg.Connection) -> None:
        self._driver = driver

    async def execute(
        self, statement: Statement, arguments: Mapping[str, object] = _NO_ARGUMENTS
    ) -> list[asyncpg.Record]:
        """Run a statement and return its rows."""
        return await self._driver.fetch(statement.sql, *statement.positional(arguments))

    async def scalar(self, statement: Statement, arguments: Mapping[str, object] = _NO_ARGUMENTS) -> Any:
        """Run a statement and return the first column of its first row, or None if it returns no row."""
        return await self._driver.fetchval(statement.sql, *statement.positional(arguments))

    async def count(self, statement: Statement, arguments: Mapping[str, object] = _NO_ARGUMENTS) -> int:
        """Run an INSERT, UPDATE or DELETE and return how many rows it touched."""
        # The command tag ends with the number of rows (PostgreSQL documentation, "Message Formats").
        tag = await self._driver.execute(statement.sql, *statement.positional(arguments))
        return int(tag.rsplit(" ", 1)[-1])
