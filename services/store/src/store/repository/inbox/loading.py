"""Loads what a batch of updates touches, under the users' locks, in a handful of statements whatever its size.

Most statements are for rare cases, and run only if they can find something.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from shared.contracts import Profile, conversation_id
from store.core.facts import MessageKey, Update
from store.core.rows import (
    UNCOVERED,
    ConversationKey,
    ConversationRow,
    Coverage,
    LoadedState,
    MessageOrder,
    MessageRow,
    ParticipantKey,
    PendingAnnotations,
    Receipt,
    Thread,
)
from store.repository.inbox import message_rows, receipts
from store.repository.postgres.statements import Connection, Statement

_aliases = msgspec.json.Decoder(tuple[str, ...])

# What breaks a tie for the last message is fetched only if there may be one. OFFSET 0 keeps the planner from turning
# the condition into a filter on rows that it has already fetched.
_CONVERSATIONS = Statement("""
    SELECT c.user_id, c.conversation_id, c.platform, c.participant_id,
           c.participant_name, c.participant_username, c.participant_profile_pic, c.profile_fetched_at,
           c.last_message_id, c.last_message_at, m.message_id, m.page_id, m.kind,
           c.unread_count, c.read_seq, c.last_seq, c.created_at, c.aliases::text
    FROM unnest(CAST(:user_ids AS text[]), CAST(:conversation_ids AS text[])) AS k(user_id, conversation_id)
    JOIN conversations c USING (user_id, conversation_id)
    LEFT JOIN LATERAL (
        SELECT message_id, page_id, kind FROM messages
        WHERE user_id = c.user_id AND id = c.last_message_id AND c.last_message_at = ANY(CAST(:times AS timestamptz[]))
        OFFSET 0
    ) m ON true
""")
_NEW_PARTICIPANTS = Statement("""
    WITH k AS (
        SELECT * FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:participant_ids AS text[]))
                      AS k(user_id, platform, participant_id)
    )
    SELECT w.user_id, w.platform, w.participant_id, w.name, w.username, w.profile_pic, w.fetched_at, NULL
    FROM k JOIN waiting_profiles w USING (user_id, platform, participant_id)
    UNION ALL
    SELECT l.user_id, l.platform, l.participant_id, NULL, NULL, NULL, NULL, l.alias
    FROM k JOIN participant_links l USING (user_id, platform, participant_id)
""")


async def load(transaction: Connection, updates: Sequence[Update], last_seqs: dict[str, int]) -> LoadedState:
    """Return what is stored of everything that `updates` touch. The users' counter rows must be locked."""
    times = list({a.message.created_at for a in updates if a.message is not None})
    conversations = await _conversations(transaction, set(_conversation_keys(updates)), times)
    profiles, links = await _new_participants(
        transaction,
        {
            ParticipantKey(a.user_id, a.platform, a.participant_id)
            for a in updates
            if a.participant_id is not None
            and a.conversation_id is not None
            and ConversationKey(a.user_id, a.conversation_id) not in conversations
        },
    )
    messages, pending = await message_rows.find(transaction, set(_message_keys(updates)))
    elsewhere = {ConversationKey(row.key.user_id, row.conversation_id) for row in messages.values()}
    if missing := elsewhere - conversations.keys():
        conversations |= await _conversations(transaction, missing, times)
    candidates = list(_watermark_receipts(updates)) + list(_implied_receipts(updates, messages, pending, conversations))
    coverage = await receipts.coverage(
        transaction, {(receipt.thread, receipt.upto) for receipt, _ in candidates} | set(_outgoing_times(updates))
    )
    effective = _widest((receipt, where) for receipt, where in candidates if _is_effective(receipt, coverage))
    return LoadedState(
        last_seqs=last_seqs,
        messages=await receipts.affected_messages(transaction, effective) | messages,
        conversations=conversations,
        pending_profiles=profiles,
        links=links,
        pending_annotations=pending,
        coverage=coverage,
    )


def _conversation_keys(updates: Sequence[Update]) -> Iterator[ConversationKey]:
    """Yield the conversations that may change, including those of the participants' aliases, which may be linked."""
    for update in updates:
        if update.conversation_id is not None:
            yield ConversationKey(update.user_id, update.conversation_id)
        for alias in update.aliases:
            yield ConversationKey(update.user_id, conversation_id(update.platform, update.user_id, alias))


def _message_keys(updates: Sequence[Update]) -> Iterator[MessageKey]:
    for update in updates:
        if update.message is not None:
            yield update.message.key
        for annotation in update.annotations:
            yield annotation.key


def _outgoing_times(updates: Sequence[Update]) -> Iterator[tuple[Thread, datetime]]:
    """Yield the threads and times of outgoing messages: receipts that cover them may be stored already."""
    for update in updates:
        message = update.message
        if message is not None and message.direction == "outgoing" and update.participant_id is not None:
            yield _thread_of(update, update.participant_id), message.created_at


def _watermark_receipts(updates: Sequence[Update]) -> Iterator[tuple[Receipt, str]]:
    """Yield the watermark receipts of the updates, each with the ID of its conversation."""
    for update in updates:
        mark = update.watermark
        if mark is not None and update.participant_id is not None and update.conversation_id is not None:
            thread = _thread_of(update, update.participant_id)
            yield Receipt(thread, mark.status, mark.upto, mark.at), update.conversation_id


def _implied_receipts(
    updates: Sequence[Update],
    messages: Mapping[MessageKey, MessageRow],
    pending: Mapping[MessageKey, PendingAnnotations],
    conversations: Mapping[ConversationKey, ConversationRow],
) -> Iterator[tuple[Receipt, str]]:
    """Yield the watermark receipts that reads of single messages may imply: one for every time that may apply."""
    annotated = itertools.chain(
        (annotation for update in updates for annotation in update.annotations),
        ((key, row.annotations) for key, row in messages.items()),
        ((key, stored.annotations) for key, stored in pending.items()),
    )
    read_times: dict[MessageKey, set[datetime]] = {}
    for key, annotations in annotated:
        if annotations.read_covering_at is not None:
            read_times.setdefault(key, set()).add(annotations.read_covering_at)
    if not read_times:
        return
    for key in read_times.keys() & messages.keys():
        row = messages[key]
        conversation = conversations[ConversationKey(key.user_id, row.conversation_id)]
        thread = Thread(key.user_id, key.platform, key.page_id, conversation.participant_id)
        for at in read_times[key] if row.direction == "outgoing" else ():
            yield Receipt(thread, "read", row.created_at, at), row.conversation_id
    for update in updates:
        message = update.message
        if message is None or message.direction == "incoming":
            continue
        if update.participant_id is not None and update.conversation_id is not None:
            thread = _thread_of(update, update.participant_id)
            for at in read_times.get(message.key, ()):
                yield Receipt(thread, "read", message.created_at, at), update.conversation_id


def _thread_of(update: Update, participant_id: str) -> Thread:
    return Thread(update.user_id, update.platform, update.page_id, participant_id)


def _is_effective(receipt: Receipt, coverage: Mapping[tuple[Thread, datetime], Coverage]) -> bool:
    known_at = coverage.get((receipt.thread, receipt.upto), UNCOVERED).time_of(receipt.status)
    return known_at is None or known_at > receipt.at


def _widest(candidates: Iterable[tuple[Receipt, str]]) -> list[tuple[Receipt, str]]:
    """Return one receipt per thread and status, which affects everything that any of them affects.

    Otherwise each receipt would load the same messages again: many receipts times many messages.
    """
    widest: dict[tuple[Thread, str, str], Receipt] = {}
    for receipt, where in candidates:
        key = (receipt.thread, receipt.status, where)
        known = widest.get(key, receipt)
        widest[key] = receipt._replace(upto=max(known.upto, receipt.upto), at=min(known.at, receipt.at))
    return [(receipt, where) for (_, _, where), receipt in widest.items()]


async def _conversations(
    transaction: Connection, keys: Collection[ConversationKey], times: Sequence[datetime]
) -> dict[ConversationKey, ConversationRow]:
    rows = await transaction.execute(
        _CONVERSATIONS,
        {
            "user_ids": [key.user_id for key in keys],
            "conversation_ids": [key.conversation_id for key in keys],
            "times": times,
        },
    )
    found = {}
    for user, conversation, platform, participant, name, username, pic, fetched_at, last_id, last_at, *rest in rows:
        message_id, page_id, kind, unread, read_seq, last_seq, created_at, aliases = rest
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
            aliases=() if aliases == "[]" else _aliases.decode(aliases),
        )
    return found


async def _new_participants(
    transaction: Connection, keys: Collection[ParticipantKey]
) -> tuple[dict[ParticipantKey, Profile], dict[ParticipantKey, frozenset[str]]]:
    """Return the pending profiles and aliases of participants without a conversation."""
    profiles: dict[ParticipantKey, Profile] = {}
    links: dict[ParticipantKey, frozenset[str]] = {}
    if not keys:
        return profiles, links
    users, platforms, participants = (list(column) for column in zip(*keys, strict=True))
    rows = await transaction.execute(
        _NEW_PARTICIPANTS, {"user_ids": users, "platforms": platforms, "participant_ids": participants}
    )
    for user, platform, participant, name, username, pic, fetched_at, alias in rows:
        key = ParticipantKey(user, platform, participant)
        if alias is not None:
            links[key] = links.get(key, frozenset()) | {alias}
        else:
            profiles[key] = Profile(name=name, username=username, profile_pic=pic, fetched_at=fetched_at)
    return profiles, links
