"""Search: terms of messages and participants. The store indexes existing inboxes in the background.

The statements are frozen: `store.tables` changes later, this migration does not. It only adds, so that the previous
version keeps working while this one starts.
"""

from alembic import op

revision = "0004_search"
down_revision = "0003_ledger"
branch_labels = None
depends_on = None

_TABLES = ("search_positions", "message_search", "person_search")
_STATEMENTS = (
    """
    CREATE TABLE search_positions (
        user_id TEXT COLLATE "C" NOT NULL,
        indexed_seq BIGINT DEFAULT 0 NOT NULL,
        rebuilt_id BIGINT,
        CONSTRAINT search_positions_pkey PRIMARY KEY (user_id)
    )
    """,
    """
    COMMENT ON TABLE search_positions
        IS 'Up to which change the search knows a user''s inbox.'
    """,
    """
    COMMENT ON COLUMN search_positions.rebuilt_id
        IS 'While messages are read anew: the last one read; else NULL.'
    """,
    """
    CREATE TABLE message_search (
        user_id TEXT COLLATE "C" NOT NULL,
        id BIGINT NOT NULL,
        key TEXT COLLATE "C" NOT NULL,
        terms TEXT COLLATE "C" NOT NULL,
        CONSTRAINT message_search_pkey PRIMARY KEY (user_id, id)
    )
    """,
    """
    CREATE INDEX message_search_terms_idx ON message_search
        USING gin (array_to_tsvector(string_to_array(key || replace(terms, ' ', ' ' || key), ' ')))
        WITH (fastupdate = off)
    """,
    """
    COMMENT ON TABLE message_search
        IS 'What messages say, as terms.'
    """,
    """
    COMMENT ON COLUMN message_search.id
        IS 'messages.id'
    """,
    """
    COMMENT ON COLUMN message_search.terms
        IS '@platform, then the terms in order.'
    """,
    """
    CREATE TABLE person_search (
        user_id TEXT COLLATE "C" NOT NULL,
        conversation_id TEXT COLLATE "C" NOT NULL,
        key TEXT COLLATE "C" NOT NULL,
        terms TEXT COLLATE "C" NOT NULL,
        CONSTRAINT person_search_pkey PRIMARY KEY (user_id, conversation_id)
    )
    """,
    """
    CREATE INDEX person_search_terms_idx ON person_search
        USING gin (array_to_tsvector(string_to_array(key || replace(terms, ' ', ' ' || key), ' ')))
        WITH (fastupdate = off)
    """,
    """
    COMMENT ON TABLE person_search
        IS 'How people are called, as terms.'
    """,
    """
    COMMENT ON COLUMN person_search.terms
        IS '@platform, then the terms in order.'
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
