"""Who is being erased, and a keyed memory of who was."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from store.tables.columns import count_column, id_column, metadata, time_column

erasures = Table(
    "erasures",
    metadata,
    id_column("id", primary_key=True),
    Column("user_id", id_column("user_id").type, primary_key=True, comment="Empty: what belongs to no user."),
    id_column("platform"),
    Column("participant_ids", JSONB, comment="NULL once the erasure is done."),
    Column("top_seq", BigInteger, nullable=False, comment="Changes up to here are erased; later ones are new."),
    id_column("step"),
    Column("position", id_column("position").type, nullable=False, server_default=text("''")),
    count_column("messages"),
    count_column("others"),
    time_column("requested_at"),
    time_column("finished_at", nullable=True),
    Index("erasures_open_idx", "requested_at", postgresql_where=text("finished_at IS NULL")),
    comment="Erasures of people, one row a user: how far each is. Done, it names nobody.",
)

erased_identities = Table(
    "erased_identities",
    metadata,
    id_column("user_id", primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    time_column("erased_at"),
    Index(None, "erased_at"),
    comment="HMACs of erased people and messages, by which late deliveries are recognized.",
)
