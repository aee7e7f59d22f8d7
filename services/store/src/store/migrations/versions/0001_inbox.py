"""The inbox: messages, conversations, the event log, accounts, unclaimed and parked items.

The statements are frozen: `store.tables` changes later, this migration does not.
"""

from alembic import op

revision = "0001_inbox"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "store_identity",
    "inboxes",
    "conversations",
    "messages",
    "inbox_log",
    "waiting_profiles",
    "raw_items",
    "parked_items",
    "waiting_webhooks",
    "profile_lookups",
    "accounts",
    "token_mints",
)
_STATEMENTS = (
    """
    CREATE TABLE store_identity (
        one SMALLINT DEFAULT 1 NOT NULL CONSTRAINT store_identity_one_row_check CHECK (one = 1),
        id UUID DEFAULT gen_random_uuid() NOT NULL,
        CONSTRAINT store_identity_pkey PRIMARY KEY (one)
    )
    """,
    """
    COMMENT ON TABLE store_identity
        IS 'One row. Part of the epoch, by which clients notice that the data is another.'
    """,
    """
    CREATE TABLE inboxes (
        user_id TEXT COLLATE "C" NOT NULL,
        last_seq BIGINT DEFAULT 0 NOT NULL,
        published_seq BIGINT DEFAULT 0 NOT NULL,
        floor_seq BIGINT DEFAULT 0 NOT NULL,
        CONSTRAINT inboxes_pkey PRIMARY KEY (user_id)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE INDEX inboxes_unpublished_idx ON inboxes (user_id) WHERE published_seq < last_seq
    """,
    """
    COMMENT ON TABLE inboxes
        IS 'The counter row of a user: whoever changes the inbox locks it first.'
    """,
    """
    CREATE TABLE conversations (
        user_id TEXT COLLATE "C" NOT NULL,
        conversation_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        participant_id TEXT COLLATE "C" NOT NULL,
        participant_name TEXT,
        participant_username TEXT,
        participant_profile_pic TEXT,
        profile_fetched_at TIMESTAMP WITH TIME ZONE,
        last_message_id BIGINT NOT NULL,
        last_message_at TIMESTAMP WITH TIME ZONE NOT NULL,
        unread_count BIGINT DEFAULT 0 NOT NULL,
        read_seq BIGINT DEFAULT 0 NOT NULL,
        last_seq BIGINT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT conversations_pkey PRIMARY KEY (user_id, conversation_id),
        CONSTRAINT conversations_user_id_platform_participant_id_key UNIQUE (user_id, platform, participant_id)
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE INDEX conversations_newest_idx
        ON conversations (user_id, last_message_at DESC, conversation_id DESC)
    """,
    """
    CREATE INDEX conversations_unread_idx
        ON conversations (user_id, last_message_at DESC, conversation_id DESC) WHERE unread_count > 0
    """,
    """
    COMMENT ON TABLE conversations
        IS 'One customer on one platform, of one user.'
    """,
    """
    CREATE TABLE messages (
        user_id TEXT COLLATE "C" NOT NULL,
        id BIGINT NOT NULL,
        seq BIGINT NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        message_id TEXT COLLATE "C" NOT NULL,
        conversation_id TEXT COLLATE "C" NOT NULL,
        direction TEXT COLLATE "C" NOT NULL,
        sender_id TEXT COLLATE "C" NOT NULL,
        content TEXT,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        status TEXT COLLATE "C",
        attachments JSONB DEFAULT '[]' NOT NULL,
        reactions JSONB DEFAULT '[]' NOT NULL,
        reply_to JSONB,
        edited_at TIMESTAMP WITH TIME ZONE,
        deleted_at TIMESTAMP WITH TIME ZONE,
        delivered_at TIMESTAMP WITH TIME ZONE,
        read_at TIMESTAMP WITH TIME ZONE,
        client_ref TEXT COLLATE "C",
        CONSTRAINT messages_pkey PRIMARY KEY (user_id, id),
        CONSTRAINT messages_natural_key UNIQUE (user_id, platform, page_id, kind, message_id)
    )
    """,
    """
    CREATE UNIQUE INDEX messages_client_ref_idx
        ON messages (user_id, client_ref) WHERE client_ref IS NOT NULL
    """,
    """
    CREATE INDEX messages_newest_idx
        ON messages (user_id, conversation_id, created_at DESC, message_id DESC, id DESC)
    """,
    """
    COMMENT ON TABLE messages
        IS 'Every message as it is now.'
    """,
    """
    COMMENT ON COLUMN messages.id
        IS 'The seq of the change that created it.'
    """,
    """
    COMMENT ON COLUMN messages.seq
        IS 'The seq of its last change.'
    """,
    """
    CREATE TABLE inbox_log (
        user_id TEXT COLLATE "C" NOT NULL,
        seq BIGINT NOT NULL,
        kind TEXT COLLATE "C" NOT NULL,
        message_id BIGINT,
        conversation_id TEXT COLLATE "C",
        platform TEXT COLLATE "C",
        page_id TEXT COLLATE "C",
        cause_id TEXT COLLATE "C" NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT inbox_log_pkey PRIMARY KEY (user_id, seq)
    )
    """,
    """
    CREATE INDEX inbox_log_at_idx ON inbox_log (at)
    """,
    """
    CREATE INDEX inbox_log_user_id_cause_id_idx ON inbox_log (user_id, cause_id)
    """,
    """
    COMMENT ON TABLE inbox_log
        IS 'Every change of every inbox, by reference: frames are rendered from the rows as they are.'
    """,
    """
    COMMENT ON COLUMN inbox_log.message_id
        IS 'messages.id'
    """,
    """
    CREATE TABLE waiting_profiles (
        user_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        participant_id TEXT COLLATE "C" NOT NULL,
        name TEXT,
        username TEXT,
        profile_pic TEXT,
        fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT waiting_profiles_pkey PRIMARY KEY (user_id, platform, participant_id)
    )
    """,
    """
    COMMENT ON TABLE waiting_profiles
        IS 'Profiles that came before the first message of their conversation.'
    """,
    """
    CREATE TABLE raw_items (
        user_id TEXT COLLATE "C" NOT NULL,
        event_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        participant_id TEXT COLLATE "C",
        label TEXT COLLATE "C" NOT NULL,
        body TEXT NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT raw_items_pkey PRIMARY KEY (user_id, event_id)
    )
    """,
    """
    COMMENT ON TABLE raw_items
        IS 'Items that no type is known for.'
    """,
    """
    COMMENT ON COLUMN raw_items.body
        IS 'JSON as it came; text, because jsonb refuses some of it.'
    """,
    """
    CREATE TABLE parked_items (
        id TEXT COLLATE "C" NOT NULL,
        handler TEXT COLLATE "C" NOT NULL,
        reason TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        event_type TEXT COLLATE "C" NOT NULL,
        content_type TEXT COLLATE "C" NOT NULL,
        original BYTEA NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        parked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        replayed_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT parked_items_pkey PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX parked_items_parked_at_id_idx ON parked_items (parked_at, id)
    """,
    """
    COMMENT ON TABLE parked_items
        IS 'Events that were given up, whole, for a person to look at and to replay.'
    """,
    """
    CREATE TABLE waiting_webhooks (
        id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        webhook_id TEXT COLLATE "C" NOT NULL,
        item_index INTEGER NOT NULL,
        channel TEXT COLLATE "C" NOT NULL,
        entry BYTEA NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        traceparent TEXT COLLATE "C" NOT NULL,
        arrived_at TIMESTAMP WITH TIME ZONE NOT NULL,
        release_version BIGINT,
        leased_until TIMESTAMP WITH TIME ZONE,
        CONSTRAINT waiting_webhooks_pkey PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX waiting_webhooks_arrived_at_idx ON waiting_webhooks (arrived_at)
    """,
    """
    CREATE INDEX waiting_webhooks_platform_page_id_received_at_idx
        ON waiting_webhooks (platform, page_id, received_at)
    """,
    """
    CREATE INDEX waiting_webhooks_released_idx
        ON waiting_webhooks (received_at) WHERE release_version IS NOT NULL
    """,
    """
    COMMENT ON TABLE waiting_webhooks
        IS 'Items of pages that nobody has connected, until somebody does.'
    """,
    """
    COMMENT ON COLUMN waiting_webhooks.release_version
        IS 'Set once the page has an owner: to be published and deleted.'
    """,
    """
    CREATE TABLE profile_lookups (
        user_id TEXT COLLATE "C" NOT NULL,
        platform TEXT COLLATE "C" NOT NULL,
        participant_id TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        due_at TIMESTAMP WITH TIME ZONE NOT NULL,
        leased_until TIMESTAMP WITH TIME ZONE,
        attempts INTEGER DEFAULT 0 NOT NULL,
        CONSTRAINT profile_lookups_pkey PRIMARY KEY (user_id, platform, participant_id)
    )
    """,
    """
    CREATE INDEX profile_lookups_due_at_idx ON profile_lookups (due_at)
    """,
    """
    COMMENT ON TABLE profile_lookups
        IS 'Profiles to be fetched later.'
    """,
    """
    CREATE TABLE accounts (
        platform TEXT COLLATE "C" NOT NULL,
        page_id TEXT COLLATE "C" NOT NULL,
        owned_from TIMESTAMP WITH TIME ZONE NOT NULL,
        owned_until TIMESTAMP WITH TIME ZONE,
        user_id TEXT COLLATE "C" NOT NULL,
        version BIGINT NOT NULL,
        name TEXT,
        token_ciphertext TEXT,
        status TEXT COLLATE "C" NOT NULL,
        reason TEXT,
        connected_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT accounts_pkey PRIMARY KEY (platform, page_id, owned_from)
    )
    """,
    """
    CREATE UNIQUE INDEX accounts_one_owner_idx ON accounts (platform, page_id) WHERE owned_until IS NULL
    """,
    """
    CREATE INDEX accounts_user_id_platform_page_id_idx ON accounts (user_id, platform, page_id)
    """,
    """
    COMMENT ON TABLE accounts
        IS 'Who owned which page when.'
    """,
    """
    COMMENT ON COLUMN accounts.owned_from
        IS 'Inclusive.'
    """,
    """
    COMMENT ON COLUMN accounts.owned_until
        IS 'Exclusive; NULL while it lasts.'
    """,
    """
    COMMENT ON COLUMN accounts.version
        IS 'The page''s greatest one is its version.'
    """,
    """
    CREATE TABLE token_mints (
        id UUID DEFAULT gen_random_uuid() NOT NULL,
        user_id TEXT COLLATE "C" NOT NULL,
        minted_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        minted_by TEXT COLLATE "C" NOT NULL,
        CONSTRAINT token_mints_pkey PRIMARY KEY (id)
    )
    """,
    """
    CREATE INDEX token_mints_user_id_minted_at_idx ON token_mints (user_id, minted_at)
    """,
    """
    COMMENT ON TABLE token_mints
        IS 'Audit: every token that was minted. minted_by is a fingerprint of the admin token.'
    """,
    "INSERT INTO store_identity DEFAULT VALUES",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
