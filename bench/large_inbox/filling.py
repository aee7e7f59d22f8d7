"""A large inbox of one user, written by COPY as the store would have left it; words follow Zipf's law."""

import itertools
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from shared.contracts import Platform, conversation_id
from store.core.search.documents import message_key, search_document, user_key

USER = "user-1"
PAGE = "page-1"
RARE_WORD = "unicorn"
"""Stands in one message."""
VOCABULARY_SIZE = 60_000
START = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS_PER_MESSAGE = 5
_SEQS_PER_MESSAGE = 3
"""Receipts, reactions and edits take numbers too."""
_ROWS_PER_COPY = 20_000
_MESSAGES_PER_RECORD = 100
_LOGGED_SHARE = 4
"""The log reaches back over a quarter of the messages."""
_KEPT = timedelta(days=3650)
"""From then on old rows are deleted by age; not while they are read here."""


class Inbox(NamedTuple):
    """How large it is."""

    messages: int
    conversations: int

    @property
    def last_seq(self) -> int:
        return self.messages * _SEQS_PER_MESSAGE

    @property
    def floor_seq(self) -> int:
        return (self.messages - self.messages // _LOGGED_SHARE) * _SEQS_PER_MESSAGE


class Customer(NamedTuple):
    conversation_id: str
    participant_id: str
    platform: Platform


class Row(NamedTuple):
    """What differs between messages."""

    number: int
    customer: Customer
    content: str

    @property
    def id(self) -> int:
        return self.number * _SEQS_PER_MESSAGE + 1

    @property
    def at(self) -> datetime:
        return START + timedelta(seconds=self.number * SECONDS_PER_MESSAGE)


def vocabulary() -> list[str]:
    """Return made-up words, the frequent ones short."""
    syllables = ["a", "ba", "co", "du", "el", "fi", "go", "hu", "in", "ka", "lo", "mi", "ne", "or", "pa", "qui"]
    words = []
    for number in range(VOCABULARY_SIZE):
        word, left = "", number + 7
        while left:
            left, syllable = divmod(left, len(syllables))
            word += syllables[syllable]
        words.append(word)
    return words


def customers_of(number: int) -> list[Customer]:
    """Return every customer: most of them on Facebook, a tenth on WhatsApp, three in a thousand on Instagram."""

    def platform(i: int) -> Platform:
        if i % 333 == 5:
            return "instagram"
        return "whatsapp" if i % 10 == 3 else "facebook"

    return [Customer(conversation_id(platform(i), USER, f"p{i}"), f"p{i}", platform(i)) for i in range(number)]


def rows_of(inbox: Inbox, customers: Sequence[Customer]) -> Iterator[Row]:
    """Yield the messages, oldest first: half of them within a tenth of the customers."""
    source = random.Random(7)
    words = vocabulary()
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    for number in range(inbox.messages):
        busy = number % 2 and number >= len(customers)
        among = max(1, len(customers) // 10) if busy else len(customers)
        at = number if number < len(customers) else source.randrange(among)
        content = " ".join(source.choices(words, cum_weights=weights, k=source.randint(4, 24)))
        if number == inbox.messages * 3 // 4:
            content += f" {RARE_WORD}"
        yield Row(number, customers[at], content)


async def fill(url: str, inbox: Inbox) -> None:
    """Write the inbox into an empty database of the present schema, and its terms as the indexer would have."""
    customers = customers_of(inbox.conversations)
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("INSERT INTO inboxes VALUES ($1, $2, $2, $3)", USER, inbox.last_seq, inbox.floor_seq)
    await connection.execute("INSERT INTO search_positions VALUES ($1, $2)", USER, inbox.last_seq)
    await connection.execute(
        "INSERT INTO accounts (platform, page_id, owned_from, user_id, version, name, status, connected_at)"
        " SELECT p, $1, $2, $3, 1, 'The Shop', 'connected', $2 FROM unnest($4::text[]) p",
        PAGE,
        START,
        USER,
        ["facebook", "instagram", "whatsapp"],
    )
    last: dict[str, Row] = {}
    source = rows_of(inbox, customers)
    while part := list(itertools.islice(source, _ROWS_PER_COPY)):
        await _copy(connection, "messages", map(_message, part))
        await connection.copy_records_to_table("message_search", records=map(_terms, part))
        await _copy(connection, "inbox_log", (entry for row in part for entry in _log(inbox, row)))
        last.update((row.customer.conversation_id, row) for row in part)
    names = dict(zip((customer.conversation_id for customer in customers), _names(len(customers)), strict=True))
    newest = last.values()
    await _copy(connection, "conversations", (_conversation(n, row, names) for n, row in enumerate(newest)))
    await connection.copy_records_to_table(
        "person_search",
        records=[
            (
                USER,
                c.conversation_id,
                user_key(USER),
                search_document(c.platform, f"{names[c.conversation_id]}\n{c[1]}"),
            )
            for c in customers
        ],
    )
    await _copy(connection, "records", map(_record, range(inbox.messages // _MESSAGES_PER_RECORD)))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def _copy(connection: Any, table: str, records: Iterable[dict[str, Any]]) -> None:
    found = list(records)
    if found:
        await connection.copy_records_to_table(table, columns=list(found[0]), records=[(*r.values(),) for r in found])


def _message(row: Row) -> dict[str, Any]:
    is_outgoing = row.number % 3 == 2
    attachments = [{"type": "image", "url": f"https://cdn.example/{row.number}.jpg"}] if row.number % 20 == 0 else []
    return {
        "user_id": USER,
        "id": row.id,
        "seq": row.id,
        "platform": row.customer.platform,
        "page_id": PAGE,
        "kind": "message",
        "message_id": f"m_{row.id}",
        "conversation_id": row.customer.conversation_id,
        "direction": "outgoing" if is_outgoing else "incoming",
        "sender_id": PAGE if is_outgoing else row.customer.participant_id,
        "content": row.content,
        "created_at": row.at,
        "status": "delivered" if is_outgoing else None,
        "delivered_at": row.at if is_outgoing else None,
        "attachments": json.dumps(attachments),
    }


def _terms(row: Row) -> tuple[str, int, str, str]:
    return USER, row.id, message_key(USER, row.id), search_document(row.customer.platform, row.content)


def _log(inbox: Inbox, row: Row) -> Iterator[dict[str, Any]]:
    if row.id <= inbox.floor_seq:
        return
    for offset in range(_SEQS_PER_MESSAGE):
        yield {
            "user_id": USER,
            "seq": row.id + offset,
            "kind": "message_updated" if offset else "new_message",
            "message_id": row.id,
            "conversation_id": row.customer.conversation_id,
            "cause_id": f"{row.id + offset:032x}",
            "occurred_at": row.at,
            "received_at": row.at,
            "at": row.at + _KEPT,
        }


def _names(number: int) -> Iterator[str]:
    words = vocabulary()
    return (f"{words[n % 4000 + 50].title()} {words[n // 7 + 50].title()}" for n in range(number))


def _conversation(number: int, row: Row, names: dict[str, str]) -> dict[str, Any]:
    return {
        "user_id": USER,
        "conversation_id": row.customer.conversation_id,
        "platform": row.customer.platform,
        "participant_id": row.customer.participant_id,
        "participant_name": names[row.customer.conversation_id],
        "last_message_id": row.id,
        "last_message_at": row.at,
        "unread_count": int(number % 20 == 0),
        "last_seq": row.id,
        "created_at": START,
    }


def _record(number: int) -> dict[str, Any]:
    at = START + timedelta(seconds=number * SECONDS_PER_MESSAGE * _MESSAGES_PER_RECORD)
    return {
        "user_id": USER,
        "platform": "facebook",
        "page_id": PAGE,
        "kind": "optin" if number % 50 == 0 else "comment",
        "record_id": f"r_{number}",
        "text": "So blue!",
        "body": "{}",
        "occurred_at": at,
        "received_at": at + _KEPT,
    }
