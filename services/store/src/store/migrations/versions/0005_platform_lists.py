"""Lists of one platform's conversations come from an index of their own, however few of the user's they are.

The statements are frozen: `store.tables` goes on, this step does not. It only adds; conversations wait to be written
while it reads them, a second for some hundred thousand.
"""

from alembic import op

revision = "0005_platform_lists"
down_revision = "0004_search"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE INDEX conversations_platform_idx
        ON conversations (user_id, platform, last_message_at DESC, conversation_id DESC)
    """,
    """
    CREATE INDEX conversations_platform_unread_idx
        ON conversations (user_id, platform, last_message_at DESC, conversation_id DESC) WHERE unread_count > 0
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX conversations_platform_unread_idx")
    op.execute("DROP INDEX conversations_platform_idx")
