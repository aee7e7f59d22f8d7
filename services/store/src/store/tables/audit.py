"""The audit log: who did what and when, each record chained to the one before by its hash."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, SmallInteger, Table, text

from store.tables.columns import id_column, metadata, text_column, time_column

audit_log = Table(
    "audit_log",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="1, 2, 3, … without holes."),
    time_column("at"),
    id_column("actor_kind"),
    id_column("actor"),
    id_column("action"),
    id_column("target"),
    id_column("user_id", nullable=True),
    text_column("details", nullable=False),
    Column("hash", LargeBinary, nullable=False),
    CheckConstraint("octet_length(details) <= 16384", name="details_size"),
    Index(None, "at", "number"),
    Index(None, "user_id", "number"),
    Index(None, "actor", "number"),
    Index(None, "action", "number"),
    comment="Append-only. Triggers number and chain each row, and refuse changes; store.core.audit defines the hash.",
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("one", SmallInteger, CheckConstraint("one = 1", name="one_row"), primary_key=True, server_default=text("1")),
    Column("number", BigInteger, nullable=False, server_default=text("0")),
    Column("hash", LargeBinary, nullable=False),
    Column("pruned_number", BigInteger, nullable=False, server_default=text("0")),
    Column("pruned_hash", LargeBinary, nullable=False),
    comment="One row: the last record of the audit log, and the last one that retention has deleted (the checkpoint).",
)

agent_reads = Table(
    "agent_reads",
    metadata,
    id_column("user_id", primary_key=True),
    Column("marks", BigInteger, nullable=False),
    time_column("since"),
    comment="Read marks that were moved and are not in the audit log yet; a job moves them.",
)
