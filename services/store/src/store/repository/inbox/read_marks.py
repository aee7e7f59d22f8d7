"""How far a user has read a conversation."""

from datetime import datetime
from typing import NamedTuple

from store.repository.inbox.counters import lock_inboxes
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement

_CONVERSATION = Statement("""
    SELECT read_seq, last_seq, unread_count FROM conversations
    WHERE user_id = :user_id AND conversation_id = :conversation_id
""")
# The conversation says how many messages are unread: reading them newest first ends with the last of them.
_UNREAD = Statement("""
    SELECT count(*) FILTER (WHERE m.id > CAST(:upto AS bigint))
    FROM (
        SELECT id FROM messages
        WHERE user_id = :user_id AND conversation_id = :conversation_id AND direction = 'incoming'
          AND deleted_at IS NULL AND id > CAST(:read_seq AS bigint)
        ORDER BY created_at DESC, message_id DESC, id DESC LIMIT CAST(:unread AS bigint)
    ) m
""")
# A job moves this count into the audit log (`store.jobs.agent_audit`).
_COUNTED = """
    INSERT INTO agent_reads (user_id, marks, since) VALUES (:user_id, 1, CAST(:now AS timestamptz))
    ON CONFLICT (user_id) DO UPDATE SET marks = agent_reads.marks + 1
"""
_MOVE = Statement(f"""
    WITH counted AS ({_COUNTED})
    UPDATE conversations SET read_seq = :upto
    WHERE user_id = :user_id AND conversation_id = :conversation_id
""")  # noqa: S608 - a constant of ours
_CHANGE = Statement(f"""
    WITH counted AS ({_COUNTED}), changed AS (
        UPDATE conversations SET read_seq = :upto, unread_count = :unread, last_seq = :seq
        WHERE user_id = :user_id AND conversation_id = :conversation_id
    ), logged AS (
        INSERT INTO inbox_log (user_id, seq, kind, conversation_id, cause_id, occurred_at, received_at, at)
        VALUES (:user_id, :seq, 'conversation_updated', :conversation_id, :cause_id, CAST(:now AS timestamptz),
                CAST(:now AS timestamptz), CAST(:now AS timestamptz))
    )
    UPDATE inboxes SET last_seq = :seq WHERE user_id = :user_id
""")  # noqa: S608 - a constant of ours


class ReadMark(NamedTuple):
    """How far a conversation is read, and whether that changed its unread count."""

    read_seq: int
    changed: bool


async def mark_read(
    database: Database, user_id: str, conversation_id: str, *, up_to_seq: int, cause_id: str, now: datetime
) -> ReadMark | None:
    """Mark the conversation's messages with IDs up to `up_to_seq` as read.

    A read mark never moves back, and never beyond the conversation's last change: later messages are unread. Only a
    change of `unread_count` takes a seq and a row of the event log.

    Returns:
        None if there is no such conversation.
    """
    key: dict[str, object] = {"user_id": user_id, "conversation_id": conversation_id}
    async with database.transaction() as transaction:
        last_seqs = await lock_inboxes(transaction, [user_id])
        rows = await transaction.execute(_CONVERSATION, key) if user_id in last_seqs else []
        if not rows:
            return None
        [(read_seq, last_seq, unread)] = rows
        upto = min(up_to_seq, last_seq)
        if upto <= read_seq:
            return ReadMark(read_seq, changed=False)
        left = 0
        if upto < last_seq and unread:
            arguments = key | {"upto": upto, "read_seq": read_seq, "unread": unread}
            left = await transaction.scalar(_UNREAD, arguments)
        if left == unread:
            await transaction.execute(_MOVE, key | {"upto": upto, "now": now})
            return ReadMark(upto, changed=False)
        seq = last_seqs[user_id] + 1
        await transaction.execute(
            _CHANGE, key | {"upto": upto, "unread": left, "seq": seq, "cause_id": cause_id, "now": now}
        )
        return ReadMark(upto, changed=True)
