"""Indexing: search finds the current inbox, even if the log is pruned, and blocks nobody."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest

from shared.contracts.items import UnsendItem
from shared.errors import DependencyUnavailable
from store.jobs.search_indexer import SearchIndexer
from store.repository.postgres.database import Database
from store.repository.postgres.statements import Statement
from store.repository.search import indexing
from tests.builders import inbox_enriched
from tests.integration.store.parts import Parts, Service, at, message
from tests.integration.store.searched import Searched

pytestmark = pytest.mark.postgres


async def test_an_unsent_message_is_not_found_even_before_indexing(searched: Searched) -> None:
    await searched.write(secret="the secret word", other="no")
    assert await searched.ids("secret") == ["secret"]

    await searched.parts.inbox([inbox_enriched(item=UnsendItem(message_id="secret", unsent_at=at(60)))])
    assert await searched.ids("secret") == []
    await searched.indexer.catch_up()
    assert await searched.ids("secret") == []
    assert await searched.parts.rows("SELECT 1 FROM message_search WHERE terms LIKE '%secret%'") == []


async def test_a_changed_text_is_not_found_by_its_old_words(searched: Searched) -> None:
    await searched.write(a="before")
    await searched.parts.inbox([message("a", id="another", content="after", created_at=at(50))])

    assert await searched.ids("before") == [], "the row is read again, and no longer matches"
    await searched.indexer.catch_up()
    assert await searched.ids("after") == ["a"]
    assert await searched.ids("before") == []


async def test_the_indexer_reads_messages_when_the_log_is_pruned(searched: Searched) -> None:
    await searched.parts.inbox([message(f"m-{n}", content=f"word{n}", created_at=at(n)) for n in range(9)])
    await searched.parts.execute("DELETE FROM inbox_log WHERE seq <= 5")
    await searched.parts.execute("UPDATE inboxes SET floor_seq = 5")
    while (await indexing.index_changes(searched.parts.database, ["user-1"], per_user=2, user_limit=5)).behind:
        pass

    for n in range(9):
        assert await searched.ids(f"word{n}") == [f"m-{n}"]


async def test_two_indexers_leave_no_duplicates(searched: Searched, parts: Parts) -> None:
    await parts.inbox([message(f"m-{n}", user=f"user-{n % 3}", content=f"word{n}") for n in range(30)])
    other = SearchIndexer(parts.database, metrics=parts.metrics)
    await searched.indexer.catch_up()
    await other.catch_up()

    [(rows,)] = await parts.rows("SELECT count(*) FROM message_search")
    assert rows == 30


async def test_a_user_locked_by_another_indexer_is_retried(parts: Parts) -> None:
    await parts.inbox([message("m-1"), message("m-2", user="user-2")])
    await indexing.index_changes(parts.database, ["user-1"], per_user=1, user_limit=9)
    await parts.inbox([message("m-3", created_at=at(9))])
    async with parts.database.transaction() as transaction:
        await transaction.execute(Statement("SELECT 1 FROM search_positions WHERE user_id = 'user-1' FOR UPDATE"))
        done = await indexing.index_changes(parts.database, ["user-1", "user-2"], per_user=9, user_limit=9)

    assert done == (1, ["user-1"])
    assert await indexing.index_changes(parts.database, ["user-1", "user-2"], per_user=9, user_limit=9) == (
        1,
        [],
    )


async def test_the_running_store_indexes_what_it_stores(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    async with start() as service:
        await service.broker.publish([message("m-1", content="needle")])
        found = await service.get("/api/search", q="needle")
        for _ in range(200):
            if found.headers["Search-Seq"] == "1":
                break
            await asyncio.sleep(0.02)
            found = await service.get("/api/search", q="needle")
        assert [hit["message"]["message_id"] for hit in found.json()] == ["m-1"]
        assert found.headers["Inbox-Seq"] == "1"


async def test_a_read_mark_advances_the_search_position(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    async with start() as service:
        await service.broker.publish([message("m-1", content="needle")])
        await _wait_until_indexed(service)
        path = f"/api/conversations/{message('m-1').conversation_id}/read"
        read = await service.public.post(path, headers=service.as_user(), json={"up_to_seq": 1})

        assert read.json()["last_seq"] == 2
        await _wait_until_indexed(service)


async def _wait_until_indexed(service: Service) -> None:
    async with asyncio.timeout(5):
        while True:
            found = await service.get("/api/search", q="needle")
            if found.headers["Search-Seq"] == found.headers["Inbox-Seq"] != "0":
                return
            await asyncio.sleep(0.02)


async def test_long_texts_are_indexed_in_smaller_batches_after_a_timeout(parts: Parts, database_url: str) -> None:
    await parts.inbox([message(f"m-{n}", content=_long_text(n), created_at=at(n)) for n in range(40)])
    impatient = Database(database_url, pool_size=1, command_timeout_seconds=0.15)
    indexer = SearchIndexer(impatient, metrics=parts.metrics)
    indexer.wake(["user-1"])
    indexed = 0
    for _ in range(40):
        with suppress(DependencyUnavailable):
            indexed += await indexer.run_once()
    await impatient.close()

    assert indexed == 40


async def test_indexing_and_searching_long_texts_does_not_block_the_event_loop(searched: Searched) -> None:
    await searched.parts.inbox([message(f"m-{n}", content=_long_text(n), created_at=at(n)) for n in range(40)])

    assert await _longest_turn_fraction(searched.indexer.catch_up()) < 0.5
    assert await _longest_turn_fraction(searched.answer(_long_text(0)[0], limit=100)) < 0.5


async def _longest_turn_fraction(work: Coroutine[Any, Any, Any]) -> float:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    began, longest_seconds = loop.time(), 0.0
    while not task.done():
        started = loop.time()
        await asyncio.sleep(0.001)
        longest_seconds = max(longest_seconds, loop.time() - started)
    await task
    return longest_seconds / (loop.time() - began)


def _long_text(number: int) -> str:
    """Return 4,000 Han characters without a repeated pair."""
    return "".join(chr(0x4E00 + (n * (number + 3) * 7919) % 20_000) for n in range(4_000))
