"""The schema: its only owner. Migrations in `store.migrations` bring a database to it; a test holds the two together.

Tables of users' data are keyed by `user_id` first, so that they can be distributed by it. Ids sort by code point
(collation "C"), as they do in `store.core`. Times are `timestamptz`. There are no foreign keys: every writer holds the
lock on the user's row in `inboxes`, and nothing is deleted apart from its references.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def _id(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(name, Text(collation="C"), primary_key=primary_key, nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = True) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _count(name: str, *, default: int = 0) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text(str(default)))


store_identity = Table(
    "store_identity",
    metadata,
    Column("one", SmallInteger, CheckConstraint("one = 1", name="one_row"), primary_key=True, server_default=text("1")),
    Column("id", UUID, nullable=False, server_default=text("gen_random_uuid()")),
    comment="One row. Part of the epoch, by which clients notice that the data is another.",
)

inboxes = Table(
    "inboxes",
    metadata,
    _id("user_id", primary_key=True),
    _count("last_seq"),
    _count("published_seq"),
    _count("floor_seq"),
    Index("inboxes_unpublished_idx", "user_id", postgresql_where=text("published_seq < last_seq")),
    comment="The counter row of a user: whoever changes the inbox locks it first.",
    postgresql_with={"fillfactor": "50"},
)

conversations = Table(
    "conversations",
    metadata,
    _id("user_id", primary_key=True),
    _id("conversation_id", primary_key=True),
    _id("platform"),
    _id("participant_id"),
    _text("participant_name"),
    _text("participant_username"),
    _text("participant_profile_pic"),
    _at("profile_fetched_at", nullable=True),
    Column("last_message_id", BigInteger, nullable=False),
    _at("last_message_at"),
    _count("unread_count"),
    _count("read_seq"),
    Column("last_seq", BigInteger, nullable=False),
    _at("created_at"),
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
    _id("user_id", primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="The seq of the change that created it."),
    Column("seq", BigInteger, nullable=False, comment="The seq of its last change."),
    _id("platform"),
    _id("page_id"),
    _id("kind"),
    _id("message_id"),
    _id("conversation_id"),
    _id("direction"),
    _id("sender_id"),
    _text("content"),
    _at("created_at"),
    _id("status", nullable=True),
    Column("attachments", JSONB, nullable=False, server_default=text("'[]'")),
    Column("reactions", JSONB, nullable=False, server_default=text("'[]'")),
    Column("reply_to", JSONB),
    _at("edited_at", nullable=True),
    _at("deleted_at", nullable=True),
    _at("delivered_at", nullable=True),
    _at("read_at", nullable=True),
    _id("client_ref", nullable=True),
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
    _id("user_id", primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _id("kind"),
    Column("message_id", BigInteger, comment="messages.id"),
    _id("conversation_id", nullable=True),
    _id("platform", nullable=True),
    _id("page_id", nullable=True),
    _id("cause_id"),
    _at("occurred_at"),
    _at("received_at"),
    _at("at"),
    Index(None, "user_id", "cause_id"),
    Index("inbox_log_at_idx", "at"),
    comment="Every change of every inbox, by reference: frames are rendered from the rows as they are.",
)

waiting_profiles = Table(
    "waiting_profiles",
    metadata,
    _id("user_id", primary_key=True),
    _id("platform", primary_key=True),
    _id("participant_id", primary_key=True),
    _text("name"),
    _text("username"),
    _text("profile_pic"),
    _at("fetched_at"),
    comment="Profiles that came before the first message of their conversation.",
)

raw_items = Table(
    "raw_items",
    metadata,
    _id("user_id", primary_key=True),
    _id("event_id", primary_key=True),
    _id("platform"),
    _id("page_id"),
    _id("participant_id", nullable=True),
    _id("label"),
    Column("body", Text, nullable=False, comment="JSON as it came; text, because jsonb refuses some of it."),
    _at("occurred_at"),
    _at("received_at"),
    comment="Items that no type is known for.",
)

parked_items = Table(
    "parked_items",
    metadata,
    _id("id", primary_key=True),
    _id("handler"),
    _text("reason", nullable=False),
    Column("attempts", Integer, nullable=False),
    _id("event_type"),
    _id("content_type"),
    Column("original", LargeBinary, nullable=False),
    _at("occurred_at"),
    _at("received_at"),
    _at("parked_at"),
    _at("replayed_at", nullable=True),
    Index(None, "parked_at", "id"),
    comment="Events that were given up, whole, for a person to look at and to replay.",
)

waiting_webhooks = Table(
    "waiting_webhooks",
    metadata,
    _id("id", primary_key=True),
    _id("platform"),
    _id("page_id"),
    _id("webhook_id"),
    Column("item_index", Integer, nullable=False),
    _id("channel"),
    Column("entry", LargeBinary, nullable=False),
    _at("occurred_at"),
    _at("received_at"),
    _id("traceparent"),
    _at("arrived_at"),
    Column("release_version", BigInteger, comment="Set once the page has an owner: to be published and deleted."),
    _at("leased_until", nullable=True),
    Index(None, "platform", "page_id", "received_at"),
    Index(None, "arrived_at"),
    Index("waiting_webhooks_released_idx", "received_at", postgresql_where=text("release_version IS NOT NULL")),
    comment="Items of pages that nobody has connected, until somebody does.",
)

profile_lookups = Table(
    "profile_lookups",
    metadata,
    _id("user_id", primary_key=True),
    _id("platform", primary_key=True),
    _id("participant_id", primary_key=True),
    _id("page_id"),
    _at("due_at"),
    _at("leased_until", nullable=True),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Index(None, "due_at"),
    comment="Profiles to be fetched later.",
)

accounts = Table(
    "accounts",
    metadata,
    _id("platform", primary_key=True),
    _id("page_id", primary_key=True),
    Column("owned_from", DateTime(timezone=True), primary_key=True, comment="Inclusive."),
    Column("owned_until", DateTime(timezone=True), comment="Exclusive; NULL while it lasts."),
    _id("user_id"),
    Column("version", BigInteger, nullable=False, comment="The page's greatest one is its version."),
    _text("name"),
    _text("token_ciphertext"),
    _id("status"),
    _text("reason"),
    _at("connected_at"),
    Index("accounts_one_owner_idx", "platform", "page_id", unique=True, postgresql_where=text("owned_until IS NULL")),
    Index(None, "user_id", "platform", "page_id"),
    comment="Who owned which page when.",
)

token_mints = Table(
    "token_mints",
    metadata,
    Column("id", UUID, primary_key=True, server_default=text("gen_random_uuid()")),
    _id("user_id"),
    _at("minted_at"),
    _at("expires_at"),
    _id("minted_by"),
    Index(None, "user_id", "minted_at"),
    comment="Audit: every token that was minted. minted_by is a fingerprint of the admin token.",
)
