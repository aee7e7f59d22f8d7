"""Users' tokens that are no longer accepted."""

from datetime import datetime

from shared.contracts.internal import RevocationsResponse, RevokedTokens
from shared.errors import PermanentError
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

MAX_REVOCATIONS = 50_000
"""Every process keeps all of them in memory."""
MAX_PER_USER = 100
_ALL = ""
"""`token_id` of the row that stands for all tokens of its user."""

_LOCK = Statement("SELECT pg_advisory_xact_lock(hashtextextended('revoked tokens', 0))")
_COUNT = Statement("SELECT count(*) AS total, count(*) FILTER (WHERE user_id = :user_id) AS own FROM revoked_tokens")
_REVOKE = Statement("""
    INSERT INTO revoked_tokens (user_id, token_id, not_before, expires_at, revoked_by)
    VALUES (:user_id, :token_id, :not_before, :expires_at, :revoked_by)
    ON CONFLICT (user_id, token_id) DO UPDATE SET
        not_before = greatest(revoked_tokens.not_before, EXCLUDED.not_before),
        expires_at = greatest(revoked_tokens.expires_at, EXCLUDED.expires_at), revoked_by = EXCLUDED.revoked_by
    RETURNING not_before
""")
_RESTORE = Statement("DELETE FROM revoked_tokens WHERE user_id = :user_id AND token_id = :token_id")
_VERSION = Statement("""
    SELECT count(*) || '-' || coalesce(max(extract(epoch FROM not_before)), 0) FROM revoked_tokens
""")
_READ = Statement("SELECT user_id, token_id, not_before FROM revoked_tokens ORDER BY not_before LIMIT 60000")


class TooManyRevocations(PermanentError):
    """Another one would exceed a limit. `str()` says what to do instead."""


async def revoke(
    transaction: Connection,
    user_id: str,
    token_id: str | None,
    *,
    not_before: datetime,
    expires_at: datetime,
    revoked_by: str,
) -> RevokedTokens:
    """Revoke one token of a user, or all that were issued before `not_before`.

    Raises:
        TooManyRevocations: the user, or the whole table, has too many already.
    """
    await transaction.execute(_LOCK)
    [counted] = await transaction.execute(_COUNT, {"user_id": user_id})
    if counted["total"] >= MAX_REVOCATIONS:
        raise TooManyRevocations("Replace SWITCHBOARD_JWT_SECRET: then no older token of any user is valid.")
    if token_id is not None and counted["own"] >= MAX_PER_USER:
        raise TooManyRevocations("Revoke all tokens of this user instead: leave out `token_id`.")
    arguments = {"user_id": user_id, "token_id": token_id or _ALL, "not_before": not_before}
    at = await transaction.scalar(_REVOKE, {**arguments, "expires_at": expires_at, "revoked_by": revoked_by})
    return RevokedTokens(user_id=user_id, token_id=token_id, not_before=at)


async def restore(transaction: Connection, user_id: str, token_id: str | None) -> bool:
    """Withdraw a revocation; return whether there was one."""
    return await transaction.count(_RESTORE, {"user_id": user_id, "token_id": token_id or _ALL}) > 0


async def read(database: Database, known_version: str) -> RevocationsResponse:
    """Return all revocations, unless `known_version` is theirs."""
    async with database.reading() as connection:
        # Read first: rows that are added meanwhile then belong to a later version.
        version = str(await connection.scalar(_VERSION))
        if version == known_version:
            return RevocationsResponse(version=version, revoked=None)
        rows = await connection.execute(_READ)
    revoked = tuple(
        RevokedTokens(user_id=row["user_id"], token_id=row["token_id"] or None, not_before=row["not_before"])
        for row in rows
    )
    return RevocationsResponse(version=version, revoked=revoked)
