"""The steps of an erasure: each deletes a bounded number of rows in a transaction of its own, and says where it is.

A process that is killed leaves a committed position, from which any other continues.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from shared.contracts import InboxEnrichedV1, Platform, ProfileRequestedV1, ProfileResolvedV1, decode
from shared.errors import MalformedEvent
from store.core.erased import IdentityDigests, names_person
from store.core.facts import ItemKey, MessageKey
from store.core.ledger import ERASED
from store.repository.erasures import identities
from store.repository.erasures.requests import NOBODY, conversation_ids, lock_index
from store.repository.inbox.counters import lock_inboxes
from store.repository.inbox.message_rows import parse_item
from store.repository.ledger import item_outcomes
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Connection, Statement

_ROWS_PER_STEP = 2_000
_BODIES_PER_STEP = 200
"""Rows whose bodies are read: each may hold a whole webhook."""

_CLAIM = Statement("""
    SELECT id, user_id, platform, participant_ids::text AS people, top_seq, step, position,
           requested_at
    FROM erasures
    WHERE finished_at IS NULL ORDER BY requested_at, id, user_id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_ADVANCE = Statement("""
    UPDATE erasures SET step = :step, position = :position, messages = messages + :messages, others = others + :others,
                        finished_at = CAST(:finished_at AS timestamptz),
                        participant_ids = CASE WHEN CAST(:finished_at AS timestamptz) IS NULL THEN participant_ids END
    WHERE id = :id AND user_id = :user_id
""")
_DELETE_MESSAGES = Statement("""
    DELETE FROM messages WHERE user_id = :user_id AND id IN (
        SELECT id FROM messages
        WHERE user_id = :user_id AND conversation_id = ANY(CAST(:conversation_ids AS text[])) AND id <= :top_seq
        LIMIT CAST(:limit AS bigint)
    )
    RETURNING id, page_id, kind, message_id
""")
_DELETE_TERMS = Statement("DELETE FROM message_search WHERE user_id = :user_id AND id = ANY(CAST(:ids AS bigint[]))")
_DELETE_PENDING_OF = Statement("""
    DELETE FROM waiting_annotations
    WHERE user_id = :user_id AND platform = :platform AND page_id = ANY(CAST(:page_ids AS text[]))
      AND message_id = ANY(CAST(:message_ids AS text[]))
    RETURNING items
""")
_DELETE_PENDING = Statement("""
    DELETE FROM waiting_annotations
    WHERE user_id = :user_id AND platform = :platform AND updated_at <= :requested_at
      AND (participant_id = ANY(CAST(:people AS text[])) OR annotations->'reactions' ?| CAST(:people AS text[]))
    RETURNING items, message_id, page_id
""")
_DELETE_RECEIPTS = Statement("""
    DELETE FROM receipts WHERE user_id = :user_id AND platform = :platform
      AND participant_id = ANY(CAST(:people AS text[])) AND watermark <= :requested_at
""")
_PATTERN = "(^|[^A-Za-z0-9._-])({people})($|[^A-Za-z0-9._-])"
_DELETE_RECORDS = Statement("""
    DELETE FROM records WHERE (user_id, platform, page_id, kind, record_id) IN (
        SELECT user_id, platform, page_id, kind, record_id FROM records
        WHERE user_id = :user_id AND platform = :platform AND occurred_at <= :requested_at
          AND (participant_id = ANY(CAST(:people AS text[])) OR actor_id = ANY(CAST(:people AS text[]))
               OR body ~ :pattern)
        LIMIT CAST(:limit AS bigint)
    )
""")
_DELETE_RAW = Statement("""
    DELETE FROM raw_items WHERE (user_id, event_id) IN (
        SELECT user_id, event_id FROM raw_items
        WHERE user_id = :user_id AND platform = :platform AND occurred_at <= :requested_at
          AND (participant_id = ANY(CAST(:people AS text[])) OR body ~ :pattern)
        LIMIT CAST(:limit AS bigint)
    )
""")
_PAGES = Statement("SELECT DISTINCT page_id FROM accounts WHERE user_id = :user_id AND platform = :platform")
_PARKED = Statement("""
    SELECT id, content_type, original, reason, page_id FROM parked_items
    WHERE id > :position AND reason <> 'erased' ORDER BY id LIMIT CAST(:limit AS bigint)
""")
_ERASE_PARKED = Statement("""
    UPDATE parked_items SET original = '', reason = 'erased' WHERE id = ANY(CAST(:ids AS text[]))
""")
_WAITING = Statement("""
    SELECT id, entry FROM waiting_webhooks
    WHERE id > :position AND platform = :platform
      AND (CAST(:page_ids AS text[]) IS NULL OR page_id = ANY(CAST(:page_ids AS text[])))
    ORDER BY id LIMIT CAST(:limit AS bigint)
""")
_DELETE_WAITING = Statement("""
    DELETE FROM waiting_webhooks WHERE id = ANY(CAST(:ids AS text[])) RETURNING webhook_id, item_index
""")
_ERASE_LOG = Statement("""
    UPDATE inbox_log SET kind = 'conversation_removed', message_id = NULL, cause_id = :erasure_id
    WHERE user_id = :user_id AND seq > :after AND seq <= :upto
      AND conversation_id = ANY(CAST(:conversation_ids AS text[]))
""")
_FLOOR = Statement("SELECT floor_seq FROM inboxes WHERE user_id = :user_id")


class _Work(NamedTuple):
    """An erasure that is open, as far as the steps need it."""

    transaction: Connection
    id: str
    user_id: str
    platform: Platform
    people: list[str]
    conversation_ids: list[str]
    top_seq: int
    position: str
    requested_at: datetime
    digests: IdentityDigests
    now: datetime

    def arguments(self, **more: object) -> dict[str, object]:
        return {
            "user_id": self.user_id,
            "platform": self.platform,
            "people": self.people,
            "conversation_ids": self.conversation_ids,
            "top_seq": self.top_seq,
            "position": self.position,
            "requested_at": self.requested_at,
            "limit": _ROWS_PER_STEP,
            **more,
        }


class _Progress(NamedTuple):
    """What one batch did; `position` None: the step has nothing left."""

    position: str | None
    messages: int = 0
    others: int = 0


async def advance(database: Database, *, digests: IdentityDigests, now: datetime) -> bool:
    """Do one batch of the oldest open erasure; return whether there was one."""
    async with database.transaction() as transaction:
        rows = await transaction.execute(_CLAIM)
        if not rows:
            return False
        [row] = rows
        people = msgspec.json.decode(row["people"], type=list[str])
        work = _Work(
            transaction,
            row["id"],
            row["user_id"],
            row["platform"],
            people,
            conversation_ids(row["platform"], row["user_id"], people),
            row["top_seq"],
            row["position"],
            row["requested_at"],
            digests,
            now,
        )
        names = list(_STEPS)
        progress = await _STEPS[row["step"]](work)
        step, position, finished_at = row["step"], progress.position, None
        if position is None:
            following = names.index(step) + 1
            position = ""
            if following == len(names) or (work.user_id == NOBODY and names[following] == "log"):
                finished_at = now
            else:
                step = names[following]
        await transaction.execute(
            _ADVANCE,
            {
                "id": work.id,
                "user_id": work.user_id,
                "step": step,
                "position": position,
                "messages": progress.messages,
                "others": progress.others,
                "finished_at": finished_at,
            },
        )
    return True


async def _messages(work: _Work) -> _Progress:
    """Delete messages with their search terms and what waits for them; remember their digests."""
    await lock_inboxes(work.transaction, [work.user_id])
    await lock_index(work.transaction, work.user_id)
    rows = await work.transaction.execute(_DELETE_MESSAGES, work.arguments())
    await work.transaction.execute(_DELETE_TERMS, work.arguments(ids=[row["id"] for row in rows]))
    pending = await work.transaction.execute(
        _DELETE_PENDING_OF,
        work.arguments(
            page_ids=sorted({row["page_id"] for row in rows}), message_ids=[row["message_id"] for row in rows]
        ),
    )
    await _ignore(work, pending)
    await _remember(work, rows)
    return _Progress(None if len(rows) < _ROWS_PER_STEP else "", messages=len(rows), others=len(pending))


async def _remember(work: _Work, rows: Sequence[Any]) -> None:
    keys = [MessageKey(work.user_id, work.platform, row["page_id"], "message", row["message_id"]) for row in rows]
    await identities.remember(
        work.transaction, work.user_id, [work.digests.message(key)[0] for key in keys], now=work.now
    )


async def _ignore(work: _Work, rows: Sequence[Any]) -> None:
    items: set[ItemKey] = {parse_item(item) for row in rows for item in row["items"]}
    await item_outcomes.ignore_waiting(work.transaction, items, kind=ERASED)


async def _pending(work: _Work) -> _Progress:
    """Delete what waits for messages that never arrived, and receipts; late ones of the same messages stay out."""
    await lock_inboxes(work.transaction, [work.user_id])
    rows = await work.transaction.execute(_DELETE_PENDING, work.arguments())
    await _ignore(work, rows)
    await _remember(work, rows)
    receipts = await work.transaction.count(_DELETE_RECEIPTS, work.arguments())
    return _Progress(None, others=len(rows) + receipts)


def _deleting(statement: Statement) -> Callable[[_Work], Awaitable[_Progress]]:
    """Return a step that deletes rows until there are none."""

    async def step(work: _Work) -> _Progress:
        pattern = _PATTERN.format(people="|".join(person.replace(".", "[.]") for person in work.people))
        deleted = await work.transaction.count(statement, work.arguments(pattern=pattern))
        return _Progress(None if deleted < _ROWS_PER_STEP else "", others=deleted)

    return step


async def _parked(work: _Work) -> _Progress:
    """Empty parked items that name the person. Their rows stay, because the ledger counts them."""
    rows = await work.transaction.execute(_PARKED, work.arguments(limit=_BODIES_PER_STEP))
    pages = await _pages(work)
    ids = [row["id"] for row in rows if _is_about(row, work, pages)]
    await work.transaction.execute(_ERASE_PARKED, {"ids": ids})
    return _Progress(rows[-1]["id"] if len(rows) == _BODIES_PER_STEP else None, others=len(ids))


def _is_about(row: Any, work: _Work, pages: Sequence[str]) -> bool:
    original = bytes(row["original"])
    if not names_person(original + b" " + row["reason"].encode(), work.people):
        return False
    if work.user_id == NOBODY:
        return True
    try:
        event = decode(row["content_type"], original)
    except MalformedEvent:
        event = None
    if isinstance(event, InboxEnrichedV1 | ProfileRequestedV1 | ProfileResolvedV1):
        return event.user_id == work.user_id
    # A whole webhook may be about pages of several users: it is this user's if it names one of theirs.
    return names_person(original, pages)


async def _pages(work: _Work) -> list[str]:
    return [row["page_id"] for row in await work.transaction.execute(_PAGES, work.arguments())]


async def _waiting(work: _Work) -> _Progress:
    """Delete items of unclaimed webhooks that name the person."""
    page_ids = None if work.user_id == NOBODY else await _pages(work)
    rows = await work.transaction.execute(_WAITING, work.arguments(page_ids=page_ids, limit=_BODIES_PER_STEP))
    ids = [row["id"] for row in rows if names_person(bytes(row["entry"]), work.people)]
    deleted = await work.transaction.execute(_DELETE_WAITING, {"ids": ids})
    await item_outcomes.ignore_waiting(work.transaction, [ItemKey(**row) for row in deleted], kind=ERASED)
    return _Progress(rows[-1]["id"] if len(rows) == _BODIES_PER_STEP else None, others=len(ids))


async def _log(work: _Work) -> _Progress:
    """Make every earlier change of the conversations a removal. The log keeps its numbers, without holes."""
    await lock_inboxes(work.transaction, [work.user_id])
    floor = int(await work.transaction.scalar(_FLOOR, work.arguments()) or 0)
    after = max(floor, int(work.position or 0))
    upto = min(after + _ROWS_PER_STEP, work.top_seq)
    await work.transaction.execute(_ERASE_LOG, work.arguments(after=after, upto=upto, erasure_id=work.id))
    return _Progress(str(upto) if upto < work.top_seq else None)


_STEPS: Mapping[str, Callable[[_Work], Awaitable[_Progress]]] = {
    "messages": _messages,
    "pending": _pending,
    "records": _deleting(_DELETE_RECORDS),
    "raw": _deleting(_DELETE_RAW),
    "parked": _parked,
    "waiting": _waiting,
    "log": _log,
}
"""In this order."""
