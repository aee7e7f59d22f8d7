"""How long a reader of a large inbox waits: lists, pages and searches of one user with many messages.

Run from the root: python -m bench.read_side [--messages 1000000] [--conversations 50000]. Rows come by COPY,
words follow Zipf's law, and what is timed is what the REST API does without HTTP: the statements, and
making the answer from them. The server is one of its own, in a temporary folder, or the one that --url names.
"""

import argparse
import asyncio
import gc
import itertools
import random
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import msgspec
import uvloop

from shared.contracts import conversation_id
from store.core.cursors import ConversationPosition, MessagePosition
from store.core.search_documents import document, message_key, user_key
from store.migrations import migrate
from store.repository import reading
from store.repository.database import Database
from store.repository.statements import Statement
from store.routes.search_pages import Page
from switchboard.provision.postgres import embedded_postgres

USER = "user-1"
_START = datetime(2026, 1, 1, tzinfo=UTC)
_SEQS_PER_MESSAGE = 3
"""Receipts, reactions and edits take numbers too."""
_VOCABULARY = 60_000
_ROWS_PER_COPY = 20_000
_RUNS = 200


def vocabulary() -> list[str]:
    """Return made-up words, the frequent ones short."""
    syllables = ["a", "ba", "co", "du", "el", "fi", "go", "hu", "in", "ka", "lo", "mi", "ne", "or", "pa", "qui"]
    words = []
    for number in range(_VOCABULARY):
        word, left = "", number + 7
        while left:
            left, syllable = divmod(left, len(syllables))
            word += syllables[syllable]
        words.append(word)
    return words


def conversations_of(number: int) -> list[tuple[str, str]]:
    """Return (conversation id, participant id) of every customer."""
    return [(conversation_id("facebook", USER, f"p{i}"), f"p{i}") for i in range(number)]


def rows(messages: int, customers: list[tuple[str, str]]) -> Iterator[tuple[int, str, str, str, datetime]]:
    """Yield (id, conversation id, participant id, content, created_at): half of it within a tenth of the customers."""
    source = random.Random(7)
    words = vocabulary()
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    for number in range(messages):
        busy = number % 2 and number >= len(customers)
        among = max(1, len(customers) // 10) if busy else len(customers)
        at = number if number < len(customers) else source.randrange(among)
        conversation, participant = customers[at]
        content = " ".join(source.choices(words, cum_weights=weights, k=source.randint(4, 24)))
        if number == messages * 3 // 4:
            content += " unicorn"
        yield number * _SEQS_PER_MESSAGE + 1, conversation, participant, content, _START + timedelta(seconds=number * 5)


async def fill(url: str, messages: int, conversations: int) -> None:
    """Write an inbox as the store would have left it, and its terms as the indexer would have."""
    customers = conversations_of(conversations)
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    last_seq = messages * _SEQS_PER_MESSAGE
    await connection.execute("INSERT INTO inboxes VALUES ($1, $2, $2, 0)", USER, last_seq)
    await connection.execute("INSERT INTO search_positions VALUES ($1, $2)", USER, last_seq)
    last: dict[str, tuple[int, datetime]] = {}
    source = rows(messages, customers)
    while part := list(itertools.islice(source, _ROWS_PER_COPY)):
        await connection.copy_records_to_table(
            "messages",
            columns=(
                "user_id",
                "id",
                "seq",
                "platform",
                "page_id",
                "kind",
                "message_id",
                "conversation_id",
                "direction",
                "sender_id",
                "content",
                "created_at",
            ),
            records=[
                (USER, i, i, "facebook", "page-1", "message", f"m_{i}", c, "incoming", p, content, at)
                for i, c, p, content, at in part
            ],
        )
        await connection.copy_records_to_table(
            "message_search",
            records=[(USER, i, message_key(USER, i), document("facebook", content)) for i, _, _, content, _ in part],
        )
        last.update((c, (i, at)) for i, c, _, _, at in part)
    words = vocabulary()
    names = {c: f"{words[n % 4000 + 50].title()} {words[n // 7 + 50].title()}" for n, (c, _) in enumerate(customers)}
    await connection.copy_records_to_table(
        "conversations",
        columns=(
            "user_id",
            "conversation_id",
            "platform",
            "participant_id",
            "participant_name",
            "last_message_id",
            "last_message_at",
            "unread_count",
            "last_seq",
            "created_at",
        ),
        records=[
            (USER, c, "facebook", p, names[c], last[c][0], last[c][1], n % 20 == 0, last[c][0], _START)
            for n, (c, p) in enumerate(customers)
        ],
    )
    await connection.copy_records_to_table(
        "person_search",
        records=[(USER, c, user_key(USER), document("facebook", f"{names[c]}\n{p}")) for c, p in customers],
    )
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def timed(name: str, call: Callable[[int], Awaitable[int]], *, runs: int = _RUNS) -> float:
    """Print how long `call` takes, and return the 95th percentile in seconds; `call` returns how much it found."""
    taken, found = [], 0
    for run in range(runs):
        started = perf_counter()
        found = await call(run)
        taken.append(perf_counter() - started)
    taken.sort()
    p95 = taken[int(len(taken) * 0.95)]
    print(
        f"{name:44} p50 {statistics.median(taken) * 1e3:7.2f} ms   p95 {p95 * 1e3:7.2f} ms"
        f"   worst {taken[-1] * 1e3:7.2f} ms   {found:>4} found"
    )
    return p95


async def measure(url: str, messages: int, conversations: int) -> None:
    """Print the times of lists, pages and searches."""
    database = Database(url, pool_size=2, command_timeout_seconds=30)
    customers = conversations_of(conversations)
    source = random.Random(5)

    async def listed(run: int) -> int:
        after = None
        if run % 2:
            after = ConversationPosition(_START + timedelta(seconds=source.randrange(messages * 5)), "8" * 16)
        async with database.reading() as connection:
            found = await reading.conversations(
                connection, USER, platform=None, unread_only=run % 4 > 1, after=after, limit=51
            )
        msgspec.json.encode(found)
        return len(found)

    async def paged(run: int) -> int:
        after = None
        if run % 2:
            after = MessagePosition(_START + timedelta(seconds=source.randrange(messages * 5)), "m", 1)
        conversation, _ = customers[source.randrange(len(customers) // 10)]
        async with database.reading() as connection:
            found = await reading.messages(connection, USER, conversation, after=after, limit=51)
        msgspec.json.encode(found)
        return len(found)

    def searching(q: Callable[[], str], **parameters: Any) -> Callable[[int], Awaitable[int]]:
        async def searched(_: int) -> int:
            async with database.transaction() as transaction:
                page = Page(transaction, USER, q(), **({"platform": None, "only": None, "limit": 20} | parameters))
                await page.fill(None)
            msgspec.json.encode(page.hits)
            return len(page.hits)

        return searched

    words = vocabulary()

    def word(first: int, last: int) -> str:
        return words[source.randrange(first, last)]

    await timed("conversations: first page, later, unread", listed)
    await timed("messages of a conversation", paged)
    everything = [
        ("search: one frequent word", lambda: word(0, 50), {}),
        ("search: one usual word", lambda: word(500, 3_000), {}),
        ("search: one rare word", lambda: word(30_000, _VOCABULARY), {}),
        ("search: a word that is nowhere", lambda: f"zz{source.random()}", {}),
        ("search: a word that is there once", lambda: "unicorn", {}),
        ("search: two frequent words", lambda: f"{word(0, 50)} {word(0, 50)}", {}),
        ("search: two usual words", lambda: f"{word(500, 3_000)} {word(500, 3_000)}", {}),
        ("search: a frequent and a rare word", lambda: f"{word(0, 50)} {word(30_000, _VOCABULARY)}", {}),
        ("search: beginnings of 1 character", lambda: word(500, 3_000)[:1], {}),
        ("search: beginnings of 2 characters", lambda: word(500, 3_000)[:2], {}),
        ("search: beginnings of 4 characters", lambda: word(500, 30_000)[:4], {}),
        ("search: a rare word, and one character", lambda: f"unicorn {word(500, 3_000)[:1]}", {}),
        ("search: a phrase of frequent words", lambda: f'"{word(0, 50)} {word(0, 50)}"', {}),
        ("search: a phrase of usual words", lambda: f'"{word(50, 500)} {word(50, 500)}"', {}),
        ("search: a phrase that is nowhere", lambda: f'"{words[0]} {words[1]} {words[0]} {words[2]} {words[0]}"', {}),
        ("search: another platform", lambda: word(0, 50), {"platform": "whatsapp"}),
        ("search: people by a name", lambda: word(50, 4_000), {"only": "person"}),
        ("search: people by a beginning", lambda: word(50, 4_000)[:2], {"only": "person"}),
        ("search: people by what all share", lambda: "p", {"only": "person"}),
    ]
    worst = 0.0
    for name, q, parameters in everything:
        worst = max(worst, await timed(name, searching(q, **parameters), runs=_RUNS // 2))
    print(f"slowest 95th percentile of a search: {worst * 1e3:.1f} ms")
    async with database.reading() as connection:
        for relation, size in await connection.execute(Statement(_SIZES)):
            print(f"{relation:28} {size}")
    await database.close()


_SIZES = """
    SELECT relname, pg_size_pretty(pg_relation_size(oid)) FROM pg_class
    WHERE relname ~ '^(messages|message_search|person_search|conversations)' ORDER BY relname
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--conversations", type=int, default=50_000)
    parser.add_argument("--url", help="an empty database; it is filled")
    parser.add_argument("--filled", action="store_true", help="the database at --url is filled already")
    options = parser.parse_args()
    messages = min(options.messages, 5_000_000)
    conversations = min(options.conversations, messages)
    with ExitStack() as stack:
        url = options.url
        if url is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchboard-bench-")))
            folder.chmod(0o755)
            url = stack.enter_context(embedded_postgres(folder)).url
        if not options.filled:
            asyncio.run(migrate(url))
            started = perf_counter()
            asyncio.run(fill(url, messages, conversations))
            print(f"{messages:,} messages in {conversations:,} conversations: {perf_counter() - started:.0f} s")
        gc.freeze()
        uvloop.run(measure(url, messages, conversations))


if __name__ == "__main__":
    main()
