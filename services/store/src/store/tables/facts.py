"""What was said about messages and customers apart from the messages themselves."""

from sqlalchemy import ARRAY, Column, Index, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from store.tables.columns import id_column, metadata, time_column

waiting_annotations = Table(
    "waiting_annotations",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("platform", primary_key=True),
    id_column("page_id", primary_key=True),
    id_column("message_id", primary_key=True),
    Column("annotations", JSONB, nullable=False),
    Column("items", ARRAY(Text), nullable=False, comment="webhook_id:item_index of every fact that is in it."),
    time_column("updated_at"),
    id_column("participant_id", nullable=True),
    Index(None, "updated_at"),
    comment="Edits, unsends, reactions and receipts that came before their message, joined.",
)

receipts = Table(
    "receipts",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("platform", primary_key=True),
    id_column("page_id", primary_key=True),
    id_column("participant_id", primary_key=True),
    id_column("status", primary_key=True),
    time_column("watermark", primary_key=True),
    time_column("at"),
    comment="Receipts for everything up to a time: of one with a later watermark and no later `at`, only that is kept.",
)

participant_links = Table(
    "participant_links",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("platform", primary_key=True),
    id_column("participant_id", primary_key=True),
    id_column("alias", primary_key=True),
    comment="Ids of one customer, each pair in both directions.",
)
