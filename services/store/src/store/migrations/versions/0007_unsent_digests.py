"""Drops the hashes of what unsent messages said: whoever guesses a short text could find it by its hash.

It only changes rows of unsent messages. The store computes what is left of a digest when it loads such a row.
"""

from alembic import op

revision = "0007_unsent_digests"
down_revision = "0006_audit_log"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE messages SET digest = NULL, annotations = annotations - 'edit' WHERE deleted_at IS NOT NULL")
    op.execute(
        "UPDATE waiting_annotations SET annotations = annotations - 'edit'"
        " WHERE jsonb_exists(annotations, 'deleted_at')"
    )


def downgrade() -> None:
    """Nothing to restore: the older version computes a missing digest as well."""
