"""The ledger: the manifests of webhooks and the outcomes of items. Indexes by which old rows are found and deleted.

The statements are frozen: `store.tables` changes later, this migration does not. It only adds, so that the previous
version keeps working while this one starts.
"""

from alembic import op

revision = "0003_ledger"
down_revision = "0002_every_event"
branch_labels = None
depends_on = None

_TABLES = ("webhooks", "item_outcomes")
_STATEMENTS = (
    """
    CREATE TABLE webhooks (
        webhook_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        items INTEGER NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        open_since TIMESTAMP WITH TIME ZONE,
        is_parked BOOLEAN DEFAULT false NOT NULL,
        CONSTRAINT webhooks_pkey PRIMARY KEY (webhook_id, platform, page_id)
    )
    """,
    """
    CREATE INDEX webhooks_received_at_idx ON webhooks (received_at)
    """,
    """
    CREATE INDEX webhooks_open_idx ON webhooks (open_since) WHERE open_since IS NOT NULL
    """,
    """
    COMMENT ON TABLE webhooks
        IS 'How many items of a webhook belong to a page; an empty page_id is that of items which name none.'
    """,
    """
    COMMENT ON COLUMN webhooks.open_since
        IS 'Since when items of it may be missing; NULL once all were found.'
    """,
    """
    COMMENT ON COLUMN webhooks.is_parked
        IS 'Parked whole: what is missing of it is parked with it.'
    """,
    """
    CREATE TABLE item_outcomes (
        webhook_id TEXT COLLATE "C" NOT NULL,
        item_index INTEGER NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        outcome TEXT COLLATE "C" NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT item_outcomes_pkey PRIMARY KEY (webhook_id, item_index)
    )
    """,
    """
    CREATE INDEX item_outcomes_at_idx ON item_outcomes (at)
    """,
    """
    COMMENT ON TABLE item_outcomes
        IS 'Where an item of a webhook has ended, or is for now.'
    """,
    """
    ALTER TABLE parked_items
        ADD COLUMN webhook_id TEXT COLLATE "C",
        ADD COLUMN item_index INTEGER,
        ADD COLUMN platform TEXT COLLATE "C",
        ADD COLUMN page_id TEXT COLLATE "C"
    """,
    """
    COMMENT ON COLUMN parked_items.webhook_id
        IS 'Of the item, where it is one of a webhook.'
    """,
    """
    COMMENT ON COLUMN parked_items.item_index
        IS 'NULL: not an item, or the whole webhook.'
    """,
    """
    CREATE INDEX waiting_annotations_updated_at_idx ON waiting_annotations (updated_at)
    """,
    """
    CREATE INDEX raw_items_received_at_idx ON raw_items (received_at)
    """,
    """
    CREATE INDEX records_received_at_idx ON records (received_at)
    """,
    """
    CREATE INDEX token_mints_minted_at_idx ON token_mints (minted_at)
    """,
)
_INDEXES = (
    "token_mints_minted_at_idx",
    "records_received_at_idx",
    "raw_items_received_at_idx",
    "waiting_annotations_updated_at_idx",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for index in _INDEXES:
        op.execute(f"DROP INDEX {index}")
    op.execute(
        "ALTER TABLE parked_items DROP COLUMN page_id, DROP COLUMN platform, DROP COLUMN item_index,"
        " DROP COLUMN webhook_id"
    )
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
