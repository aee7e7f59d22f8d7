"""What is kept beside the inbox: records, items of no known type, what was given up, what waits."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text, text

from store.tables.columns import id_column, metadata, text_column, time_column

records = Table(
    "records",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("platform", primary_key=True),
    id_column("page_id", primary_key=True),
    id_column("kind", primary_key=True),
    id_column("record_id", primary_key=True),
    id_column("participant_id", nullable=True),
    id_column("actor_id", nullable=True),
    text_column("text"),
    Column("body", Text, nullable=False, comment="JSON as it came; text, because jsonb refuses some of it."),
    time_column("occurred_at"),
    time_column("received_at"),
    Index(
        "records_newest_idx",
        "user_id",
        text("occurred_at DESC"),
        text("record_id DESC"),
        text("platform DESC"),
        text("page_id DESC"),
        text("kind DESC"),
    ),
    Index(None, "received_at"),
    comment="Comments, opt-ins, hand-overs and the like: what is no part of a thread.",
)

raw_items = Table(
    "raw_items",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("event_id", primary_key=True),
    id_column("platform"),
    id_column("page_id"),
    id_column("participant_id", nullable=True),
    id_column("label"),
    Column("body", Text, nullable=False, comment="JSON as it came; text, because jsonb refuses some of it."),
    time_column("occurred_at"),
    time_column("received_at"),
    Index(None, "received_at"),
    comment="Items that no type is known for.",
)

parked_items = Table(
    "parked_items",
    metadata,
    id_column("id", primary_key=True),
    id_column("handler"),
    text_column("reason", nullable=False),
    Column("attempts", Integer, nullable=False),
    id_column("event_type"),
    id_column("content_type"),
    Column("original", LargeBinary, nullable=False),
    time_column("occurred_at"),
    time_column("received_at"),
    time_column("parked_at"),
    time_column("replayed_at", nullable=True),
    Column("webhook_id", Text(collation="C"), comment="Of the item, where it is one of a webhook."),
    Column("item_index", Integer, comment="NULL: not an item, or the whole webhook."),
    id_column("platform", nullable=True),
    id_column("page_id", nullable=True),
    Index(None, "parked_at", "id"),
    comment="Events that were given up, whole, for a person to look at and to replay.",
)

waiting_webhooks = Table(
    "waiting_webhooks",
    metadata,
    id_column("id", primary_key=True),
    id_column("platform"),
    id_column("page_id"),
    id_column("webhook_id"),
    Column("item_index", Integer, nullable=False),
    id_column("channel"),
    Column("entry", LargeBinary, nullable=False),
    time_column("occurred_at"),
    time_column("received_at"),
    id_column("traceparent"),
    time_column("arrived_at"),
    Column("release_version", BigInteger, comment="Set once the page has an owner: to be published and deleted."),
    time_column("leased_until", nullable=True),
    Index(None, "platform", "page_id", "received_at"),
    Index(None, "arrived_at"),
    Index("waiting_webhooks_released_idx", "received_at", postgresql_where=text("release_version IS NOT NULL")),
    comment="Items of pages that nobody has connected, until somebody does.",
)

profile_lookups = Table(
    "profile_lookups",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("platform", primary_key=True),
    id_column("participant_id", primary_key=True),
    id_column("page_id"),
    time_column("due_at"),
    time_column("leased_until", nullable=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Index(None, "due_at"),
    comment="Profiles to be fetched later.",
)
