"""Updates the search index from the event log, asynchronously to the handlers."""

import asyncio
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from shared.contracts.inbox import Attachment
from store.core.search.documents import message_key, message_text, person_text, search_document, user_key
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

_CHARACTERS_PER_TURN = 2_000
"""After tokenizing this many, other tasks run: about ten milliseconds for the slowest script."""
_attachments = msgspec.json.Decoder(tuple[Attachment, ...])

_BEHIND = Statement("""
    SELECT w.user_id, p.user_id IS NULL OR p.indexed_seq < w.last_seq OR p.rebuilt_id IS NOT NULL
    FROM (SELECT user_id, last_seq FROM inboxes WHERE user_id > :after ORDER BY user_id LIMIT CAST(:limit AS bigint)) w
    LEFT JOIN search_positions p ON p.user_id = w.user_id
    ORDER BY w.user_id
""")
_CREATE = Statement("""
    INSERT INTO search_positions (user_id)
    SELECT i.user_id FROM inboxes i WHERE i.user_id = ANY(CAST(:user_ids AS text[])) ORDER BY i.user_id
    ON CONFLICT DO NOTHING
""")
_CLAIM = Statement("""
    SELECT p.user_id, p.indexed_seq, p.rebuilt_id, i.last_seq, i.floor_seq
    FROM search_positions p JOIN inboxes i ON i.user_id = p.user_id
    WHERE p.user_id = ANY(CAST(:user_ids AS text[])) AND (p.indexed_seq < i.last_seq OR p.rebuilt_id IS NOT NULL)
    ORDER BY p.user_id LIMIT CAST(:limit AS bigint)
    FOR UPDATE OF p SKIP LOCKED
""")
_STILL_BEHIND = Statement("""
    SELECT p.user_id FROM search_positions p JOIN inboxes i ON i.user_id = p.user_id
    WHERE p.user_id = ANY(CAST(:user_ids AS text[])) AND (p.indexed_seq < i.last_seq OR p.rebuilt_id IS NOT NULL)
""")
_CHANGED = Statement("""
    SELECT k.user_id, l.seq, l.message_id, l.conversation_id
    FROM unnest(CAST(:user_ids AS text[]), CAST(:afters AS bigint[]), CAST(:uptos AS bigint[]))
         AS k(user_id, after, upto)
    CROSS JOIN LATERAL (
        SELECT seq, message_id, conversation_id FROM inbox_log
        WHERE user_id = k.user_id AND seq > k.after AND seq <= k.upto
        ORDER BY seq LIMIT CAST(:per_user AS bigint)
    ) l
""")
_MESSAGES_AFTER = Statement("""
    SELECT k.user_id, m.id, m.conversation_id
    FROM unnest(CAST(:user_ids AS text[]), CAST(:afters AS bigint[])) AS k(user_id, after)
    CROSS JOIN LATERAL (
        SELECT id, conversation_id FROM messages WHERE user_id = k.user_id AND id > k.after
        ORDER BY id LIMIT CAST(:per_user AS bigint)
    ) m
""")
_MESSAGES = Statement("""
    SELECT m.user_id, m.id, m.platform, m.content, m.attachments::text, m.deleted_at IS NOT NULL, s.terms
    FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS bigint[])) AS k(user_id, id)
    JOIN messages m ON m.user_id = k.user_id AND m.id = k.id
    LEFT JOIN message_search s ON s.user_id = k.user_id AND s.id = k.id
""")
_PEOPLE = Statement("""
    SELECT c.user_id, c.conversation_id, c.platform, c.participant_name, c.participant_username, c.participant_id,
           c.aliases, s.terms
    FROM unnest(CAST(:user_ids AS text[]), CAST(:conversation_ids AS text[])) AS k(user_id, conversation_id)
    JOIN conversations c ON c.user_id = k.user_id AND c.conversation_id = k.conversation_id
    LEFT JOIN person_search s ON s.user_id = k.user_id AND s.conversation_id = k.conversation_id
""")
_WRITE = Statement("""
    WITH messages_kept AS (
        INSERT INTO message_search (user_id, id, key, terms)
        SELECT * FROM unnest(CAST(:m_user_ids AS text[]), CAST(:m_ids AS bigint[]), CAST(:m_keys AS text[]),
                             CAST(:m_terms AS text[]))
        ON CONFLICT (user_id, id) DO UPDATE SET terms = EXCLUDED.terms
    ), messages_gone AS (
        DELETE FROM message_search s
        USING unnest(CAST(:g_user_ids AS text[]), CAST(:g_ids AS bigint[])) AS k(user_id, id)
        WHERE s.user_id = k.user_id AND s.id = k.id
    ), people_kept AS (
        INSERT INTO person_search (user_id, conversation_id, key, terms)
        SELECT * FROM unnest(CAST(:p_user_ids AS text[]), CAST(:p_ids AS text[]), CAST(:p_keys AS text[]),
                             CAST(:p_terms AS text[]))
        ON CONFLICT (user_id, conversation_id) DO UPDATE SET terms = EXCLUDED.terms
    )
    UPDATE search_positions p SET indexed_seq = n.indexed_seq, rebuilt_id = n.rebuilt_id
    FROM unnest(CAST(:user_ids AS text[]), CAST(:seqs AS bigint[]), CAST(:rebuilt_ids AS bigint[]))
         AS n(user_id, indexed_seq, rebuilt_id)
    WHERE p.user_id = n.user_id
""")


class IndexPosition(NamedTuple):
    """How far a user's inbox is indexed: up to `indexed_seq`, once a rebuild has read all messages.

    `rebuilt_id` is the last message that the rebuild has read; None: no rebuild is running.
    """

    user_id: str
    indexed_seq: int
    rebuilt_id: int | None


class IndexResult(NamedTuple):
    """What one round of indexing did."""

    messages: int
    """Messages that were written to the index or deleted from it."""
    behind: list[str]
    """Users with more to index."""


async def find_behind(database: Database, *, after: str, limit: int) -> tuple[list[str], str | None]:
    """Check up to `limit` users with IDs after `after`.

    Returns:
        Those whose index is behind, and the ID to continue after; None at the end.
    """
    async with database.reading() as connection:
        rows = await connection.execute(_BEHIND, {"after": after, "limit": limit})
    following = rows[-1]["user_id"] if len(rows) == limit else None
    return [user_id for user_id, is_behind in rows if is_behind], following


async def index_changes(database: Database, user_ids: Iterable[str], *, per_user: int, user_limit: int) -> IndexResult:
    """Index the next changes of users, in one transaction; users whom another process is indexing stay behind.

    Args:
        database: where the inboxes and the index are.
        user_ids: the users.
        per_user: maximum number of changes per user.
        user_limit: maximum number of users.
    """
    ordered = sorted(user_ids)
    async with database.transaction() as transaction:
        await transaction.execute(_CREATE, {"user_ids": ordered})
        rows = await transaction.execute(_CLAIM, {"user_ids": ordered, "limit": user_limit})
        claimed = {row["user_id"] for row in rows}
        skipped = [user_id for user_id in ordered if user_id not in claimed]
        late = await transaction.execute(_STILL_BEHIND, {"user_ids": skipped}) if skipped else []
        left = [row["user_id"] for row in late]
        if not rows:
            return IndexResult(0, left)
        following, rebuilding, tops = [], [], {}
        for user_id, indexed_seq, rebuilt_id, last_seq, floor_seq in rows:
            tops[user_id] = last_seq
            if rebuilt_id is None and indexed_seq >= floor_seq:
                following.append(IndexPosition(user_id, indexed_seq, None))
            elif rebuilt_id is None or indexed_seq < floor_seq:
                # Changes since then were pruned from the log: rebuild from all messages, then follow the log from here.
                rebuilding.append(IndexPosition(user_id, last_seq, 0))
            else:
                rebuilding.append(IndexPosition(user_id, indexed_seq, rebuilt_id))
        touched = _Touched()
        positions = [
            *await _follow(transaction, following, tops, touched, per_user=per_user),
            *await _rebuild(transaction, rebuilding, touched, per_user=per_user),
        ]
        written = await _write(transaction, positions, touched)
    left += [p.user_id for p in positions if p.rebuilt_id is not None or p.indexed_seq < tops[p.user_id]]
    return IndexResult(written, left)


class _Touched:
    """The messages and conversations that changes refer to."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, int], None] = {}
        self.conversations: dict[tuple[str, str], None] = {}

    def add(self, user_id: str, message_id: int | None, conversation_id: str | None) -> None:
        if message_id is not None:
            self.messages[user_id, message_id] = None
        if conversation_id is not None:
            self.conversations[user_id, conversation_id] = None


async def _follow(
    transaction: Connection,
    positions: Sequence[IndexPosition],
    tops: dict[str, int],
    touched: _Touched,
    *,
    per_user: int,
) -> list[IndexPosition]:
    if not positions:
        return []
    reached = {position.user_id: position.indexed_seq for position in positions}
    rows = await transaction.execute(
        _CHANGED,
        {
            "user_ids": list(reached),
            "afters": list(reached.values()),
            "uptos": [tops[user_id] for user_id in reached],
            "per_user": per_user,
        },
    )
    for user_id, seq, message_id, conversation_id in sorted(rows, key=itemgetter("user_id", "seq")):
        if seq == reached[user_id] + 1:  # otherwise the log was pruned meanwhile: the next round rebuilds the index
            touched.add(user_id, message_id, conversation_id)
            reached[user_id] = seq
    return [IndexPosition(user_id, seq, None) for user_id, seq in reached.items()]


async def _rebuild(
    transaction: Connection, positions: Sequence[IndexPosition], touched: _Touched, *, per_user: int
) -> list[IndexPosition]:
    if not positions:
        return []
    reached: dict[str, list[int]] = {position.user_id: [] for position in positions}
    rows = await transaction.execute(
        _MESSAGES_AFTER,
        {"user_ids": list(reached), "afters": [p.rebuilt_id for p in positions], "per_user": per_user},
    )
    for user_id, message_id, conversation_id in rows:
        touched.add(user_id, message_id, conversation_id)
        reached[user_id].append(message_id)
    return [
        IndexPosition(p.user_id, p.indexed_seq, ids[-1] if len(ids := reached[p.user_id]) == per_user else None)
        for p in positions
    ]


async def _write(transaction: Connection, positions: Sequence[IndexPosition], touched: _Touched) -> int:
    indexed, deleted = await _messages(transaction, list(touched.messages))
    people = await _people(transaction, list(touched.conversations))
    await transaction.execute(
        _WRITE,
        {
            "m_user_ids": [user_id for user_id, _, _ in indexed],
            "m_ids": [message_id for _, message_id, _ in indexed],
            "m_keys": [message_key(user_id, message_id) for user_id, message_id, _ in indexed],
            "m_terms": [terms for _, _, terms in indexed],
            "g_user_ids": [user_id for user_id, _ in deleted],
            "g_ids": [message_id for _, message_id in deleted],
            "p_user_ids": [user_id for user_id, _, _ in people],
            "p_ids": [conversation_id for _, conversation_id, _ in people],
            "p_keys": [user_key(user_id) for user_id, _, _ in people],
            "p_terms": [terms for _, _, terms in people],
            "user_ids": [position.user_id for position in positions],
            "seqs": [position.indexed_seq for position in positions],
            "rebuilt_ids": [position.rebuilt_id for position in positions],
        },
    )
    return len(indexed) + len(deleted)


async def _messages(
    transaction: Connection, keys: Sequence[tuple[str, int]]
) -> tuple[list[tuple[str, int, str]], list[tuple[str, int]]]:
    """Return (user_id, message_id, terms) of messages to index, and (user_id, message_id) of messages to delete."""
    indexed, deleted = [], []
    characters = 0
    for row in await _by_key(transaction, _MESSAGES, keys, "ids"):
        user_id, message_id, platform, content, attachments, is_unsent, known = row
        titles = () if attachments == "[]" else [found.title for found in _attachments.decode(attachments)]
        text = "" if is_unsent else message_text(content, titles)
        characters += len(text)
        if characters > _CHARACTERS_PER_TURN:
            characters = 0
            await asyncio.sleep(0)
        terms = search_document(platform, text) if text else None
        if terms is None and known is not None:
            deleted.append((user_id, message_id))
        elif terms is not None and terms != known:
            indexed.append((user_id, message_id, terms))
    return indexed, deleted


async def _people(transaction: Connection, keys: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    found = []
    for row in await _by_key(transaction, _PEOPLE, keys, "conversation_ids"):
        user_id, conversation_id, platform, name, username, participant_id, aliases, known = row
        terms = search_document(platform, person_text(name, username, participant_id, aliases))
        if terms != known:
            found.append((user_id, conversation_id, terms))
    return found


async def _by_key(
    transaction: Connection, statement: Statement, keys: Sequence[tuple[str, Any]], name: str
) -> list[Any]:
    if not keys:
        return []
    return await transaction.execute(
        statement, {"user_ids": [user_id for user_id, _ in keys], name: [other for _, other in keys]}
    )
