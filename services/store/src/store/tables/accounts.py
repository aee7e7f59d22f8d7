"""Who owns which page, who was given a token, and what the data is called."""

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, SmallInteger, Table, text
from sqlalchemy.dialects.postgresql import UUID

from store.tables.columns import id_column, metadata, text_column, time_column

store_identity = Table(
    "store_identity",
    metadata,
    Column("one", SmallInteger, CheckConstraint("one = 1", name="one_row"), primary_key=True, server_default=text("1")),
    Column("id", UUID, nullable=False, server_default=text("gen_random_uuid()")),
    comment="One row. Part of the epoch, by which clients notice that the data is another.",
)

accounts = Table(
    "accounts",
    metadata,
    id_column("platform", primary_key=True),
    id_column("page_id", primary_key=True),
    Column("owned_from", DateTime(timezone=True), primary_key=True, comment="Inclusive."),
    Column("owned_until", DateTime(timezone=True), comment="Exclusive; NULL while it lasts."),
    id_column("user_id"),
    Column("version", BigInteger, nullable=False, comment="The page's greatest one is its version."),
    text_column("name"),
    text_column("token_ciphertext"),
    id_column("status"),
    text_column("reason"),
    time_column("connected_at"),
    Index("accounts_one_owner_idx", "platform", "page_id", unique=True, postgresql_where=text("owned_until IS NULL")),
    Index(None, "user_id", "platform", "page_id"),
    comment="Who owned which page when.",
)

token_mints = Table(
    "token_mints",
    metadata,
    Column("id", UUID, primary_key=True, server_default=text("gen_random_uuid()")),
    id_column("user_id"),
    time_column("minted_at"),
    time_column("expires_at"),
    id_column("minted_by"),
    Index(None, "user_id", "minted_at"),
    Index(None, "minted_at"),
    comment="Audit: every token that was minted. minted_by names the admin token (in older rows: its fingerprint).",
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("token_id", primary_key=True),
    time_column("not_before"),
    time_column("expires_at"),
    id_column("revoked_by"),
    Index(None, "expires_at"),
    comment="Users' tokens that are no longer accepted. An empty token_id: all that were issued before not_before.",
)
