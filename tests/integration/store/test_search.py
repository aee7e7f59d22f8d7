"""Searching: what is written is found in any script, as it is now, and in the order that was promised."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import httpx
import pytest

from shared.contracts import Platform, Profile
from shared.contracts.inbox import Attachment
from shared.contracts.items import UnsendItem
from shared.errors import DependencyUnavailable
from store.core.search_documents import BUCKET_NUMBERS
from store.indexing import SearchIndexer
from store.repository import search_indexing
from store.repository.database import Database
from store.repository.statements import Statement
from tests.builders import inbox_enriched
from tests.integration.store.parts import Parts, Service, at, message

# ruff: noqa: RUF001 - other scripts are the point
pytestmark = pytest.mark.postgres


@pytest.fixture
def indexer(parts: Parts) -> SearchIndexer:
    return SearchIndexer(parts.database, metrics=parts.metrics)


class Searched:
    """A service whose own indexer is joined by the test's, so that no test waits for a clock."""

    def __init__(self, service: Service, parts: Parts, indexer: SearchIndexer) -> None:
        self.service, self.parts, self.indexer = service, parts, indexer

    async def store(self, *events: Any) -> None:
        await self.parts.inbox(list(events))
        await self.indexer.catch_up()

    async def write(self, **contents: str) -> None:
        await self.store(
            *(message(mid, content=content, created_at=at(n)) for n, (mid, content) in enumerate(contents.items()))
        )

    async def answer(self, q: str, **parameters: Any) -> httpx.Response:
        found = await self.service.get("/api/search", q=q, **parameters)
        assert found.status_code == 200, found.text
        return found

    async def ids(self, q: str, **parameters: Any) -> list[str]:
        hits = (await self.answer(q, type="message", **parameters)).json()
        return [hit["message"]["message_id"] for hit in hits]

    async def people(self, q: str, **parameters: Any) -> list[str]:
        return [
            hit["conversation"]["participant_id"] for hit in (await self.answer(q, type="person", **parameters)).json()
        ]


@pytest.fixture
async def searched(
    start: Callable[..., AbstractAsyncContextManager[Service]], parts: Parts, indexer: SearchIndexer
) -> AsyncIterator[Searched]:
    async with start() as service:
        yield Searched(service, parts, indexer)


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("Crème brûlée für Zoë", ["creme", "BRULEE", "fur zoe", '"brulee fur"', "Zoë"]),
        ("مُحَمَّد أرسل الطلب", ["محمد", "ارسل", "الطل"]),
        ("สวัสดีครับ ขอราคาหน่อย", ["สวัสดี", "ครับ", "ราคา"]),
        ("今天天气很好，我们去公园吧", ["天气", "公园", "气", "今天天气很好"]),
        ("Очень КРАСИВО", ["красиво", "очен"]),
        ("γειά σου Κόσμε", ["κοσμε", "ΓΕΙΑ"]),
        ("주문했어요 학교에서", ["학교", "주문했"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनि"]),
        ("thanks 👍🏽 see you 🇩🇪", ["👍", "🇩🇪", "thanks 👍🏿"]),
        ("Order AB-1234 to foo@bar.example", ["AB-1234", "ab-12", "foo@bar", "1234"]),
        ("ＦＵＬＬ width", ["full"]),
        ("مـرحـبـا بِكُم في المتجر", ["مرحبا", "بكم", "المتج", '"مرحبا بكم"']),
        ("שָׁלוֹם לכולם", ["שלום", "לכול", '"שלום לכולם"']),
        ("東京タワーに行きました", ["東京", "タワー", "ﾀﾜｰ", "行きま", '"東京タワー"']),
        ("Die Straße in İstanbul, ışık", ["STRASSE", "istanbul", "isik", '"strasse in istanbul"']),
        ("a family 👨‍👩‍👧‍👦 and an astronaut 👩🏽‍🚀", ["👨‍👩‍👧‍👦", "👧", "👩🏿‍🚀", '"family 👨‍👩‍👧‍👦"']),
        ("so pretty 🩷", ["🩷", "pretty 🩷"]),
    ],
)
async def test_what_is_written_is_found(searched: Searched, text: str, queries: list[str]) -> None:
    await searched.write(wanted=text, other="nothing of the kind")

    for q in queries:
        assert await searched.ids(q) == ["wanted"], q
    assert await searched.ids("zzz") == []


async def test_all_words_must_be_there_and_phrases_as_they_are(searched: Searched) -> None:
    await searched.write(one="the blue one is here", two="one is the blue here", three="blue two")

    assert await searched.ids("blue here") == ["two", "one"]
    assert await searched.ids('"blue one"') == ["one"]
    assert await searched.ids('"blue on"') == []
    assert await searched.ids('"blue on') == ["one"]
    assert await searched.ids('"the blue" here') == ["two", "one"]


async def test_whole_words_come_before_beginnings_and_then_the_newest_first(searched: Searched) -> None:
    await searched.write(a="blue", b="blueberry", c="blue too", d="bluest")

    assert await searched.ids("blue") == ["c", "a", "d", "b"]


async def test_pages_go_on_where_they_ended_through_all_stages(searched: Searched) -> None:
    await searched.store(
        *(message(f"m-{n}", content="blue" if n % 2 else "bluest", created_at=at(n)) for n in range(9)),
        *(message(f"p-{n}", person=f"blue-{n}", content="x", created_at=at(20 + n)) for n in range(7)),
    )

    seen: list[str] = []
    path: str | None = "/api/search?q=blue&limit=3"
    while path is not None:
        found = await searched.service.public.get(path, headers=searched.service.as_user())
        assert found.status_code == 200, found.text
        seen += [
            hit["message"]["message_id"] if hit["message"] else hit["conversation"]["participant_id"]
            for hit in found.json()
        ]
        path = found.links.get("next", {}).get("url")
    assert seen[:3] == ["blue-6", "blue-5", "blue-4"]
    assert seen[3:] == ["m-7", "m-5", "m-3", "m-1", "m-8", "m-6", "m-4", "m-2", "m-0"]

    assert await searched.people("blue", limit=50) == [f"blue-{n}" for n in reversed(range(7))]


async def test_people_are_found_by_name_handle_and_number(searched: Searched) -> None:
    def person(person_id: str, name: str, username: str | None, platform: Platform) -> Any:
        profile = Profile(name=name, username=username, fetched_at=at(0))
        return message(f"of-{person_id}", person=person_id, platform=platform, participant=profile, content="hi")

    await searched.store(
        person("491701234567", "Zoë Müller", None, "whatsapp"), person("7001", "Anna Müller", "annam", "instagram")
    )

    assert set(await searched.people("muller")) == {"491701234567", "7001"}
    assert await searched.people("zoe mu") == ["491701234567"]
    assert await searched.people("ANNAM") == ["7001"]
    assert await searched.people("+49 170 / 123-45") == ["491701234567"]
    assert await searched.people("muller", platform="instagram") == ["7001"]
    assert await searched.people("muller", platform="facebook") == []


async def test_a_new_name_is_found_and_the_old_one_is_not(searched: Searched) -> None:
    await searched.store(message("m-1", participant=Profile(name="Ada Lovelace", fetched_at=at(0))))
    await searched.store(message("m-2", participant=Profile(name="Ada King", fetched_at=at(1))))

    assert await searched.people("king") == ["person-1"]
    assert await searched.people("lovelace") == []


async def test_a_hit_is_whole_and_shows_where_it_matched(searched: Searched) -> None:
    await searched.write(wanted="Is the blue one still there?", later="another")

    [hit] = (await searched.answer("blu")).json()
    assert hit["type"] == "message"
    assert hit["message"]["content"] == "Is the blue one still there?"
    assert hit["conversation"]["last_message"]["message_id"] == "later"
    assert hit["snippet"] == [
        {"text": "Is the ", "match": False},
        {"text": "blue", "match": True},
        {"text": " one still there?", "match": False},
    ]


async def test_attachments_are_found_by_their_titles(searched: Searched) -> None:
    attachment = Attachment(type="file", title="invoice-2026.pdf")
    await searched.store(message("m-1", content=None, attachments=(attachment,)))

    assert await searched.ids("invoice") == ["m-1"]


async def test_what_was_unsent_is_not_found_even_before_it_is_indexed(searched: Searched) -> None:
    await searched.write(secret="the secret word", other="no")
    assert await searched.ids("secret") == ["secret"]

    await searched.parts.inbox([inbox_enriched(item=UnsendItem(message_id="secret", unsent_at=at(60)))])
    assert await searched.ids("secret") == []
    await searched.indexer.catch_up()
    assert await searched.ids("secret") == []
    assert await searched.parts.rows("SELECT 1 FROM message_search WHERE terms LIKE '%secret%'") == []


async def test_a_text_that_has_changed_is_not_found_by_what_it_said(searched: Searched) -> None:
    await searched.write(a="before")
    await searched.parts.inbox([message("a", id="another", content="after", created_at=at(50))])

    assert await searched.ids("before") == [], "the row is read again, and no longer matches"
    await searched.indexer.catch_up()
    assert await searched.ids("after") == ["a"]
    assert await searched.ids("before") == []


async def test_only_the_asked_platform_is_searched(searched: Searched) -> None:
    await searched.store(
        message("f", content="same words"), message("w", platform="whatsapp", person="p-2", content="same words")
    )

    assert await searched.ids("same", platform="whatsapp") == ["w"]
    assert await searched.ids("same", platform="instagram") == []


async def test_a_search_goes_through_all_buckets(searched: Searched) -> None:
    await searched.write(old="needle in the hay", older="hay")
    far = BUCKET_NUMBERS * 200
    await searched.parts.execute("UPDATE inboxes SET last_seq = :far, floor_seq = :far, published_seq = :far", far=far)
    await searched.write(**{f"new-{n}": f"hay {n}" for n in range(3)})

    assert await searched.ids("needle") == ["old"]
    assert await searched.ids("hay") == ["new-2", "new-1", "new-0", "older", "old"]
    assert await searched.ids("hay", limit=4) == ["new-2", "new-1", "new-0", "older"]


async def test_a_log_that_no_longer_reaches_back_is_made_good_from_the_messages(searched: Searched) -> None:
    await searched.parts.inbox([message(f"m-{n}", content=f"word{n}", created_at=at(n)) for n in range(9)])
    await searched.parts.execute("DELETE FROM inbox_log WHERE seq <= 5")
    await searched.parts.execute("UPDATE inboxes SET floor_seq = 5")
    while (await search_indexing.index(searched.parts.database, ["user-1"], per_user=2, most_users=5)).behind:
        pass

    for n in range(9):
        assert await searched.ids(f"word{n}") == [f"m-{n}"]


async def test_two_indexers_leave_the_same_as_one(searched: Searched, parts: Parts) -> None:
    await parts.inbox([message(f"m-{n}", user=f"user-{n % 3}", content=f"word{n}") for n in range(30)])
    other = SearchIndexer(parts.database, metrics=parts.metrics)
    await searched.indexer.catch_up()
    await other.catch_up()

    [(rows,)] = await parts.rows("SELECT count(*) FROM message_search")
    assert rows == 30


async def test_a_user_whom_another_indexer_reads_is_tried_again(parts: Parts) -> None:
    await parts.inbox([message("m-1"), message("m-2", user="user-2")])
    await search_indexing.index(parts.database, ["user-1"], per_user=1, most_users=9)
    await parts.inbox([message("m-3", created_at=at(9))])
    async with parts.database.transaction() as transaction:
        await transaction.execute(Statement("SELECT 1 FROM search_positions WHERE user_id = 'user-1' FOR UPDATE"))
        done = await search_indexing.index(parts.database, ["user-1", "user-2"], per_user=9, most_users=9)

    assert done == (1, ["user-1"])
    assert await search_indexing.index(parts.database, ["user-1", "user-2"], per_user=9, most_users=9) == (1, [])


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


async def test_the_search_knows_of_a_read_mark_soon_as_well(
    start: Callable[..., AbstractAsyncContextManager[Service]],
) -> None:
    async with start() as service:
        await service.broker.publish([message("m-1", content="needle")])
        await _until_known(service)
        path = f"/api/conversations/{message('m-1').conversation_id}/read"
        read = await service.public.post(path, headers=service.as_user(), json={"up_to_seq": 1})

        assert read.json()["last_seq"] == 2
        await _until_known(service)


async def _until_known(service: Service) -> None:
    async with asyncio.timeout(5):
        while True:
            found = await service.get("/api/search", q="needle")
            if found.headers["Search-Seq"] == found.headers["Inbox-Seq"] != "0":
                return
            await asyncio.sleep(0.02)


async def test_long_texts_are_indexed_in_smaller_rounds_when_they_take_too_long(
    parts: Parts, database_url: str
) -> None:
    await parts.inbox([message(f"m-{n}", content=_novel(n), created_at=at(n)) for n in range(40)])
    impatient = Database(database_url, pool_size=1, command_timeout_seconds=0.15)
    indexer = SearchIndexer(impatient, metrics=parts.metrics)
    indexer.nudge(["user-1"])
    indexed = 0
    for _ in range(40):
        with suppress(DependencyUnavailable):
            indexed += await indexer.index_some()
    await impatient.close()

    assert indexed == 40


async def test_other_work_gets_its_turn_while_long_texts_are_indexed_and_searched(searched: Searched) -> None:
    await searched.parts.inbox([message(f"m-{n}", content=_novel(n), created_at=at(n)) for n in range(40)])

    assert await _share_of_the_longest_turn(searched.indexer.catch_up()) < 0.5
    assert await _share_of_the_longest_turn(searched.answer(_novel(0)[0], limit=100)) < 0.5


async def _share_of_the_longest_turn(work: Coroutine[Any, Any, Any]) -> float:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    began, longest_seconds = loop.time(), 0.0
    while not task.done():
        started = loop.time()
        await asyncio.sleep(0.001)
        longest_seconds = max(longest_seconds, loop.time() - started)
    await task
    return longest_seconds / (loop.time() - began)


def _novel(number: int) -> str:
    """Return 4,000 characters of Han of which no two pairs are alike."""
    return "".join(chr(0x4E00 + (n * (number + 3) * 7919) % 20_000) for n in range(4_000))


@pytest.mark.parametrize("q", ["...", "'", "\\", "':*", "a' | 'b", "#", "\x00", "%", "☃'☃", "&|!():*<->"])
async def test_nothing_in_a_query_is_taken_for_an_instruction(searched: Searched, q: str) -> None:
    await searched.write(m="hello")

    assert await searched.ids(q) == []
