"""Ownership of pages: reading intervals, and writing changes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from msgspec.structs import asdict

from shared.contracts import Platform, TokenRefusedV1
from store.core.accounts import OwnershipChange, OwnershipInterval, mark_token_refused
from store.core.facts import Cause
from store.core.rows import LogEntry
from store.repository.inbox.counters import create_and_lock_inboxes
from store.repository.inbox.writing import write_log
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement
from store.repository.profile_lookups import hold_lookups

PageKey = tuple[str, str]
"""(platform, page_id)"""

_LOCK_PAGES = Statement("""
    SELECT pg_advisory_xact_lock(lock) FROM (
        SELECT DISTINCT hashtextextended('page ' || p || ' ' || i, 0) AS lock
        FROM unnest(CAST(:platforms AS text[]), CAST(:page_ids AS text[])) AS k(p, i) ORDER BY 1
    ) AS sorted
""")
_INTERVALS = Statement("""
    SELECT a.platform, a.page_id, a.user_id, a.owned_from, a.owned_until, a.version, a.name, a.token_ciphertext,
           a.status, a.reason, a.connected_at
    FROM (SELECT DISTINCT p, i FROM unnest(CAST(:platforms AS text[]), CAST(:page_ids AS text[])) AS u(p, i)) AS k
    JOIN accounts a ON a.platform = k.p AND a.page_id = k.i
    ORDER BY a.platform, a.page_id, a.owned_from
""")
_SAVE = Statement("""
    INSERT INTO accounts (platform, page_id, owned_from, owned_until, user_id, version, name, token_ciphertext, status,
                          reason, connected_at)
    VALUES (:platform, :page_id, :owned_from, :owned_until, :user_id, :version, :name, :token_ciphertext, :status,
            :reason, :connected_at)
    ON CONFLICT (platform, page_id, owned_from) DO UPDATE SET
        owned_until = EXCLUDED.owned_until, version = EXCLUDED.version, name = EXCLUDED.name,
        token_ciphertext = EXCLUDED.token_ciphertext, status = EXCLUDED.status, reason = EXCLUDED.reason
""")
_AUDIT_MINT = Statement("""
    INSERT INTO token_mints (user_id, minted_at, expires_at, minted_by)
    VALUES (:user_id, :minted_at, :expires_at, :minted_by)
""")


async def lock_pages(transaction: Connection, pages: Iterable[PageKey]) -> None:
    """Lock pages: nobody else can change their owners or add unclaimed items until the transaction ends.

    Every writer locks pages before counter rows, so that no two writers deadlock.
    """
    keys = list(pages)
    await transaction.execute(
        _LOCK_PAGES, {"platforms": [platform for platform, _ in keys], "page_ids": [page for _, page in keys]}
    )


async def intervals(connection: Connection, pages: Iterable[PageKey]) -> dict[PageKey, list[OwnershipInterval]]:
    """Return the ownership intervals of these pages, oldest first; pages without any are left out."""
    keys = list(pages)
    rows = await connection.execute(
        _INTERVALS, {"platforms": [platform for platform, _ in keys], "page_ids": [page for _, page in keys]}
    )
    return {
        (platform, page_id): [
            OwnershipInterval(**{name: row[name] for name in OwnershipInterval.__struct_fields__}) for row in of_page
        ]
        for (platform, page_id), of_page in groupby(rows, key=itemgetter("platform", "page_id"))
    }


async def mark_refused(database: Database, event: TokenRefusedV1, *, now: datetime) -> list[str]:
    """Mark the account whose token the platform refuses, and put its profile lookups on hold.

    This is a transaction of its own, because pages are locked before counter rows.

    Returns:
        The users to notify; none if the page has another token by now or is marked already.
    """
    page: tuple[Platform, str] = (event.platform, event.page_id)
    async with database.transaction() as transaction:
        await lock_pages(transaction, [page])
        known = (await intervals(transaction, [page])).get(page, [])
        # Postgres cannot store NUL characters.
        reason = event.reason.replace("\0", "")
        change = mark_token_refused(known, version=event.version, reason=reason)
        if change is None:
            return []
        await save(transaction, page, change, cause_id=event.id, now=now)
        for user_id in change.user_ids:
            await hold_lookups(transaction, user_id, *page)
    return change.user_ids


async def save(
    transaction: Connection,
    page: tuple[Platform, str],
    change: OwnershipChange,
    *,
    cause_id: str,
    now: datetime,
) -> None:
    """Write a change of ownership, and log it in the inboxes of all users concerned. The page must be locked."""
    platform, page_id = page
    last_seqs = await create_and_lock_inboxes(transaction, change.user_ids) if change.changed else {}
    for interval in change.intervals:
        await transaction.execute(_SAVE, {"platform": platform, "page_id": page_id, **asdict(interval)})
    if change.changed:
        await write_log(transaction, _entries(page, change.user_ids, last_seqs, Cause(cause_id, now, now)), now=now)


def _entries(
    page: tuple[Platform, str], user_ids: Sequence[str], last_seqs: dict[str, int], cause: Cause
) -> list[LogEntry]:
    platform, page_id = page
    return [
        LogEntry(
            user_id=user_id,
            seq=last_seqs[user_id] + 1,
            kind="account_updated",
            cause=cause,
            platform=platform,
            page_id=page_id,
        )
        for user_id in user_ids
    ]


async def audit_mint(
    transaction: Connection, user_id: str, *, minted_at: datetime, expires_at: datetime, minted_by: str
) -> None:
    """Log that a token was minted, with the fingerprint of the admin token."""
    await transaction.execute(
        _AUDIT_MINT,
        {"user_id": user_id, "minted_at": minted_at, "expires_at": expires_at, "minted_by": minted_by},
    )
