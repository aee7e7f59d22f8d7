"""Erasures of people.

The statements are frozen: `store.tables` changes later, this migration does not. It only adds, so that the previous
version keeps working while this one starts; the new columns are nullable, which rewrites no table.
"""

from alembic import op

revision = "0010_erasures"
down_revision = "0009_revoked_tokens"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    ALTER TABLE inboxes ADD COLUMN erased_until TIMESTAMP WITH TIME ZONE
    """,
    """
    COMMENT ON COLUMN inboxes.erased_until
        IS 'Until when erased people of this user are remembered; NULL: none.'
    """,
    """
    ALTER TABLE waiting_annotations ADD COLUMN participant_id TEXT COLLATE "C"
    """,
    """
    CREATE TABLE erasures (
        id TEXT COLLATE "C" NOT NULL,
        user_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        participant_ids JSONB,
        top_seq BIGINT NOT NULL,
        step TEXT COLLATE "C" NOT NULL,
        position TEXT COLLATE "C" DEFAULT '' NOT NULL,
        messages BIGINT DEFAULT 0 NOT NULL,
        others BIGINT DEFAULT 0 NOT NULL,
        requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT erasures_pkey PRIMARY KEY (id, user_id)
    )
    """,
    """
    CREATE INDEX erasures_open_idx ON erasures (requested_at) WHERE finished_at IS NULL
    """,
    """
    COMMENT ON TABLE erasures
        IS 'Erasures of people, one row a user: how far each is. Done, it names nobody.'
    """,
    """
    COMMENT ON COLUMN erasures.user_id
        IS 'Empty: what belongs to no user.'
    """,
    """
    COMMENT ON COLUMN erasures.participant_ids
        IS 'NULL once the erasure is done.'
    """,
    """
    COMMENT ON COLUMN erasures.top_seq
        IS 'Changes up to here are erased; later ones are new.'
    """,
    """
    CREATE TABLE erased_identities (
        user_id TEXT COLLATE "C" NOT NULL,
        digest BYTEA NOT NULL,
        erased_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT erased_identities_pkey PRIMARY KEY (user_id, digest)
    )
    """,
    """
    CREATE INDEX erased_identities_erased_at_idx ON erased_identities (erased_at)
    """,
    """
    COMMENT ON TABLE erased_identities
        IS 'HMACs of erased people and messages, by which late deliveries are recognized.'
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE erased_identities")
    op.execute("DROP TABLE erasures")
    op.execute("ALTER TABLE waiting_annotations DROP COLUMN participant_id")
    op.execute("ALTER TABLE inboxes DROP COLUMN erased_until")
