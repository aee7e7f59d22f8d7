"""A very large inbox, as after years of webhooks, written by the store's own handler."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from prometheus_client import CollectorRegistry

from shared.contracts import Event, InboxEnrichedV1, MessageItem, Profile, conversation_id, derive_id
from shared.contracts.platform import Platform
from store.core.erased import IdentityDigests
from store.core.publish_watermarks import SeqRange
from store.handlers import InboxHandler
from store.jobs.search_indexer import SearchIndexer
from store.metrics import Metrics
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from tests.browser.inbox import PAGE_ID, USER
from tests.system.running import System, running_system

LONG_THREAD = "customer-long"
"""The customer of the long thread."""
FOUND_ONCE = "unicorn"
"""A word in one of the oldest messages of the long thread."""
_EVENTS_PER_BATCH = 500
_UNREAD_EVERY = 20
_GIVEN = ("Ada", "Nour", "Mia", "Jonas", "Chidi", "さくら", "Zoë", "Łukasz", "Ines", "Omar", "Priya", "Tomás", "Ngozi")
_FAMILY = ("Lovelace", "Haddad", "Brandt", "Okafor", "佐藤", "Nowak", "Silva", "Rahman", "O'Neill", "van der Berg")
_SAID = (
    "Is the blue one still there?",
    "Thanks, that was quick!",
    "Can I change the address of my order? It is the one from Monday, and I have moved since then.",
    "ok",
    "When do you open on Sundays?\nAnd may I bring the dog?",
    "It has not come yet. They say that it was handed over, but nobody here has seen it, nor have the neighbours. " * 2,
    "👍",
)


@asynccontextmanager
async def large_system(folder: Path, database_url: str, *, conversations: int, messages: int) -> AsyncIterator[System]:
    """Run the whole system on a migrated, empty database in which USER has a large inbox.

    Args:
        folder: of the system's own files.
        database_url: of the database.
        conversations: with one message each.
        messages: in one thread more, the newest of all.
    """
    await fill(database_url, _history(conversations, messages, until=datetime.now(UTC)))
    arguments = ("--no-simulator", "--graph-url", "http://127.0.0.1:9")
    async with running_system(folder, *arguments, environment={"DATABASE_URL": database_url}) as system:
        await system.connect_page("facebook", PAGE_ID, USER, name="Blue Things")
        yield system


async def fill(database_url: str, history: Iterable[InboxEnrichedV1]) -> None:
    """Store the events as if they had arrived long ago: published and indexed."""
    database = Database(database_url, pool_size=2, command_timeout_seconds=60)
    metrics = Metrics(CollectorRegistry())
    handle = InboxHandler(
        database=database,
        publish_changes=_publish_nothing,
        digests=IdentityDigests([]),
        utc_now=lambda: datetime.now(UTC),
        metrics=metrics,
    )
    events = iter(history)
    while batch := list(islice(events, _EVENTS_PER_BATCH)):
        await handle(batch)
    await SearchIndexer(database, metrics=metrics).catch_up()
    async with database.transaction() as transaction:
        await transaction.execute(Statement("UPDATE inboxes SET published_seq = last_seq"), {})
    await database.close()


async def _publish_nothing(ranges: Sequence[SeqRange], causes: Mapping[str, Event]) -> None:
    """Publish nothing: no client was connected then."""
    del ranges, causes


def _history(conversations: int, messages: int, *, until: datetime) -> Iterator[InboxEnrichedV1]:
    """Yield one message per customer, then the messages of the long thread."""
    for number in range(conversations):
        platform: Platform = ("facebook", "instagram", "whatsapp")[number % 3]
        at = until - timedelta(seconds=60 * messages + 30 * (conversations - number))
        name = f"{_GIVEN[number % 13]} {_FAMILY[number % 10]} {number}"
        is_unread = number % _UNREAD_EVERY == 0
        yield _event(f"customer-{number}", number, name=name, platform=platform, at=at, is_incoming=is_unread)
    for number in range(messages):
        at = until - timedelta(seconds=60 * (messages - number))
        word = FOUND_ONCE if number == messages // 20 else ""
        yield _event(LONG_THREAD, number, name="Long Thread", at=at, is_incoming=number % 5 < 3, more=word)


def _event(
    person: str,
    number: int,
    *,
    name: str,
    at: datetime,
    is_incoming: bool,
    platform: Platform = "facebook",
    more: str = "",
) -> InboxEnrichedV1:
    return InboxEnrichedV1(
        id=derive_id("large inbox", person, str(number)),
        occurred_at=at,
        received_at=at,
        webhook_id=derive_id("large inbox webhook", person, str(number)),
        item_index=0,
        user_id=USER,
        platform=platform,
        page_id=PAGE_ID,
        participant_id=person,
        conversation_id=conversation_id(platform, USER, person),
        participant=Profile(name=name, fetched_at=at),
        item=MessageItem(
            message_id=f"m_{person}_{number}",
            direction="incoming" if is_incoming else "outgoing",
            sender_id=person if is_incoming else PAGE_ID,
            content=f"{_SAID[number % len(_SAID)]} {number} {more}".strip(),
            created_at=at,
        ),
    )
