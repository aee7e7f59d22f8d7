"""Reads the facts of a user in canonical order, a bounded number at a time."""

from collections.abc import AsyncIterator
from functools import cache
from typing import Any, NamedTuple

import msgspec

from store.core.canonical import SECTIONS, StateHasher
from store.repository.inbox.message_columns import MESSAGE_ROW
from store.repository.postgres.statements import Connection, Statement

_BATCH_SIZE = 1000


class _Source(NamedTuple):
    """Where a section's facts come from. There is an index in the order of `key`."""

    origin: str
    """FROM clause; the facts' own table is `t`."""
    key: tuple[str, ...]
    json: tuple[str, ...] = ()
    other: tuple[tuple[str, str], ...] = ()
    """Fields that are not columns of `t`, and their expressions."""


_SOURCES = {
    "conversations": _Source(
        "conversations t LEFT JOIN messages m ON m.user_id = t.user_id AND m.id = t.last_message_id",
        ("platform", "participant_id"),
        ("aliases",),
        (
            ("last_message_page_id", "m.page_id"),
            ("last_message_kind", "m.kind"),
            ("last_message_id", "m.message_id"),
        ),
    ),
    "messages": _Source(
        "messages t LEFT JOIN conversations c ON c.user_id = t.user_id AND c.conversation_id = t.conversation_id",
        ("platform", "page_id", "kind", "message_id"),
        tuple(MESSAGE_ROW.json),
        (("participant_id", "c.participant_id"),),
    ),
    "waiting_annotations": _Source("waiting_annotations t", ("platform", "page_id", "message_id"), ("annotations",)),
    "receipts": _Source("receipts t", ("platform", "page_id", "participant_id", "status", "watermark")),
    "participant_links": _Source("participant_links t", ("platform", "participant_id", "alias")),
    "waiting_profiles": _Source("waiting_profiles t", ("platform", "participant_id")),
    "records": _Source("records t", ("platform", "page_id", "kind", "record_id")),
    "raw_items": _Source("raw_items t", ("event_id",)),
}


async def state_hash(connection: Connection, user_id: str, *, batch_size: int = _BATCH_SIZE) -> str:
    """Return the hash of everything that is stored about a user, in hex: equal exactly if the facts are equal.

    It reads `batch_size` facts per statement. If the data may change meanwhile, call it in a transaction with a single
    snapshot (REPEATABLE READ).
    """
    found = StateHasher()
    for section in SECTIONS:
        async for fact in _facts(connection, user_id, section, batch_size=batch_size):
            found.add(section, fact)
    return found.hex


async def state(connection: Connection, user_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return the same facts, for people to read. All of them are in memory, so the user must have few."""
    return {
        section: [fact async for fact in _facts(connection, user_id, section, batch_size=_BATCH_SIZE)]
        for section in SECTIONS
    }


async def _facts(
    connection: Connection, user_id: str, section: str, *, batch_size: int
) -> AsyncIterator[dict[str, Any]]:
    source = _SOURCES[section]
    arguments: dict[str, object] = {"user_id": user_id, "limit": batch_size}
    continues = False
    while True:
        rows = await connection.execute(statement(section, continues=continues), arguments)
        for row in rows:
            yield {name: _value(row[name], is_json=name in source.json) for name in SECTIONS[section]}
        if len(rows) < batch_size:
            return
        arguments |= {f"after_{name}": rows[-1][name] for name in source.key}
        continues = True


@cache
def statement(section: str, *, continues: bool) -> Statement:
    """Return the statement that reads a section."""
    source = _SOURCES[section]
    others = dict(source.other)
    columns = ", ".join(
        f"{others.get(name, f't.{name}')}{'::text' if name in source.json else ''} AS {name}"
        for name in SECTIONS[section]
    )
    key = ", ".join(f"t.{name}" for name in source.key)
    after = f"AND ({key}) > ({', '.join(f':after_{name}' for name in source.key)})" if continues else ""
    return Statement(
        f"SELECT {columns} FROM {source.origin} WHERE t.user_id = :user_id {after}"  # noqa: S608 - constants of ours
        f" ORDER BY {key} LIMIT CAST(:limit AS bigint)"
    )


def _value(value: Any, *, is_json: bool) -> Any:
    return msgspec.json.decode(value) if is_json and value is not None else value
