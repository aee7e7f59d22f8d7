"""Users' event logs: reading frames, recording what was published, and pruning."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from shared.contracts.inbox import FrameKind
from store.core.publish_watermarks import SeqRange
from store.repository.inbox.counters import lock_inboxes
from store.repository.inbox.rendering import (
    ACCOUNT,
    ACCOUNT_NAME,
    CONVERSATION,
    MESSAGE,
    LogRow,
    account_data,
    account_of,
    conversation_data,
    conversation_of,
    conversation_with,
    message_data,
    message_of,
    removed_data,
)
from store.repository.postgres.columns import Columns, Selection
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement


class _Entry(NamedTuple):
    """A row of `inbox_log`, without its references."""

    user_id: str
    seq: int
    kind: FrameKind
    conversation_id: str | None
    cause_id: str
    occurred_at: datetime
    received_at: datetime


_FRAME = Selection(
    l=Columns(_Entry._fields, make=_Entry._make),
    m=MESSAGE,
    c=CONVERSATION,
    lm=MESSAGE,
    a=Columns([*ACCOUNT.names, "page_version"]),
    la=ACCOUNT_NAME,
)
# The last message is fetched only if it is another one. OFFSET 0 keeps the planner from fetching it first.
_FRAMES = Statement(f"""
    SELECT {_FRAME.sql}
    FROM unnest(CAST(:user_ids AS text[]), CAST(:afters AS bigint[]), CAST(:uptos AS bigint[]))
         AS k(user_id, after, upto)
    CROSS JOIN LATERAL (
        SELECT * FROM inbox_log WHERE user_id = k.user_id AND seq > k.after AND seq <= k.upto
        ORDER BY seq LIMIT CAST(:per_range AS bigint)
    ) l
    LEFT JOIN messages m ON m.user_id = l.user_id AND m.id = l.message_id
    LEFT JOIN conversations c ON c.user_id = l.user_id AND c.conversation_id = l.conversation_id
    LEFT JOIN LATERAL (
        SELECT * FROM messages
        WHERE user_id = c.user_id AND id = c.last_message_id AND c.last_message_id IS DISTINCT FROM m.id
        OFFSET 0
    ) lm ON true
    LEFT JOIN LATERAL (
        SELECT own.*, (SELECT max(version) FROM accounts
                       WHERE platform = own.platform AND page_id = own.page_id) AS page_version
        FROM accounts own
        WHERE own.user_id = l.user_id AND own.platform = coalesce(l.platform, m.platform)
          AND own.page_id = coalesce(l.page_id, m.page_id)
          AND (l.kind = 'account_updated' OR m.direction = 'outgoing')
        ORDER BY own.owned_from DESC LIMIT 1
    ) a ON true
    LEFT JOIN LATERAL (
        SELECT own.page_id, own.name FROM accounts own
        WHERE own.user_id = lm.user_id AND own.platform = lm.platform AND own.page_id = lm.page_id
          AND lm.direction = 'outgoing'
        ORDER BY own.owned_from DESC LIMIT 1
    ) la ON true
    ORDER BY l.user_id, l.seq
""")  # noqa: S608 - a constant of ours
_TOPS = Statement("SELECT user_id, last_seq, floor_seq FROM inboxes WHERE user_id = ANY(CAST(:user_ids AS text[]))")
_MARK = Statement("""
    UPDATE inboxes i SET published_seq = least(n.last, i.last_seq)
    FROM unnest(CAST(:user_ids AS text[]), CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]))
         AS n(user_id, first, last)
    WHERE i.user_id = n.user_id AND i.published_seq >= n.first - 1 AND i.published_seq < n.last
""")
_PUBLISHED = Statement("SELECT user_id, published_seq FROM inboxes WHERE user_id = ANY(CAST(:user_ids AS text[]))")
_LOCK_TO_MARK = Statement(
    "SELECT 1 FROM inboxes WHERE user_id = ANY(CAST(:user_ids AS text[])) ORDER BY user_id FOR NO KEY UPDATE"
)
_UNPUBLISHED = Statement("""
    SELECT i.user_id, i.published_seq + 1, i.last_seq
    FROM inboxes i
    CROSS JOIN LATERAL (
        SELECT at FROM inbox_log WHERE user_id = i.user_id AND seq = i.published_seq + 1 LIMIT 1
    ) l
    WHERE i.published_seq < i.last_seq AND l.at <= :before
      AND (CAST(:user_ids AS text[]) IS NULL OR i.user_id = ANY(CAST(:user_ids AS text[])))
      AND i.user_id <> ALL(CAST(:except_users AS text[]))
    ORDER BY l.at LIMIT CAST(:limit AS bigint)
""")
_PRUNABLE = Statement("""
    SELECT user_id, max(seq) AS upto, count(*) AS rows FROM (
        SELECT user_id, seq FROM inbox_log WHERE at < :before ORDER BY at LIMIT CAST(:limit AS bigint)
    ) AS oldest
    GROUP BY user_id ORDER BY user_id
""")
_USERS_PER_PRUNE = 50
_PRUNE = Statement("""
    WITH pruned AS (
        DELETE FROM inbox_log l USING unnest(CAST(:user_ids AS text[]), CAST(:uptos AS bigint[])) AS k(user_id, upto)
        WHERE l.user_id = k.user_id AND l.seq <= k.upto
        RETURNING l.user_id, l.seq
    )
    UPDATE inboxes i SET floor_seq = greatest(i.floor_seq, p.seq), published_seq = greatest(i.published_seq, p.seq)
    FROM (SELECT user_id, max(seq) AS seq FROM pruned GROUP BY user_id) p
    WHERE i.user_id = p.user_id
""")


class LogBounds(NamedTuple):
    """The ends of a user's log: it holds the changes after `floor_seq`, up to `last_seq`."""

    last_seq: int
    floor_seq: int


async def frames(connection: Connection, ranges: Sequence[SeqRange], *, per_range: int) -> list[LogRow]:
    """Return the changes of `ranges`, at most `per_range` of each, read in one query, sorted by user and seq."""
    if not ranges:
        return []
    rows = await connection.execute(
        _FRAMES,
        {
            "user_ids": [each.user_id for each in ranges],
            "afters": [each.first - 1 for each in ranges],
            "uptos": [each.last for each in ranges],
            "per_range": per_range,
        },
    )
    return [_log_row(row) for row in rows]


def _log_row(row: asyncpg.Record) -> LogRow:
    entry, found, conversation, last_message, owner, last_account = _FRAME.read(row)
    page_version = 0 if owner is None else owner.pop("page_version")
    account = account_of(owner) if entry.kind == "account_updated" else None
    kind = entry.kind
    if account is not None:
        data = account_data(account)
    elif kind == "conversation_removed" or conversation is None:
        # The change was of a conversation that has been erased since: whoever resumes drops it.
        kind, data = "conversation_removed", removed_data(entry.conversation_id or "")
    elif found is None:
        kind = "conversation_updated"
        data = conversation_data(conversation_with(conversation, last_message=last_message, account=last_account))
    else:
        message = message_of(found, participant=conversation, account_name=owner and owner["name"])
        if message.id == conversation.last_message_id:
            whole = conversation_of(conversation, message)
        else:
            whole = conversation_with(conversation, last_message=last_message, account=last_account)
        data = message_data(message, whole)
    return LogRow(
        user_id=entry.user_id,
        seq=entry.seq,
        kind=kind,
        data=data,
        cause_id=entry.cause_id,
        occurred_at=entry.occurred_at,
        received_at=entry.received_at,
        account=account,
        page_version=page_version,
    )


async def log_bounds(connection: Connection, user_ids: Iterable[str]) -> dict[str, LogBounds]:
    """Return the ends of the users' logs; users without an inbox are left out."""
    rows = await connection.execute(_TOPS, {"user_ids": list(user_ids)})
    return {user_id: LogBounds(last_seq, floor_seq) for user_id, last_seq, floor_seq in rows}


async def mark_published(database: Database, ranges: Sequence[SeqRange]) -> Mapping[str, int]:
    """Raise the users' publish watermarks by ranges that connect to them.

    Returns:
        The watermarks of the users by now.
    """
    user_ids = sorted({published.user_id for published in ranges})
    async with database.transaction() as transaction:
        await transaction.execute(_LOCK_TO_MARK, {"user_ids": user_ids})
        await transaction.execute(
            _MARK,
            {
                "user_ids": [published.user_id for published in ranges],
                "firsts": [published.first for published in ranges],
                "lasts": [published.last for published in ranges],
            },
        )
        rows = await transaction.execute(_PUBLISHED, {"user_ids": user_ids})
        return {user_id: seq for user_id, seq in rows}  # noqa: C416 - a Record is no tuple


async def unpublished(
    database: Database,
    *,
    before: datetime,
    user_ids: Sequence[str] | None,
    except_users: Sequence[str] = (),
    limit: int,
) -> list[SeqRange]:
    """Return the changes that were committed by `before` and not published, of up to `limit` users.

    Args:
        database: where the logs are.
        before: when they were committed, at the latest.
        user_ids: only these users; None: all.
        except_users: none of these.
        limit: maximum number of users.
    """
    only = None if user_ids is None else list(user_ids)
    async with database.reading() as connection:
        rows = await connection.execute(
            _UNPUBLISHED, {"before": before, "user_ids": only, "except_users": list(except_users), "limit": limit}
        )
        return [SeqRange(user_id, first, last) for user_id, first, last in rows]


async def prune(database: Database, *, before: datetime, limit: int) -> int:
    """Delete log rows that were written before then, and raise the users' floors accordingly.

    Handlers wait for the counter rows of users who lose log rows, so users are locked a few at a time, each few in a
    transaction of their own.

    Returns:
        How many of the `limit` oldest rows had to be deleted; fewer than `limit` when none are left.
    """
    async with database.reading() as connection:
        oldest = await connection.execute(_PRUNABLE, {"before": before, "limit": limit})
    for start in range(0, len(oldest), _USERS_PER_PRUNE):
        few = oldest[start : start + _USERS_PER_PRUNE]
        async with database.transaction() as transaction:
            user_ids = [row["user_id"] for row in few]
            await lock_inboxes(transaction, user_ids)
            await transaction.execute(_PRUNE, {"user_ids": user_ids, "uptos": [row["upto"] for row in few]})
    return sum(row["rows"] for row in oldest)
