"""The schema: its only owner. Migrations in `store.migrations` bring a database to it; a test holds the two together.

Tables of users' data are keyed by `user_id` first, so that they can be distributed by it. Ids sort by code point
(collation "C"), as they do in `store.core`. Times are `timestamptz`. There are no foreign keys: every writer holds the
lock on the user's row in `inboxes`, and nothing is deleted apart from its references.
"""

from store.tables.accounts import accounts, revoked_tokens, store_identity, token_mints
from store.tables.audit import agent_reads, audit_head, audit_log
from store.tables.columns import metadata
from store.tables.erasures import erased_identities, erasures
from store.tables.facts import participant_links, receipts, waiting_annotations
from store.tables.inbox import conversations, inbox_log, inboxes, messages, waiting_profiles
from store.tables.ledger import item_outcomes, webhooks
from store.tables.records import parked_items, profile_lookups, raw_items, records, waiting_webhooks
from store.tables.search import message_search, person_search, search_positions

__all__ = [
    "accounts",
    "agent_reads",
    "audit_head",
    "audit_log",
    "conversations",
    "erased_identities",
    "erasures",
    "inbox_log",
    "inboxes",
    "item_outcomes",
    "message_search",
    "messages",
    "metadata",
    "parked_items",
    "participant_links",
    "person_search",
    "profile_lookups",
    "raw_items",
    "receipts",
    "records",
    "revoked_tokens",
    "search_positions",
    "store_identity",
    "token_mints",
    "waiting_annotations",
    "waiting_profiles",
    "waiting_webhooks",
    "webhooks",
]
