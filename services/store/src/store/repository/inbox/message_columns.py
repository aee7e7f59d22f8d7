"""The columns of a message: how they are written to Postgres and read back.

Nothing is listed here. A field of a message is a column of `store.tables.messages` and an attribute of `MessageRow`, or
of its key, with the same name; their types say how its values travel. docs/adr/0019 has the numbers.
"""

from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import asyncpg
import msgspec
from msgspec.structs import replace

from store.core.facts import MessageKey, description_digest, is_complete, without_content
from store.core.rows import Coverage, MessageRow
from store.repository.postgres.columns import Columns
from store.tables import messages
from store.tables.columns import ColumnInfo, column_infos

_PRIMARY_KEY = ("user_id", "id")
_IMMUTABLE = {*MessageKey._fields, *_PRIMARY_KEY, "conversation_id", "direction"}
_FIELDS = {field.name: field for field in msgspec.structs.fields(MessageRow)}
_json = msgspec.json.Encoder()


class _MessageColumn(NamedTuple):
    name: str
    array_type: str
    """Of the array in which its values travel to `unnest`."""
    value: str
    """What is written, as SQL; `{}` stands for the value that has travelled."""
    default: Any = None
    """Of JSON: the value that travels as NULL."""
    decode: Callable[[str], Any] | None = None
    """Of JSON: makes a value of its text."""


def _column_of(column: ColumnInfo) -> _MessageColumn:
    if not column.is_json:
        return _MessageColumn(column.name, column.array_type, "{}")
    field = _FIELDS[column.name]
    value = "{}::jsonb" if column.is_nullable else "coalesce({}::jsonb, '[]')"
    return _MessageColumn(column.name, column.array_type, value, field.default, msgspec.json.Decoder(field.type).decode)


class WrittenColumns:
    """Some columns of `messages`, whose values travel to a statement as one array per column."""

    def __init__(self, columns: Collection[_MessageColumn]) -> None:
        self.columns = tuple(columns)
        self.names = ", ".join(column.name for column in columns)
        paths = [f"key.{column.name}" if column.name in MessageKey._fields else column.name for column in columns]
        self._values_of: Callable[[MessageRow], tuple[Any, ...]] = attrgetter(*paths)

    def unnested(self, alias: str) -> str:
        """Return a FROM item: the rows of `arguments`."""
        arrays = ", ".join(f"CAST(:m_{column.name} AS {column.array_type}[])" for column in self.columns)
        return f"unnest({arrays}) AS {alias}({self.names})"

    def values(self, alias: str) -> str:
        """Return a SELECT list over `unnested(alias)`: what to write into the columns."""
        return ", ".join(column.value.format(f"{alias}.{column.name}") for column in self.columns)

    def assignments(self, alias: str) -> str:
        """Return the SET list of an UPDATE from `unnested(alias)`, which leaves out the primary key."""
        return ", ".join(
            f"{column.name} = {column.value.format(f'{alias}.{column.name}')}"
            for column in self.columns
            if column.name not in _PRIMARY_KEY
        )

    def arguments(self, rows: Sequence[MessageRow]) -> dict[str, Sequence[Any]]:
        """Return the arguments of a statement over `unnested` rows.

        `unnest` fills shorter arrays up with NULL, so a column without any value travels as an empty array.
        """
        arrays = zip(*map(self._values_of, rows), strict=True) if rows else ((),) * len(self.columns)
        return {f"m_{column.name}": _array(column, array) for column, array in zip(self.columns, arrays, strict=True)}


def _array(column: _MessageColumn, values: Sequence[Any]) -> Sequence[Any]:
    # Looking at the first one saves comparing all of those that have a value.
    if not values or (values[0] == column.default and values.count(column.default) == len(values)):
        return ()
    if column.decode is None:
        return values
    return [None if value == column.default else _json.encode(value).decode() for value in values]


_ALL = tuple(map(_column_of, column_infos(messages)))
INSERTED = WrittenColumns(_ALL)
CHANGED = WrittenColumns([column for column in _ALL if column.name in _PRIMARY_KEY or column.name not in _IMMUTABLE])
"""The primary key and whatever may change."""
MESSAGE_ROW = Columns([column.name for column in _ALL], json=[column.name for column in _ALL if column.decode])
"""What `message_row` reads."""
_ATTRIBUTES = tuple(name for name in MESSAGE_ROW.names if name not in MessageKey._fields)
_DECODERS = tuple((column.name, column.decode) for column in _ALL if column.decode is not None)


def message_row(row: asyncpg.Record) -> MessageRow:
    """Return the message in a row with the columns of `MESSAGE_ROW`."""
    found = {name: row[name] for name in _ATTRIBUTES}
    for name, decode in _DECODERS:
        text = found[name]
        if text is None:
            del found[name]
        else:
            found[name] = decode(text)
    found["key"] = MessageKey(*[row[name] for name in MessageKey._fields])
    if found["delivered_at"] is not None:
        found["coverage"] = Coverage(found["delivered_at"], found["read_at"])
    is_unsent = found["deleted_at"] is not None
    if (digest := found["digest"]) is not None and (is_unsent or is_complete(digest)):
        return MessageRow(**found)
    # A row from before this kind of digest was stored. Its columns say what its description said, apart from edits.
    described = MessageRow(**found | {"digest": b""})
    digest = description_digest(described)
    return replace(described, digest=without_content(digest) if is_unsent else digest)
