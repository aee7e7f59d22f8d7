"""Requests to erase a person: what is gone at once, and what the job does afterwards."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from shared.contracts import Platform, conversation_id
from store.core.erased import IdentityDigests
from store.core.facts import Cause
from store.core.rows import LogEntry
from store.repository.erasures import identities
from store.repository.inbox.counters import create_and_lock_inboxes
from store.repository.inbox.writing import write_log
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

NOBODY = ""
"""Stands for what belongs to no user: items of pages that nobody has connected."""

# Somebody's rows, wherever they may be; each part has the user and the platform in front of its key.
_USERS = Statement("""
    SELECT user_id FROM inboxes i WHERE
        EXISTS (SELECT 1 FROM conversations c WHERE c.user_id = i.user_id AND c.platform = :platform
                AND c.participant_id = :participant_id)
        OR EXISTS (SELECT 1 FROM participant_links l WHERE l.user_id = i.user_id AND l.platform = :platform
                   AND l.participant_id = :participant_id)
        OR EXISTS (SELECT 1 FROM waiting_profiles w WHERE w.user_id = i.user_id AND w.platform = :platform
                   AND w.participant_id = :participant_id)
        OR EXISTS (SELECT 1 FROM receipts r WHERE r.user_id = i.user_id AND r.platform = :platform
                   AND r.participant_id = :participant_id)
        OR EXISTS (SELECT 1 FROM records d WHERE d.user_id = i.user_id AND d.platform = :platform
                   AND (d.participant_id = :participant_id OR d.actor_id = :participant_id))
        OR EXISTS (SELECT 1 FROM raw_items x WHERE x.user_id = i.user_id AND x.platform = :platform
                   AND x.participant_id = :participant_id)
    ORDER BY user_id
""")
_ALIASES = Statement("""
    SELECT alias FROM participant_links
    WHERE user_id = :user_id AND platform = :platform AND participant_id = :participant_id
""")
_CREATE_INDEX_POSITION = Statement("INSERT INTO search_positions (user_id) VALUES (:user_id) ON CONFLICT DO NOTHING")
_LOCK_INDEX = Statement("SELECT 1 FROM search_positions WHERE user_id = :user_id FOR UPDATE")
_DELETE_CONVERSATIONS = Statement("""
    DELETE FROM conversations
    WHERE user_id = :user_id AND platform = :platform AND participant_id = ANY(CAST(:people AS text[]))
    RETURNING conversation_id
""")
_DELETE_PERSON = tuple(
    Statement(f"DELETE FROM {table} WHERE user_id = :user_id AND platform = :platform AND {condition}")  # noqa: S608 - constants of this module
    for table, condition in (
        ("waiting_profiles", "participant_id = ANY(CAST(:people AS text[]))"),
        ("profile_lookups", "participant_id = ANY(CAST(:people AS text[]))"),
        (
            "participant_links",
            "(participant_id = ANY(CAST(:people AS text[])) OR alias = ANY(CAST(:people AS text[])))",
        ),
    )
)
_DELETE_TERMS = Statement("""
    DELETE FROM person_search WHERE user_id = :user_id AND conversation_id = ANY(CAST(:conversation_ids AS text[]))
""")
_REMEMBER_UNTIL = Statement("""
    UPDATE inboxes SET erased_until = greatest(erased_until, CAST(:until AS timestamptz)) WHERE user_id = :user_id
""")
_INSERT = Statement("""
    INSERT INTO erasures (id, user_id, platform, participant_ids, top_seq, step, requested_at)
    VALUES (:id, :user_id, :platform, CAST(CAST(:people AS text) AS jsonb), :top_seq, :step, :now)
""")
_STATUS = Statement("""
    SELECT min(requested_at) AS requested_at, bool_and(finished_at IS NOT NULL) AS is_done,
           max(finished_at) AS finished_at, sum(messages)::bigint AS messages, sum(others)::bigint AS others
    FROM erasures WHERE id = :id AND (CAST(:user_id AS text) IS NULL OR user_id = :user_id)
    HAVING count(*) > 0
""")
_FIRST_STEP = "messages"
_FIRST_STEP_OF_NOBODY = "parked"


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure and how far it is. It does not say whom it erases."""

    id: str
    status: str
    """`running` or `done`."""
    requested_at: datetime
    finished_at: datetime | None
    messages: int
    """Messages erased so far."""
    others: int
    """Other rows erased so far: records, raw, parked and waiting items."""


async def lock_index(transaction: Connection, user_id: str) -> None:
    """Wait for the search indexer, which holds this lock from reading a user's rows to writing their terms.

    A row that does not exist cannot be locked, and the indexer may be inserting it at this moment.
    """
    await transaction.execute(_CREATE_INDEX_POSITION, {"user_id": user_id})
    await transaction.execute(_LOCK_INDEX, {"user_id": user_id})


async def find_users(database: Database, platform: str, participant_id: str) -> list[str]:
    """Return the users with data of the person."""
    async with database.reading() as connection:
        rows = await connection.execute(_USERS, {"platform": platform, "participant_id": participant_id})
        return [row["user_id"] for row in rows]


async def request(
    transaction: Connection,
    erasure_id: str,
    user_id: str,
    platform: Platform,
    participant_id: str,
    *,
    digests: IdentityDigests,
    now: datetime,
    remember_for: timedelta,
) -> None:
    """Begin to erase a person for one user, or with `NOBODY` from what belongs to no user.

    With the commit, the conversations are gone from lists, threads, search and frames, and whatever is delivered late
    is dropped. The rest is left to the job, in bounded steps. Other IDs of the same person are erased as well.
    """
    arguments: dict[str, Any] = {
        "id": erasure_id,
        "user_id": user_id,
        "platform": platform,
        "participant_id": participant_id,
        "now": now,
    }
    if user_id == NOBODY:
        await _insert(transaction, {**arguments, "top_seq": 0, "step": _FIRST_STEP_OF_NOBODY}, [participant_id])
        return
    last_seqs = await create_and_lock_inboxes(transaction, [user_id])
    aliases = await transaction.execute(_ALIASES, arguments)
    people = sorted({participant_id, *(row["alias"] for row in aliases)})
    arguments["people"] = people
    await lock_index(transaction, user_id)
    await identities.remember(
        transaction, user_id, [digests.person(user_id, platform, person)[0] for person in people], now=now
    )
    await transaction.execute(_REMEMBER_UNTIL, {"user_id": user_id, "until": now + remember_for})
    removed = [row["conversation_id"] for row in await transaction.execute(_DELETE_CONVERSATIONS, arguments)]
    for statement in _DELETE_PERSON:
        await transaction.execute(statement, arguments)
    await transaction.execute(_DELETE_TERMS, {"user_id": user_id, "conversation_ids": removed})
    top_seq = last_seqs[user_id] + len(removed)
    entries = [
        LogEntry(
            user_id=user_id,
            seq=last_seqs[user_id] + number,
            kind="conversation_removed",
            cause=Cause(erasure_id, now, now),
            conversation_id=removed_id,
        )
        for number, removed_id in enumerate(sorted(removed), 1)
    ]
    if entries:
        await write_log(transaction, entries, now=now)
    await _insert(transaction, {**arguments, "top_seq": top_seq, "step": _FIRST_STEP}, people)


async def _insert(transaction: Connection, arguments: Mapping[str, object], people: Sequence[str]) -> None:
    await transaction.execute(_INSERT, {**arguments, "people": msgspec.json.encode(people).decode()})


async def status(database: Database, erasure_id: str, *, user_id: str | None) -> Erasure | None:
    """Return how far the erasure is, of one user or of all; None if there is none."""
    async with database.reading() as connection:
        rows = await connection.execute(_STATUS, {"id": erasure_id, "user_id": user_id})
    for row in rows:
        return Erasure(
            id=erasure_id,
            status="done" if row["is_done"] else "running",
            requested_at=row["requested_at"],
            finished_at=row["finished_at"] if row["is_done"] else None,
            messages=row["messages"],
            others=row["others"],
        )
    return None


def conversation_ids(platform: Platform, user_id: str, people: Sequence[str]) -> list[str]:
    """Return the IDs of the people's conversations."""
    return [conversation_id(platform, user_id, person) for person in people]
