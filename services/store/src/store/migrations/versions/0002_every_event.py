"""Every kind of event: annotations, receipts, records and linked participants.

The statements are frozen: `store.tables` changes later, this migration does not. It only adds columns, so that the
previous version keeps working while this one starts.
"""

from alembic import op

revision = "0002_every_event"
down_revision = "0001_inbox"
branch_labels = None
depends_on = None

_TABLES = ("waiting_annotations", "receipts", "participant_links", "records")
_STATEMENTS = (
    """
    ALTER TABLE conversations ADD COLUMN aliases JSONB DEFAULT '[]' NOT NULL
    """,
    """
    COMMENT ON COLUMN conversations.aliases
        IS 'As in participant_links.'
    """,
    """
    ALTER TABLE messages
        ADD COLUMN error TEXT,
        ADD COLUMN payload TEXT,
        ADD COLUMN referral JSONB,
        ADD COLUMN sent_via TEXT COLLATE "C",
        ADD COLUMN digest BYTEA,
        ADD COLUMN annotations JSONB
    """,
    """
    COMMENT ON COLUMN messages.digest
        IS 'Of the description that counts; NULL: of these columns themselves.'
    """,
    """
    COMMENT ON COLUMN messages.annotations
        IS 'What other items said about it; NULL: nothing.'
    """,
    """
    CREATE TABLE waiting_annotations (
        user_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        message_id TEXT COLLATE "C" NOT NULL,
        annotations JSONB NOT NULL,
        items TEXT[] NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT waiting_annotations_pkey PRIMARY KEY (user_id, platform, page_id, message_id)
    )
    """,
    """
    COMMENT ON TABLE waiting_annotations
        IS 'Edits, unsends, reactions and receipts that came before their message, joined.'
    """,
    """
    COMMENT ON COLUMN waiting_annotations.items
        IS 'webhook_id:item_index of every fact that is in it.'
    """,
    """
    CREATE TABLE receipts (
        user_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        participant_id TEXT COLLATE "C" NOT NULL,
        status TEXT COLLATE "C" NOT NULL,
        watermark TIMESTAMP WITH TIME ZONE NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT receipts_pkey PRIMARY KEY (user_id, platform, page_id, participant_id, status, watermark)
    )
    """,
    """
    COMMENT ON TABLE receipts
        IS 'Receipts for everything up to a time: of one with a later watermark and no later `at`, only that is kept.'
    """,
    """
    CREATE TABLE participant_links (
        user_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        participant_id TEXT COLLATE "C" NOT NULL,
        alias TEXT COLLATE "C" NOT NULL,
        CONSTRAINT participant_links_pkey PRIMARY KEY (user_id, platform, participant_id, alias)
    )
    """,
    """
    COMMENT ON TABLE participant_links
        IS 'Ids of one customer, each pair in both directions.'
    """,
    """
    CREATE TABLE records (
        user_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        record_id TEXT COLLATE "C" NOT NULL,
        participant_id TEXT COLLATE "C",
        actor_id TEXT COLLATE "C",
        text TEXT,
        body TEXT NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT records_pkey PRIMARY KEY (user_id, platform, page_id, kind, record_id)
    )
    """,
    """
    CREATE INDEX records_newest_idx
        ON records (user_id, occurred_at DESC, record_id DESC, platform DESC, page_id DESC, kind DESC)
    """,
    """
    COMMENT ON TABLE records
        IS 'Comments, opt-ins, hand-overs and the like: what is no part of a thread.'
    """,
    """
    COMMENT ON COLUMN records.body
        IS 'JSON as it came; text, because jsonb refuses some of it.'
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
    op.execute(
        "ALTER TABLE messages DROP COLUMN annotations, DROP COLUMN digest, DROP COLUMN sent_via, DROP COLUMN referral,"
        " DROP COLUMN payload, DROP COLUMN error"
    )
    op.execute("ALTER TABLE conversations DROP COLUMN aliases")
