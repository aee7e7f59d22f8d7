"""Finds messages and people by their terms, and loads them in their current state.

Messages are searched bucket by bucket, newest first, so that the number of matches does not matter, only the limit.
"""

from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

import asyncpg

from shared.contracts import Platform
from shared.contracts.inbox import Conversation, Message
from store.core.cursors import ConversationPosition
from store.core.search.documents import BUCKET_NUMBERS, bucket_of, platform_term, user_key
from store.core.search.query import KEY_PLACEHOLDER, Query, Tier
from store.repository.inbox.rendering import ACCOUNT_NAME, CONVERSATION, MESSAGE, conversation_with, message_of
from store.repository.postgres.columns import Selection
from store.repository.postgres.statements import Connection, Statement
from store.tables.search import KEYED_TERMS

_TIME_BUDGET_SECONDS = 0.02
"""After this time, a search stops before the next round of buckets and returns where to continue."""
_BUCKETS_AT_FIRST = 4
_GROWTH = 4
_MAX_PEOPLE_SORTED = 400
"""Up to this many people are found by their terms and sorted; if more match, the newest conversations are scanned."""
_CONVERSATIONS_SCANNED = 5_000

# A GIN index can only be read by a bitmap scan, which the store's connections otherwise do without.
_ALLOW_BITMAPS = Statement("SELECT set_config('enable_bitmapscan', 'on', true)")
_PROGRESS = Statement("""
    SELECT i.last_seq, CASE WHEN p.rebuilt_id IS NULL THEN coalesce(p.indexed_seq, 0) ELSE 0 END AS indexed_seq
    FROM inboxes i LEFT JOIN search_positions p ON p.user_id = i.user_id WHERE i.user_id = :user_id
""")
_CONTAINS_NEEDLES = """
    NOT EXISTS (SELECT FROM unnest(CAST(:needles AS text[])) n WHERE strpos(' ' || s.terms || ' ', n) = 0)
    AND (cardinality(CAST(:unless AS text[])) = 0
         OR EXISTS (SELECT FROM unnest(CAST(:unless AS text[])) n WHERE strpos(' ' || s.terms || ' ', n) = 0))
"""
# The concatenation and the addition keep the planner from finding rows by user or ID instead of by terms.
_MESSAGES = Statement(f"""
    SELECT m.id FROM generate_series(CAST(:newest AS int), CAST(:oldest AS int), -1) AS b
    CROSS JOIN LATERAL (
        SELECT s.id FROM message_search s
        WHERE {KEYED_TERMS} @@ CAST(
                  replace(:condition, '{KEY_PLACEHOLDER}', :user_key || lpad(to_hex(b), 6, '0')) AS tsquery)
          AND s.user_id || '' = :user_id AND s.id + 0 < :before AND {_CONTAINS_NEEDLES}
        ORDER BY s.id DESC
    ) m LIMIT CAST(:limit AS bigint)
""")  # noqa: S608 - constants of our own
_PEOPLE = Statement(f"""
    SELECT c.last_message_at, c.conversation_id
    FROM (
        SELECT s.user_id, s.conversation_id FROM person_search s
        WHERE {KEYED_TERMS} @@ CAST(replace(:condition, '{KEY_PLACEHOLDER}', :user_key) AS tsquery)
          AND s.user_id || '' = :user_id AND {_CONTAINS_NEEDLES}
        LIMIT CAST(:limit AS bigint)
    ) p
    JOIN conversations c ON c.user_id = p.user_id AND c.conversation_id = p.conversation_id
""")  # noqa: S608 - constants of our own
_NEWEST_PEOPLE = Statement(f"""
    SELECT c.last_message_at, c.conversation_id
    FROM (
        SELECT user_id, conversation_id, last_message_at, platform FROM conversations
        WHERE user_id = :user_id AND (last_message_at, conversation_id) < (:after_at, :after_id)
        ORDER BY last_message_at DESC, conversation_id DESC LIMIT CAST(:scanned AS bigint)
    ) c
    JOIN person_search s ON s.user_id = c.user_id AND s.conversation_id = c.conversation_id
    WHERE (CAST(:platform AS text) IS NULL OR c.platform = :platform) AND {_CONTAINS_NEEDLES}
    ORDER BY c.last_message_at DESC, c.conversation_id DESC LIMIT CAST(:limit AS bigint)
""")  # noqa: S608 - constants of our own
_ACCOUNT_NAMES = """
    LEFT JOIN LATERAL (
        SELECT own.page_id, own.name FROM accounts own
        WHERE own.user_id = {alias}.user_id AND own.platform = {alias}.platform AND own.page_id = {alias}.page_id
          AND {alias}.direction = 'outgoing'
        ORDER BY own.owned_from DESC LIMIT 1
    ) {name} ON true
"""
_WHOLE_MESSAGE = Selection(m=MESSAGE, a=ACCOUNT_NAME, c=CONVERSATION, lm=MESSAGE, la=ACCOUNT_NAME)
_LOAD_MESSAGES = Statement(f"""
    SELECT {_WHOLE_MESSAGE.sql}
    FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS k(id, place)
    JOIN messages m ON m.user_id = :user_id AND m.id = k.id AND m.deleted_at IS NULL
    JOIN conversations c ON c.user_id = m.user_id AND c.conversation_id = m.conversation_id
    LEFT JOIN messages lm ON lm.user_id = c.user_id AND lm.id = c.last_message_id
    {_ACCOUNT_NAMES.format(alias="m", name="a")}
    {_ACCOUNT_NAMES.format(alias="lm", name="la")}
    ORDER BY k.place
""")  # noqa: S608 - constants of our own
_WHOLE_PERSON = Selection(c=CONVERSATION, lm=MESSAGE, la=ACCOUNT_NAME)
_LOAD_PEOPLE = Statement(f"""
    SELECT {_WHOLE_PERSON.sql}
    FROM unnest(CAST(:conversation_ids AS text[])) WITH ORDINALITY AS k(conversation_id, place)
    JOIN conversations c ON c.user_id = :user_id AND c.conversation_id = k.conversation_id
    LEFT JOIN messages lm ON lm.user_id = c.user_id AND lm.id = c.last_message_id
    {_ACCOUNT_NAMES.format(alias="lm", name="la")}
    ORDER BY k.place
""")  # noqa: S608 - constants of our own


class IndexProgress(NamedTuple):
    """Where a user's log ends, and up to where it is indexed."""

    last_seq: int
    indexed_seq: int


class FoundMessages(NamedTuple):
    """IDs of messages, newest first, and the ID below which the search continues; None: at the end."""

    ids: list[int]
    before: int | None


async def begin(transaction: Connection, user_id: str) -> IndexProgress:
    """Prepare the transaction for searching, and return how far the user's inbox is indexed."""
    await transaction.execute(_ALLOW_BITMAPS)
    rows = await transaction.execute(_PROGRESS, {"user_id": user_id})
    return IndexProgress(**rows[0]) if rows else IndexProgress(0, 0)


async def find_messages(
    transaction: Connection,
    user_id: str,
    query: Query,
    tier: Tier,
    *,
    platform: Platform | None,
    before: int,
    limit: int,
) -> FoundMessages:
    """Return matching messages with IDs below `before`, newest first.

    Usually `limit` of them, if there are that many; fewer if few match and the time budget is spent.
    """
    started = monotonic()
    arguments = _arguments(user_id, query, tier, platform) | {"before": before}
    bucket, round_size, walked = bucket_of(before - 1) if before > 0 else -1, _BUCKETS_AT_FIRST, 0
    ids: list[int] = []
    while bucket >= 0:
        oldest = max(0, bucket - round_size + 1)
        rows = await transaction.execute(
            _MESSAGES, arguments | {"newest": bucket, "oldest": oldest, "limit": limit - len(ids)}
        )
        ids += sorted((row["id"] for row in rows), reverse=True)
        if len(ids) >= limit:
            return FoundMessages(ids, ids[-1])
        walked += bucket - oldest + 1
        bucket, spent = oldest - 1, monotonic() - started
        if bucket >= 0 and spent > _TIME_BUDGET_SECONDS:
            return FoundMessages(ids, oldest * BUCKET_NUMBERS)
        affordable = int(walked * (_TIME_BUDGET_SECONDS - spent) / spent) if spent else walked * _GROWTH
        round_size = max(_BUCKETS_AT_FIRST, min(walked * _GROWTH, affordable))
    return FoundMessages(ids, None)


async def find_people(
    transaction: Connection,
    user_id: str,
    query: Query,
    tier: Tier,
    *,
    platform: Platform | None,
    after: ConversationPosition,
    limit: int,
) -> list[ConversationPosition]:
    """Return the positions of up to `limit` conversations with matching people after `after`, newest first."""
    arguments = _arguments(user_id, query, tier, platform)
    rows = await transaction.execute(_PEOPLE, arguments | {"limit": _MAX_PEOPLE_SORTED})
    if len(rows) < _MAX_PEOPLE_SORTED:
        start = (after.last_message_at, after.conversation_id)
        newest = sorted((found for row in rows if (found := tuple(row)) < start), reverse=True)
        return [ConversationPosition(*found) for found in newest[:limit]]
    rows = await transaction.execute(
        _NEWEST_PEOPLE,
        arguments
        | {
            "needles": query.needles(tier),
            "platform": platform,
            "after_at": after.last_message_at,
            "after_id": after.conversation_id,
            "scanned": _CONVERSATIONS_SCANNED,
            "limit": limit,
        },
    )
    return [ConversationPosition(**row) for row in rows]


async def load_messages(
    transaction: Connection, user_id: str, ids: Sequence[int]
) -> list[tuple[Message, Conversation]]:
    """Return the messages with these IDs and their conversations, in this order; unsent ones are left out."""
    if not ids:
        return []
    rows = await transaction.execute(_LOAD_MESSAGES, {"user_id": user_id, "ids": list(ids)})
    return [_whole_message(row) for row in rows]


def _whole_message(row: asyncpg.Record) -> tuple[Message, Conversation]:
    found, account, conversation, last_message, last_account = _WHOLE_MESSAGE.read(row)
    message = message_of(found, participant=conversation, account_name=account and account.name)
    return message, conversation_with(conversation, last_message=last_message, account=last_account)


async def load_people(transaction: Connection, user_id: str, conversation_ids: Sequence[str]) -> list[Conversation]:
    """Return the conversations with these IDs, in this order."""
    if not conversation_ids:
        return []
    rows = await transaction.execute(_LOAD_PEOPLE, {"user_id": user_id, "conversation_ids": list(conversation_ids)})
    return [_whole_person(row) for row in rows]


def _whole_person(row: asyncpg.Record) -> Conversation:
    conversation, last_message, account = _WHOLE_PERSON.read(row)
    return conversation_with(conversation, last_message=last_message, account=account)


def _arguments(user_id: str, query: Query, tier: Tier, platform: Platform | None) -> dict[str, object]:
    also = [] if platform is None else [platform_term(platform)]
    return {
        "user_id": user_id,
        "user_key": user_key(user_id),
        "condition": query.condition(tier, also=also),
        "needles": query.phrases(tier),
        "unless": query.needles("whole") if tier == "prefix" else [],
    }
