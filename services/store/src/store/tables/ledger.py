"""The ledger: what came in, and where each item of it is."""

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, Table, false, text

from store.tables.columns import id_column, metadata, time_column

webhooks = Table(
    "webhooks",
    metadata,
    id_column("webhook_id", primary_key=True),
    id_column("platform", primary_key=True),
    id_column("page_id", primary_key=True),
    Column("items", Integer, nullable=False),
    time_column("received_at"),
    Column(
        "open_since",
        DateTime(timezone=True),
        comment="Since when items of it may be missing; NULL once all were found.",
    ),
    Column(
        "is_parked",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="Parked whole: what is missing of it is parked with it.",
    ),
    Index(None, "received_at"),
    Index("webhooks_open_idx", "open_since", postgresql_where=text("open_since IS NOT NULL")),
    comment="How many items of a webhook belong to a page; an empty page_id is that of items which name none.",
)

item_outcomes = Table(
    "item_outcomes",
    metadata,
    id_column("webhook_id", primary_key=True),
    Column("item_index", Integer, primary_key=True, autoincrement=False),
    id_column("platform"),
    id_column("page_id"),
    id_column("outcome"),
    id_column("kind"),
    time_column("at"),
    Index(None, "at"),
    comment="Where an item of a webhook has ended, or is for now.",
)
