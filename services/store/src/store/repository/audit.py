"""The audit log: appending in the transaction of what is recorded, reading, and deleting what is old."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from operator import itemgetter

import asyncpg
import msgspec

from store.core.audit import MAX_DETAILS_BYTES, Action, Actor, AuditEntry, AuditRecord, ChainHead
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

_BATCH = 1_000
_BEFORE_ALL = -(2**63)
_json = msgspec.json.Encoder(order="deterministic")

# Triggers number and chain the rows, in the order of the arrays.
_APPEND = Statement("""
    INSERT INTO audit_log (at, actor_kind, actor, action, target, user_id, details)
    SELECT CAST(:now AS timestamptz), d.* FROM unnest(
        CAST(:actor_kinds AS text[]), CAST(:actors AS text[]), CAST(:actions AS text[]), CAST(:targets AS text[]),
        CAST(:user_ids AS text[]), CAST(:details AS text[])) AS d
""")
_COLUMNS = "number, at, actor_kind, actor, action, target, user_id, details, encode(hash, 'hex') AS hash"
_LIST = Statement(f"""
    SELECT {_COLUMNS} FROM audit_log
    WHERE number < coalesce(CAST(:before_number AS bigint), 9223372036854775807)
      AND (CAST(:actor AS text) IS NULL OR actor = CAST(:actor AS text))
      AND (CAST(:action AS text) IS NULL OR action = CAST(:action AS text))
      AND (CAST(:user_id AS text) IS NULL OR user_id = CAST(:user_id AS text))
      AND at >= coalesce(CAST(:since AS timestamptz), '-infinity')
      AND at < coalesce(CAST(:until AS timestamptz), 'infinity')
    ORDER BY number DESC LIMIT CAST(:limit AS bigint)
""")  # noqa: S608 - a constant of ours
_CHAIN = Statement(f"""
    SELECT {_COLUMNS} FROM audit_log WHERE number > CAST(:after AS bigint) ORDER BY number LIMIT CAST(:limit AS bigint)
""")  # noqa: S608 - a constant of ours
_HEAD = Statement("""
    SELECT number, encode(hash, 'hex') AS hash, pruned_number, encode(pruned_hash, 'hex') AS pruned_hash
    FROM audit_head
""")
_TAKE_READS = Statement("""
    DELETE FROM agent_reads WHERE user_id IN (
        SELECT user_id FROM agent_reads ORDER BY user_id LIMIT CAST(:limit AS bigint) FOR UPDATE SKIP LOCKED
    )
    RETURNING user_id, marks, since
""")
_PRUNE = Statement("SELECT audit_prune(CAST(:before AS timestamptz), CAST(:limit AS bigint))")


class DetailsTooLarge(ValueError):
    """A bug of the caller: details are small by design."""


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records to list; None: all."""

    actor: str | None = None
    action: str | None = None
    user_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def append(transaction: Connection, entries: Sequence[AuditEntry], *, now: datetime) -> None:
    """Record what was done, in the transaction that does it: both are committed, or neither.

    Call it last in the transaction. From here to the commit it holds the lock on the end of the chain, which every
    other writer of the log waits for.

    Args:
        transaction: of what is recorded.
        entries: at most a few hundred, chained in this order.
        now: when (UTC).

    Raises:
        DetailsTooLarge: the details of one exceed 16 KiB as JSON.
    """
    if not entries:
        return
    details = [_json.encode(entry.details) for entry in entries]
    if any(len(encoded) > MAX_DETAILS_BYTES for encoded in details):
        raise DetailsTooLarge(f"the details of an audit record exceed {MAX_DETAILS_BYTES} bytes")
    await transaction.execute(
        _APPEND,
        {
            "now": now,
            "actor_kinds": [entry.actor.kind for entry in entries],
            "actors": [entry.actor.name for entry in entries],
            "actions": [entry.action.value for entry in entries],
            "targets": [entry.target for entry in entries],
            "user_ids": [entry.user_id for entry in entries],
            "details": [encoded.decode() for encoded in details],
        },
    )


async def record_reads(database: Database, *, now: datetime, limit: int) -> int:
    """Record what up to `limit` agents have read since the last time, and return how many records were made."""
    async with database.transaction() as transaction:
        rows = await transaction.execute(_TAKE_READS, {"limit": limit})
        entries = [
            AuditEntry(
                actor=Actor("user", row["user_id"]),
                action=Action.CONVERSATIONS_READ,
                target="",
                user_id=row["user_id"],
                details={"marks": row["marks"], "since": row["since"].isoformat()},
            )
            for row in sorted(rows, key=itemgetter("user_id"))
        ]
        await append(transaction, entries, now=now)
    return len(entries)


async def list_records(
    database: Database, chosen: AuditFilter, *, before_number: int | None = None, limit: int
) -> list[AuditRecord]:
    """Return records, the latest first, starting before `before_number`."""
    arguments = {**msgspec.structs.asdict(chosen), "before_number": before_number, "limit": limit}
    async with database.reading() as connection:
        return [_record(row) for row in await connection.execute(_LIST, arguments)]


async def head(database: Database) -> ChainHead:
    """Return where the chain starts and ends."""
    async with database.reading() as connection:
        [row] = await connection.execute(_HEAD)
    return ChainHead(**row)


async def chain(database: Database) -> AsyncIterator[AuditRecord]:
    """Yield all records in the order of their numbers, in batches: retention may delete some meanwhile."""
    after = _BEFORE_ALL
    while True:
        async with database.reading() as connection:
            rows = await connection.execute(_CHAIN, {"after": after, "limit": _BATCH})
        for row in rows:
            yield _record(row)
        if len(rows) < _BATCH:
            return
        after = rows[-1]["number"]


async def prune(database: Database, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` of the oldest records from before then, move the checkpoint, and return how many."""
    async with database.transaction() as transaction:
        return int(await transaction.scalar(_PRUNE, {"before": before, "limit": limit}))


def _record(row: asyncpg.Record) -> AuditRecord:
    return AuditRecord(**{**row, "details": msgspec.Raw(row["details"].encode())})
