"""What all tables share: the one `metadata`, and how a column of each sort looks."""

from typing import NamedTuple

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, MetaData, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

_ARRAY_TYPES = {JSONB: "text", BigInteger: "bigint", DateTime: "timestamptz", LargeBinary: "bytea", Text: "text"}

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def id_column(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    """Return a column of ids or of our own words: it sorts by code point, as they do in `store.core`."""
    return Column(name, Text(collation="C"), primary_key=primary_key, nullable=nullable)


def time_column(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[object]:
    """Return a column of moments."""
    return Column(name, DateTime(timezone=True), primary_key=primary_key, nullable=nullable)


def text_column(name: str, *, nullable: bool = True) -> Column[str]:
    """Return a column of what people and platforms write."""
    return Column(name, Text, nullable=nullable)


def count_column(name: str, *, default: int = 0) -> Column[int]:
    """Return a column of numbers that start somewhere."""
    return Column(name, BigInteger, nullable=False, server_default=text(str(default)))


class ColumnInfo(NamedTuple):
    """What a statement needs to know about a column whose values it gets as an array."""

    name: str
    array_type: str
    """Type of the elements; JSON is sent as text."""
    is_json: bool
    is_nullable: bool


def column_infos(table: Table) -> tuple[ColumnInfo, ...]:
    """Return the table's columns, in order."""
    return tuple(
        ColumnInfo(
            column.name,
            _ARRAY_TYPES[type(column.type)],
            is_json=isinstance(column.type, JSONB),
            is_nullable=bool(column.nullable),
        )
        for column in table.columns
    )
