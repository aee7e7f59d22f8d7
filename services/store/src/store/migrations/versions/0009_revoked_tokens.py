"""Users' tokens that are no longer accepted.

The statements are frozen: `store.tables` changes later, this migration does not. It only adds.
"""

from alembic import op

revision = "0009_revoked_tokens"
down_revision = "0008_agent_reads"
branch_labels = None
depends_on = None

_TABLE = (
    """
    CREATE TABLE revoked_tokens (
        user_id TEXT COLLATE "C" NOT NULL,
        token_id TEXT COLLATE "C" NOT NULL,
        not_before TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        revoked_by TEXT COLLATE "C" NOT NULL,
        CONSTRAINT revoked_tokens_pkey PRIMARY KEY (user_id, token_id)
    )
    """,
    "CREATE INDEX revoked_tokens_expires_at_idx ON revoked_tokens (expires_at)",
    """
    COMMENT ON TABLE revoked_tokens IS 'Users'' tokens that are no longer accepted. '
        'An empty token_id: all that were issued before not_before.'
    """,
)


def upgrade() -> None:
    for statement in _TABLE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE revoked_tokens")
