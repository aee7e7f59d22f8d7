"""What agents read since the last record of it in the audit log.

The statements are frozen: `store.tables` changes later, this migration does not. It only adds.
"""

from alembic import op

revision = "0008_agent_reads"
down_revision = "0007_unsent_digests"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE agent_reads (
        user_id TEXT COLLATE "C" NOT NULL,
        marks BIGINT NOT NULL,
        since TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT agent_reads_pkey PRIMARY KEY (user_id)
    )
    """,
    "COMMENT ON TABLE agent_reads IS 'Read marks that were moved and are not in the audit log yet; a job moves them.'",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE agent_reads")
