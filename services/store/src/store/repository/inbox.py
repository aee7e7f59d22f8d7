"""The hot path: locks the users' counter rows, loads what a batch of facts touches, writes what the merge decided.

A handful of statements a batch whatever its size: arguments travel as arrays (`unnest`).
"""

from collections.abc import Iterable, Sequence

import msgspec

from shared.contracts import Profile
from shared.contracts.inbox import Attachment, ReplyTo
from store.core.facts import Arrival, NaturalKey
from store.core.rows import ConversationKey, ConversationRow, Loaded, MessageOrder, MessageRow, ParticipantKey
from store.repository.database import Database
from store.repository.statements import Connection, Statement

_attachments = msgspec.json.Decoder(tuple[Attachment, ...])
_reply_to = msgspec.json.Decoder(ReplyTo)

_LOCK = Statement(
    "SELECT user_id, last_seq FROM inboxes WHERE user_id = ANY(CAST(:user_ids AS text[])) ORDER BY user_id FOR UPDATE"
)
_CREATE = Statement(
    "INSERT INTO inboxes (user_id) SELECT u FROM unnest(CAST(:user_ids AS text[])) u ORDER BY u ON CONFLICT DO NOTHING"
)
# What breaks a tie for the last message is fetched only where there may be one; OFFSET 0 keeps the planner from making
# the condition a filter on rows that it has fetched already.
_CONVERSATIONS = Statement("""
    SELECT c.user_id, c.conversation_id, c.platform, c.participant_id,
           c.participant_name, c.participant_username, c.participant_profile_pic, c.profile_fetched_at,
           c.last_message_id, c.last_message_at, m.message_id, m.page_id, m.kind,
           c.unread_count, c.read_seq, c.last_seq, c.created_at
    FROM unnest(CAST(:user_ids AS text[]), CAST(:conversation_ids AS text[])) AS k(user_id, conversation_id)
    JOIN conversations c USING (user_id, conversation_id)
    LEFT JOIN LATERAL (
        SELECT message_id, page_id, kind FROM messages
        WHERE user_id = c.user_id AND id = c.last_message_id AND c.last_message_at = ANY(CAST(:times AS timestamptz[]))
        OFFSET 0
    ) m ON true
""")
_MESSAGES = Statement("""
    SELECT m.user_id, m.platform, m.page_id, m.kind, m.message_id, m.id, m.seq, m.conversation_id, m.direction,
           m.sender_id, m.content, m.created_at, m.status, m.attachments::text, m.reply_to::text
    FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
                CAST(:kinds AS text[]), CAST(:message_ids AS text[])) AS k(user_id, platform, page_id, kind, message_id)
    JOIN messages m USING (user_id, platform, page_id, kind, message_id)
""")
_WAITING_PROFILES = Statement("""
    SELECT w.user_id, w.platform, w.participant_id, w.name, w.username, w.profile_pic, w.fetched_at
    FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:participant_ids AS text[]))
         AS k(user_id, platform, participant_id)
    JOIN waiting_profiles w USING (user_id, platform, participant_id)
""")
_ROWS_OF_CAUSES = Statement("""
    SELECT l.user_id, l.seq
    FROM unnest(CAST(:user_ids AS text[]), CAST(:cause_ids AS text[])) AS k(user_id, cause_id)
    JOIN inbox_log l USING (user_id, cause_id)
""")


async def create_inboxes(database: Database, user_ids: Iterable[str]) -> None:
    """Make sure that the users have a counter row. A transaction of its own: who waits for it holds no lock."""
    async with database.transaction() as transaction:
        await transaction.execute(_CREATE, {"user_ids": sorted(user_ids)})


async def create_and_lock_inboxes(transaction: Connection, user_ids: Iterable[str]) -> dict[str, int]:
    """Lock the users' counter rows, created where they are not, and return their last numbers.

    Only for a transaction that holds no counter row yet.
    """
    wanted = sorted(user_ids)
    await transaction.execute(_CREATE, {"user_ids": wanted})
    return await lock_inboxes(transaction, wanted)


async def lock_inboxes(transaction: Connection, user_ids: Iterable[str]) -> dict[str, int]:
    """Lock the users' counter rows, in the one order that every writer keeps, and return their last numbers.

    A user without a row is left out. What is read after this is read in a later statement, hence in a later snapshot:
    it sees what the writers before us have committed.
    """
    rows = await transaction.execute(_LOCK, {"user_ids": sorted(user_ids)})
    return {user_id: last_seq for user_id, last_seq in rows}  # noqa: C416 - a Record is no tuple


async def load(transaction: Connection, arrivals: Sequence[Arrival], last_seqs: dict[str, int]) -> Loaded:
    """Return what is stored of everything that `arrivals` touch. The counter rows must be locked."""
    conversations = await _load_conversations(transaction, arrivals)
    newcomers = {
        ParticipantKey(a.user_id, a.platform, a.participant_id)
        for a in arrivals
        if a.participant_id is not None
        and a.conversation_id is not None
        and ConversationKey(a.user_id, a.conversation_id) not in conversations
    }
    return Loaded(
        last_seqs=last_seqs,
        messages=await _load_messages(transaction, {a.message.key for a in arrivals if a.message is not None}),
        conversations=conversations,
        waiting_profiles=await _load_waiting_profiles(transaction, newcomers) if newcomers else {},
    )


async def _load_conversations(
    transaction: Connection, arrivals: Sequence[Arrival]
) -> dict[ConversationKey, ConversationRow]:
    keys = {ConversationKey(a.user_id, a.conversation_id) for a in arrivals if a.conversation_id is not None}
    rows = await transaction.execute(
        _CONVERSATIONS,
        {
            "user_ids": [key.user_id for key in keys],
            "conversation_ids": [key.conversation_id for key in keys],
            "times": list({a.message.created_at for a in arrivals if a.message is not None}),
        },
    )
    found = {}
    for user, conversation, platform, participant, name, username, pic, fetched_at, last_id, last_at, *rest in rows:
        message_id, page_id, kind, unread, read_seq, last_seq, created_at = rest
        key = ConversationKey(user, conversation)
        found[key] = ConversationRow(
            key=key,
            platform=platform,
            participant_id=participant,
            profile=None
            if fetched_at is None
            else Profile(name=name, username=username, profile_pic=pic, fetched_at=fetched_at),
            last_message_id=last_id,
            last_message=MessageOrder(last_at, message_id or "", page_id or "", kind or ""),
            unread_count=unread,
            read_seq=read_seq,
            last_seq=last_seq,
            created_at=created_at,
        )
    return found


async def _load_messages(transaction: Connection, keys: set[NaturalKey]) -> dict[NaturalKey, MessageRow]:
    if not keys:
        return {}
    users, platforms, pages, kinds, ids = (list(column) for column in zip(*keys, strict=True))
    rows = await transaction.execute(
        _MESSAGES,
        {"user_ids": users, "platforms": platforms, "page_ids": pages, "kinds": kinds, "message_ids": ids},
    )
    found = {}
    for user, platform, page, kind, message, *rest in rows:
        row_id, seq, conversation, direction, sender, content, created_at, status, attachments, reply_to = rest
        key = NaturalKey(user, platform, page, kind, message)
        found[key] = MessageRow(
            key=key,
            id=row_id,
            seq=seq,
            conversation_id=conversation,
            direction=direction,
            sender_id=sender,
            content=content,
            created_at=created_at,
            status=status,
            attachments=_attachments.decode(attachments),
            reply_to=None if reply_to is None else _reply_to.decode(reply_to),
        )
    return found


async def _load_waiting_profiles(transaction: Connection, keys: set[ParticipantKey]) -> dict[ParticipantKey, Profile]:
    users, platforms, participants = (list(column) for column in zip(*keys, strict=True))
    rows = await transaction.execute(
        _WAITING_PROFILES, {"user_ids": users, "platforms": platforms, "participant_ids": participants}
    )
    return {
        ParticipantKey(user, platform, participant): Profile(
            name=name, username=username, profile_pic=pic, fetched_at=fetched_at
        )
        for user, platform, participant, name, username, pic, fetched_at in rows
    }


async def rows_of_causes(connection: Connection, causes: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
    """Return (user_id, seq) of all changes that these (user_id, event id) once made."""
    rows = await connection.execute(
        _ROWS_OF_CAUSES, {"user_ids": [user for user, _ in causes], "cause_ids": [cause for _, cause in causes]}
    )
    return [(user_id, seq) for user_id, seq in rows]
