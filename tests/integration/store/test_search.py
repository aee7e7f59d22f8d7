"""Search finds texts of any script, in the documented order."""

from typing import Any

import pytest

from shared.contracts import Platform, Profile
from shared.contracts.inbox import Attachment
from store.core.search.documents import BUCKET_NUMBERS
from tests.integration.store.parts import at, message
from tests.integration.store.searched import Searched

# ruff: noqa: RUF001 - other scripts are the point
pytestmark = pytest.mark.postgres


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
async def test_texts_of_any_script_are_found(searched: Searched, text: str, queries: list[str]) -> None:
    await searched.write(wanted=text, other="nothing of the kind")

    for q in queries:
        assert await searched.ids(q) == ["wanted"], q
    assert await searched.ids("zzz") == []


async def test_all_words_must_match_and_phrases_match_exactly(searched: Searched) -> None:
    await searched.write(one="the blue one is here", two="one is the blue here", three="blue two")

    assert await searched.ids("blue here") == ["two", "one"]
    assert await searched.ids('"blue one"') == ["one"]
    assert await searched.ids('"blue on"') == []
    assert await searched.ids('"blue on') == ["one"]
    assert await searched.ids('"the blue" here') == ["two", "one"]


async def test_whole_words_rank_before_prefixes_then_newest_first(searched: Searched) -> None:
    await searched.write(a="blue", b="blueberry", c="blue too", d="bluest")

    assert await searched.ids("blue") == ["c", "a", "d", "b"]


async def test_search_pages_continue_through_people_words_and_prefixes(searched: Searched) -> None:
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


async def test_a_hit_has_the_whole_message_and_a_marked_snippet(searched: Searched) -> None:
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


async def test_a_search_can_be_limited_to_one_platform(searched: Searched) -> None:
    await searched.store(
        message("f", content="same words"), message("w", platform="whatsapp", person="p-2", content="same words")
    )

    assert await searched.ids("same", platform="whatsapp") == ["w"]
    assert await searched.ids("same", platform="instagram") == []


async def test_a_search_reads_every_bucket(searched: Searched) -> None:
    await searched.write(old="needle in the hay", older="hay")
    far = BUCKET_NUMBERS * 200
    await searched.parts.execute("UPDATE inboxes SET last_seq = :far, floor_seq = :far, published_seq = :far", far=far)
    await searched.write(**{f"new-{n}": f"hay {n}" for n in range(3)})

    assert await searched.ids_of_all_pages("needle") == ["old"]
    assert await searched.ids_of_all_pages("hay") == ["new-2", "new-1", "new-0", "older", "old"]
    assert await searched.ids("hay", limit=3) == ["new-2", "new-1", "new-0"]


@pytest.mark.parametrize("q", ["...", "'", "\\", "':*", "a' | 'b", "#", "\x00", "%", "☃'☃", "&|!():*<->"])
async def test_query_syntax_has_no_effect(searched: Searched, q: str) -> None:
    await searched.write(m="hello")

    assert await searched.ids(q) == []
