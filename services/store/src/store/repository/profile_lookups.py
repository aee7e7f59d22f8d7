"""Profile lookups to make, and profiles that are known."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.contracts import Profile, ProfileRequestedV1
from shared.contracts.internal import KnownParticipant, Lookup, PageKey, ParticipantKey
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

# The lookups of a page that needs reauthorization are on hold: due at infinity. The lock makes sure that none is put on
# hold by a page which is being connected at this moment: it is connected before this, or afterwards and sees the row.
# An account row that is locked already is changing: its lookups are due, and whoever claims them checks again.
_REQUEST = Statement("""
    WITH held AS (
        SELECT platform, page_id, user_id FROM accounts
        WHERE page_id = ANY(CAST(:page_ids AS text[])) AND owned_until IS NULL AND status = 'needs_reauthorization'
        FOR SHARE SKIP LOCKED
    )
    INSERT INTO profile_lookups (user_id, platform, participant_id, page_id, due_at)
    SELECT k.*, CASE WHEN (k.platform, k.page_id, k.user_id) IN (SELECT * FROM held) THEN 'infinity'::timestamptz
                     ELSE CAST(:now AS timestamptz) END
    FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:participant_ids AS text[]),
                CAST(:page_ids AS text[])) AS k(user_id, platform, participant_id, page_id)
    ON CONFLICT (user_id, platform, participant_id) DO NOTHING
""")
_HOLD = Statement("""
    UPDATE profile_lookups p SET due_at = 'infinity' FROM (
        SELECT user_id, platform, participant_id FROM profile_lookups
        WHERE user_id = :user_id AND platform = :platform AND page_id = :page_id
        ORDER BY user_id, platform, participant_id FOR UPDATE
    ) AS k
    WHERE (p.user_id, p.platform, p.participant_id) = (k.user_id, k.platform, k.participant_id)
""")
_RESUME = Statement("""
    UPDATE profile_lookups p SET due_at = :now, leased_until = NULL, attempts = 0 FROM (
        SELECT user_id, platform, participant_id FROM profile_lookups
        WHERE user_id = :user_id AND platform = :platform AND page_id = :page_id
        ORDER BY user_id, platform, participant_id FOR UPDATE
    ) AS k
    WHERE (p.user_id, p.platform, p.participant_id) = (k.user_id, k.platform, k.participant_id)
""")
_FILL_IN = Statement("""
    INSERT INTO profile_lookups (user_id, platform, participant_id, page_id, due_at)
    SELECT c.user_id, c.platform, c.participant_id, CAST(:page_id AS text), CAST(:now AS timestamptz)
    FROM conversations c
    WHERE c.user_id = :user_id AND c.platform = :platform
      AND c.participant_name IS NULL AND c.participant_username IS NULL
      AND EXISTS (SELECT 1 FROM messages m
                  WHERE m.user_id = c.user_id AND m.conversation_id = c.conversation_id
                    AND m.page_id = :page_id AND m.direction = 'incoming')
    ORDER BY c.last_message_at DESC LIMIT CAST(:limit AS bigint)
    ON CONFLICT (user_id, platform, participant_id) DO NOTHING
""")
_COUNT = Statement("""
    SELECT count(*) FILTER (WHERE due_at <= :now), count(*) FILTER (WHERE due_at > :now AND due_at < 'infinity'),
           count(*) FILTER (WHERE due_at = 'infinity')
    FROM (SELECT due_at FROM profile_lookups LIMIT CAST(:limit AS bigint)) AS counted
""")
FILL_IN_LIMIT = 10_000
"""Maximum number of unnamed conversations that a new token looks up, those with the newest messages first."""
_CLAIM = Statement("""
    UPDATE profile_lookups p SET leased_until = :leased_until, attempts = p.attempts + 1
    FROM (
        SELECT user_id, platform, participant_id FROM profile_lookups
        WHERE due_at <= :now AND (leased_until IS NULL OR leased_until < :now)
          AND (platform, page_id) NOT IN (SELECT * FROM unnest(CAST(:except_platforms AS text[]),
                                                               CAST(:except_page_ids AS text[])))
        ORDER BY due_at LIMIT CAST(:limit AS bigint) FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE (p.user_id, p.platform, p.participant_id) = (due.user_id, due.platform, due.participant_id)
    RETURNING p.user_id, p.platform, p.page_id, p.participant_id, p.attempts - 1 AS attempts
""")
_HOLD_CLAIMED = Statement("""
    WITH held AS (
        SELECT platform, page_id, user_id FROM accounts
        WHERE page_id = ANY(CAST(:page_ids AS text[])) AND owned_until IS NULL AND status = 'needs_reauthorization'
        FOR SHARE SKIP LOCKED
    )
    UPDATE profile_lookups p SET due_at = 'infinity', leased_until = NULL, attempts = p.attempts - 1
    FROM held, unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]), CAST(:page_ids AS text[]),
                      CAST(:participant_ids AS text[])) AS k(user_id, platform, page_id, participant_id)
    WHERE (p.user_id, p.platform, p.participant_id) = (k.user_id, k.platform, k.participant_id)
      AND (held.platform, held.page_id, held.user_id) = (k.platform, k.page_id, k.user_id)
    RETURNING p.user_id, p.platform, p.participant_id
""")
_PARTICIPANTS = Statement("""
    SELECT c.user_id, c.platform, c.participant_id, c.participant_name, c.participant_username,
           c.participant_profile_pic, c.profile_fetched_at
    FROM (SELECT DISTINCT u, p, i FROM unnest(CAST(:user_ids AS text[]), CAST(:platforms AS text[]),
                                              CAST(:participant_ids AS text[])) AS k(u, p, i)) AS k
    JOIN conversations c ON c.user_id = k.u AND c.platform = k.p AND c.participant_id = k.i
    WHERE c.profile_fetched_at IS NOT NULL
""")


async def request_lookups(transaction: Connection, events: Sequence[ProfileRequestedV1], *, now: datetime) -> None:
    """Store lookups to make now; a lookup that is stored already keeps its time."""
    wanted = sorted({(e.user_id, e.platform, e.participant_id): e.page_id for e in events}.items())
    await transaction.execute(
        _REQUEST,
        {
            "user_ids": [user_id for (user_id, _, _), _ in wanted],
            "platforms": [platform for (_, platform, _), _ in wanted],
            "participant_ids": [participant_id for (_, _, participant_id), _ in wanted],
            "page_ids": [page_id for _, page_id in wanted],
            "now": now,
        },
    )


async def hold_lookups(transaction: Connection, user_id: str, platform: str, page_id: str) -> None:
    """Put the page's lookups on hold until it is connected again."""
    await transaction.execute(_HOLD, {"user_id": user_id, "platform": platform, "page_id": page_id})


async def resume_lookups(transaction: Connection, user_id: str, platform: str, page_id: str, *, now: datetime) -> None:
    """Make all lookups of the page due, and add those of unnamed participants: the page has a new token."""
    arguments = {"user_id": user_id, "platform": platform, "page_id": page_id, "now": now}
    await transaction.execute(_RESUME, arguments)
    await transaction.execute(_FILL_IN, {**arguments, "limit": FILL_IN_LIMIT})


async def count_lookups(database: Database, *, now: datetime, limit: int) -> tuple[int, int, int]:
    """Return how many lookups are due, due later, and on hold, counting up to `limit` rows."""
    async with database.reading() as connection:
        [(due, later, held)] = await connection.execute(_COUNT, {"now": now, "limit": limit})
    return due, later, held


async def claim_lookups(
    database: Database, *, now: datetime, lease: timedelta, limit: int, except_pages: Sequence[PageKey] = ()
) -> list[Lookup]:
    """Lease up to `limit` due lookups, except those of `except_pages`; nobody else gets them during `lease`."""
    async with database.transaction() as transaction:
        rows = await transaction.execute(
            _CLAIM,
            {
                "now": now,
                "leased_until": now + lease,
                "limit": limit,
                "except_platforms": [page.platform for page in except_pages],
                "except_page_ids": [page.page_id for page in except_pages],
            },
        )
        claimed = [Lookup(**row) for row in rows]
        held = await _hold_claimed(transaction, claimed) if claimed else frozenset()
    return [one for one in claimed if (one.user_id, one.platform, one.participant_id) not in held]


async def _hold_claimed(transaction: Connection, claimed: Sequence[Lookup]) -> frozenset[tuple[str, str, str]]:
    """Put lookups on hold whose page needs reauthorization, however they came to be due; return their keys."""
    rows = await transaction.execute(
        _HOLD_CLAIMED,
        {
            "user_ids": [lookup.user_id for lookup in claimed],
            "platforms": [lookup.platform for lookup in claimed],
            "page_ids": [lookup.page_id for lookup in claimed],
            "participant_ids": [lookup.participant_id for lookup in claimed],
        },
    )
    return frozenset((str(user_id), str(platform), str(participant)) for user_id, platform, participant in rows)


async def known_participants(connection: Connection, keys: Sequence[ParticipantKey]) -> list[KnownParticipant]:
    """Return the profiles of `keys` that are known."""
    rows = await connection.execute(
        _PARTICIPANTS,
        {
            "user_ids": [key.user_id for key in keys],
            "platforms": [key.platform for key in keys],
            "participant_ids": [key.participant_id for key in keys],
        },
    )
    return [
        KnownParticipant(
            user_id=user_id,
            platform=platform,
            participant_id=participant_id,
            profile=Profile(name=name, username=username, profile_pic=pic, fetched_at=fetched_at),
        )
        for user_id, platform, participant_id, name, username, pic, fetched_at in rows
    ]
