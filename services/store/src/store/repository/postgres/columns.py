"""The columns that a SELECT takes from several tables, and its rows cut up again."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

import asyncpg

Values: TypeAlias = dict[str, Any]
"""Values of one table's columns, by name."""


class Columns:
    """Columns of one table.

    Args:
        names: the first column is never NULL in a row that exists.
        json: the columns that hold JSON. They are read as text, whatever codecs the connection has.
        make: makes what `Selection.read` returns for this table, from the columns' values in order; without it, a
            dictionary by name.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        json: Collection[str] = (),
        make: Callable[[tuple[Any, ...]], Any] | None = None,
    ) -> None:
        self.names = tuple(names)
        self.json = frozenset(json)
        self.make = make or self._by_name

    def _by_name(self, values: tuple[Any, ...]) -> Values:
        return dict(zip(self.names, values, strict=True))

    def selected(self, alias: str) -> str:
        """Return the columns for a SELECT from the table as `alias`."""
        return ", ".join(f"{alias}.{name}::text" if name in self.json else f"{alias}.{name}" for name in self.names)


class Selection:
    """The columns of several tables in one SELECT list.

    Two tables may have columns of the same name, so rows are cut up by position: here, and nowhere else.

    Args:
        tables: the columns of each table, by its alias in the statement.
    """

    def __init__(self, **tables: Columns) -> None:
        self.sql = ", ".join(columns.selected(alias) for alias, columns in tables.items())
        self._parts: list[tuple[Callable[[tuple[Any, ...]], Any], int, int]] = []
        start = 0
        for columns in tables.values():
            end = start + len(columns.names)
            self._parts.append((columns.make, start, end))
            start = end

    def read(self, row: asyncpg.Record) -> list[Any]:
        """Return what `Columns.make` makes for each table, in order; None where an outer join found no row."""
        return [None if row[start] is None else make(row[start:end]) for make, start, end in self._parts]
