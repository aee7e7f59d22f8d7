"""A user's inbox: its counter, conversations, messages and the log of their changes."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB

from store.tables.columns import count_column, id_column, metadata, text_column, time_column

inboxes = Table(
    "inboxes",
    metadata,
    id_column("user_id", primary_key=True),
    count_column("last_seq"),
    count_column("published_seq"),
    count_column("floor_seq"),
    Index("inboxes_unpublished_idx", "user_id", postgresql_where=text("published_seq < last_seq")),
    comment="The counter row of a user: whoever changes the inbox locks it first.",
    postgresql_with={"fillfactor": "50"},
)

conversations = Table(
    "conversations",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("conversation_id", primary_key=True),
    id_column("platform"),
    id_column("participant_id"),
    text_column("participant_name"),
    text_column("participant_username"),
    text_column("participant_profile_pic"),
    time_column("profile_fetched_at", nullable=True),
    Column("last_message_id", BigInteger, nullable=False),
    time_column("last_message_at"),
    count_column("unread_count"),
    count_column("read_seq"),
    Column("last_seq", BigInteger, nullable=False),
    time_column("created_at"),
    Column("aliases", JSONB, nullable=False, server_default=text("'[]'"), comment="As in participant_links."),
    UniqueConstraint("user_id", "platform", "participant_id"),
    Index("conversations_newest_idx", "user_id", text("last_message_at DESC"), text("conversation_id DESC")),
    Index(
        "conversations_unread_idx",
        "user_id",
        text("last_message_at DESC"),
        text("conversation_id DESC"),
        postgresql_where=text("unread_count > 0"),
    ),
    comment="One customer on one platform, of one user.",
    postgresql_with={"fillfactor": "80"},
)

messages = Table(
    "messages",
    metadata,
    id_column("user_id", primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="The seq of the change that created it."),
    Column("seq", BigInteger, nullable=False, comment="The seq of its last change."),
    id_column("platform"),
    id_column("page_id"),
    id_column("kind"),
    id_column("message_id"),
    id_column("conversation_id"),
    id_column("direction"),
    id_column("sender_id"),
    text_column("content"),
    time_column("created_at"),
    id_column("status", nullable=True),
    Column("attachments", JSONB, nullable=False, server_default=text("'[]'")),
    Column("reactions", JSONB, nullable=False, server_default=text("'[]'")),
    Column("reply_to", JSONB),
    time_column("edited_at", nullable=True),
    time_column("deleted_at", nullable=True),
    time_column("delivered_at", nullable=True),
    time_column("read_at", nullable=True),
    id_column("client_ref", nullable=True),
    text_column("error"),
    text_column("payload"),
    Column("referral", JSONB),
    id_column("sent_via", nullable=True),
    Column("digest", LargeBinary, comment="Of the description that counts; NULL: of these columns themselves."),
    Column("annotations", JSONB, comment="What other items said about it; NULL: nothing."),
    UniqueConstraint("user_id", "platform", "page_id", "kind", "message_id", name="messages_natural_key"),
    Index(
        "messages_newest_idx",
        "user_id",
        "conversation_id",
        text("created_at DESC"),
        text("message_id DESC"),
        text("id DESC"),
    ),
    Index(
        "messages_client_ref_idx", "user_id", "client_ref", unique=True, postgresql_where=text("client_ref IS NOT NULL")
    ),
    comment="Every message as it is now.",
)

inbox_log = Table(
    "inbox_log",
    metadata,
    id_column("user_id", primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    id_column("kind"),
    Column("message_id", BigInteger, comment="messages.id"),
    id_column("conversation_id", nullable=True),
    id_column("platform", nullable=True),
    id_column("page_id", nullable=True),
    id_column("cause_id"),
    time_column("occurred_at"),
    time_column("received_at"),
    time_column("at"),
    Index(None, "user_id", "cause_id"),
    Index("inbox_log_at_idx", "at"),
    comment="Every change of every inbox, by reference: frames are rendered from the rows as they are.",
)

waiting_profiles = Table(
    "waiting_profiles",
    metadata,
    id_column("user_id", primary_key=True),
    id_column("platform", primary_key=True),
    id_column("participant_id", primary_key=True),
    text_column("name"),
    text_column("username"),
    text_column("profile_pic"),
    time_column("fetched_at"),
    comment="Profiles that came before the first message of their conversation.",
)
