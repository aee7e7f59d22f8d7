"""By which terms messages and people are found; filled behind the handlers, from the rows as they are."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Table, Text, text

from store.tables.columns import count_column, id_column, metadata

KEYED_TERMS = "array_to_tsvector(string_to_array(key || replace(terms, ' ', ' ' || key), ' '))"
"""What is indexed: every term behind the key of its row, so that one user's terms of one time stand together."""

# No list of pending entries: every search would read all of it, once for each key that it asks for.
_GIN: dict[str, Any] = {"postgresql_using": "gin", "postgresql_with": {"fastupdate": "off"}}

search_positions = Table(
    "search_positions",
    metadata,
    id_column("user_id", primary_key=True),
    count_column("indexed_seq"),
    Column("rebuilt_id", BigInteger, comment="While messages are read anew: the last one read; else NULL."),
    comment="Up to which change the search knows a user's inbox.",
)

message_search = Table(
    "message_search",
    metadata,
    id_column("user_id", primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="messages.id"),
    id_column("key"),
    Column("terms", Text(collation="C"), nullable=False, comment="@platform, then the terms in order."),
    Index("message_search_terms_idx", text(KEYED_TERMS), **_GIN),
    comment="What messages say, as terms.",
)

person_search = Table(
    "person_search",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("conversation_id", primary_key=True),
    id_column("key"),
    Column("terms", Text(collation="C"), nullable=False, comment="@platform, then the terms in order."),
    Index("person_search_terms_idx", text(KEYED_TERMS), **_GIN),
    comment="How people are called, as terms.",
)
