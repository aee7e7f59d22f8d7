"""Indexes for lists of one platform's conversations, which stay fast if the user has few of them.

The statements are frozen: `store.tables` changes later, this migration does not. It only adds, and does not block
writers: it runs outside a transaction, one index at a time. If it is interrupted, run it again and it continues.
"""

from alembic import op
from sqlalchemy import text

revision = "0005_platform_lists"
down_revision = "0004_search"
branch_labels = None
depends_on = None

_INDEXES = {
    "conversations_platform_idx": """
        CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_platform_idx
            ON conversations (user_id, platform, last_message_at DESC, conversation_id DESC)
    """,
    "conversations_platform_unread_idx": """
        CREATE INDEX CONCURRENTLY IF NOT EXISTS conversations_platform_unread_idx
            ON conversations (user_id, platform, last_message_at DESC, conversation_id DESC) WHERE unread_count > 0
    """,
}
_IS_INVALID = text("SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        lock_timeout = connection.scalar(text("SHOW lock_timeout"))
        # Building waits for older transactions, possibly for minutes, but no other query waits for it.
        op.execute("SET lock_timeout = 0")
        for name, create in _INDEXES.items():
            if connection.scalar(_IS_INVALID, {"name": name}):
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(create)
        op.execute(f"SET lock_timeout = '{lock_timeout}'")


def downgrade() -> None:
    op.execute("DROP INDEX conversations_platform_unread_idx")
    op.execute("DROP INDEX conversations_platform_idx")
