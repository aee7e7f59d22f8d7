"""Search terms match in any script, case and accents."""

import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.inbox import Attachment, Conversation, LinkedConversation
from store.core.examples import EXAMPLES
from store.core.search.documents import (
    BUCKET_NUMBERS,
    message_key,
    message_search_text,
    person_search_text,
    search_document,
    user_key,
)
from store.core.search.query import parse, parse_for_people, snippet, term_text
from store.core.search.tokenizer import MAX_TERM_LENGTH, MAX_TERMS, tokenize

# ruff: noqa: RUF001 - other scripts are the point
TEXTS = st.text(
    st.characters(codec="utf-8")
    | st.sampled_from("aeé ßİıłØ今天气สวดีأةक्षिが👍🏽🇩🇪‍️ＦＵ\"“'\\#@:*&|!()")
    | st.sampled_from("abc xyz"),
    max_size=60,
)
WORDS = st.text(st.sampled_from("abcdeéñü123йяأمחだ今天สวか"), min_size=1, max_size=8)


def terms(text: str) -> list[str]:
    return [token.term for token in tokenize(text)]


@given(TEXTS)
def test_a_text_matches_itself(text: str) -> None:
    query = parse(text.replace('"', " "))

    assert not query.parts or query.matches(tokenize(text.replace('"', " ")))


@given(st.lists(WORDS, min_size=1, max_size=10), st.data())
def test_a_text_matches_each_of_its_words_and_their_prefixes(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    word = data.draw(st.sampled_from(words))
    beginning = word[: data.draw(st.integers(1, len(word)))]

    for q in (word, beginning, f'"{word}"', text.upper(), f'"{text}"', f"{beginning} {words[0]}"):
        assert parse(q).matches(tokenize(text)), q


@given(TEXTS)
def test_unicode_normalisation_does_not_change_the_terms(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert terms(unicodedata.normalize(form, text)) == terms(text)


@given(TEXTS)
def test_folding_is_idempotent(text: str) -> None:
    once = [term for term in terms(text) if len(terms(term)) == 1]

    assert [terms(term) for term in once] == [[term] for term in once]


@given(TEXTS)
def test_tokens_are_inside_the_text_and_in_order(text: str) -> None:
    found = tokenize(text)

    assert all(0 <= token.start < token.end <= len(text) for token in found)
    assert [token.start for token in found] == sorted(token.start for token in found)


@given(TEXTS)
def test_no_term_contains_query_syntax(text: str) -> None:
    for term in terms(text):
        assert term
        assert not set(term) & set(" '\"\\#@:*&|!()<>-")
        assert not any(unicodedata.category(character) in {"Cc", "Zs", "Cs"} for character in term)


@given(TEXTS, TEXTS)
def test_a_matching_text_has_every_term_of_the_condition(q: str, text: str) -> None:
    """The index may only exclude texts that do not match."""
    query, found = parse(q), tokenize(text)
    if not query.matches(found):
        return
    for condition in query.condition("prefix").split(" & "):
        term = condition.removesuffix(":*").strip("'").removeprefix("#")
        is_prefix = condition.endswith(":*")
        assert any(token.term.startswith(term) if is_prefix else token.term == term for token in found)


@given(TEXTS, TEXTS)
def test_a_whole_word_match_is_also_a_prefix_match(q: str, text: str) -> None:
    query = parse(q)
    written = term_text(tokenize(text))
    if query.parts and all(needle in written for needle in query.needles("whole")):
        assert query.matches(tokenize(text))


@given(WORDS, TEXTS, TEXTS)
def test_a_snippet_is_part_of_the_text_and_contains_a_match(word: str, before: str, after: str) -> None:
    text = f"{before} {word} {after}"
    query = parse(word)
    parts = snippet(query, text, tokenize(text))
    shown = "".join(part.text for part in parts)

    assert any(part.match for part in parts)
    assert shown.removeprefix("…").removesuffix("…") in text or shown in text
    assert all(tokenize(part.text) for part in parts if part.match)


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Crème Brûlée", "creme brulee"),
        ("STRASSE", "straße"),
        ("İstanbul Işık", "istanbul isik"),
        ("Łódź Øre", "lodz ore"),
        ("مُحَمَّد", "محمد"),
        ("مدرسة", "مدرسه"),
        ("שָׁלוֹם", "שלום"),
        ("Ёлка", "елка"),
        ("ΟΔΟΣ", "οδος"),
        ("ﬁne ＡＢＣ ①", "fine abc 1"),
        ("ガギ", "ｶﾞｷﾞ"),
        ("👍🏽", "👍"),
        ("so\u00adft zero\u200bwidth", "soft zerowidth"),
        ("l’été", "été"),
        ("مـحـمـد", "محمد"),
        ("محمد", "مُحَمَّد"),
        ("ﻻ ﺃﻋﺮﻑ", "لا اعرف"),
        ("الطلب رقم ١٢٣٤", "١٢"),
        ("שלום", "שָׁלוֹם"),
        ("สวัสดีครับ", "สวัสดี"),
        ("今天天气很好", "天气"),
        ("東京タワーに行きました", "タワー"),
        ("東京タワーに行きました", "行きま"),
        ("주문했어요", "주문"),
        ("주문했어요", "주문했"),
        ("Große Straße", "GROSSE strasse"),
        ("DIYARBAKIR ışık", "diyarbakır IŞIK"),
        ("ｆｕｌｌ　ｗｉｄｔｈ　１２", "full width 12"),
        ("family 👨‍👩‍👧‍👦!", "👨‍👩‍👧‍👦"),
        ("family 👨‍👩‍👧‍👦!", "👧"),
        ("❤️", "❤"),
        ("❤", "❤️"),
        ("👩🏿‍🚀", "👩🏻‍🚀"),
        ("1️⃣", "1"),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴"),
        ("🩷 \U0001fae8 \U0001fae9", "🩷"),
        ("🩷 \U0001fae8 \U0001fae9", "\U0001fae9"),
        ("a\U0001fae8b", "b"),
    ],
)
def test_equivalent_spellings_match(written: str, typed: str) -> None:
    assert parse(typed).matches(tokenize(written))


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("कि", "का"),
        ("ที่", "ทำ"),
        ("今天", "天今"),
        ("blue", "lue"),
        ("a", "b"),
        ("👍", "👎"),
        ("🇩🇪", "🇪🇩"),
        ("👨‍👩‍👧", "👧‍👩"),
        ("🩷", "🩵"),
        ("주문", "주민"),
        ("משל", "שלום"),
    ],
)
def test_different_texts_do_not_match(written: str, typed: str) -> None:
    assert not parse(typed).matches(tokenize(written))


def test_a_phone_number_is_one_word_in_a_people_search() -> None:
    assert parse_for_people("+49 (170) 123-45").matches(tokenize("491701234567"))
    assert not parse("+49 (170) 123-45").matches(tokenize("491701234567"))


def test_terms_are_limited_in_number_and_length() -> None:
    assert len(tokenize("a é " * 10_000)) == MAX_TERMS
    assert len(tokenize("a b " * 10_000)) == MAX_TERMS
    long = "x" * 1_000
    assert terms(long) == ["x" * MAX_TERM_LENGTH]
    assert parse(long).matches(tokenize(long))
    assert len(parse("a " * 100).parts) <= 12


def test_keys_group_the_messages_of_a_user_into_ordered_buckets() -> None:
    assert message_key("user-1", 5) == message_key("user-1", 6)
    assert message_key("user-1", 5) < message_key("user-1", BUCKET_NUMBERS)
    assert message_key("user-1", 5) != message_key("user-2", 5)
    assert message_key("user-1", 5).startswith(user_key("user-1"))
    assert len({len(message_key("u" * n, 2**40)) for n in range(1, 128)}) == 1


def test_the_platform_term_of_a_document_cannot_be_typed() -> None:
    assert search_document("facebook", "Hello @facebook") == "@facebook hello facebook"


@pytest.mark.parametrize(
    ("typed", "whole", "prefix"),
    [
        ("blue car", "'#blue' & '#car'", "'#blue':* & '#car':*"),
        ('"blue car"', "'#blue' & '#car'", None),
        ("AB-1234", "'#ab' & '#1234'", "'#ab' & '#1234':*"),
        ("今天气", "'#今天' & '#天气'", None),
        ("今", "'#今':*", None),
        ("x ab", "'#x' & '#ab'", "'#x':* & '#ab':*"),
        ('"Blue" bl', "'#blue' & '#bl'", "'#blue'"),  # a short prefix selects too little beside another term
    ],
)
def test_a_query_becomes_a_condition_per_tier(typed: str, whole: str, prefix: str | None) -> None:
    query = parse(typed)

    assert query.tiers == (("whole",) if prefix is None else ("whole", "prefix"))
    assert query.condition("whole") == whole
    assert prefix is None or query.condition("prefix") == prefix


def test_a_condition_may_require_more_terms() -> None:
    assert parse("blue").condition("prefix", also=["@facebook"]) == "'#@facebook' & '#blue':*"


def test_an_empty_query_has_no_tier_and_matches_nothing() -> None:
    assert parse(' "" ').tiers == ()
    assert not parse("").matches(tokenize("anything"))


def test_only_phrases_and_short_prefixes_are_checked_beyond_the_condition() -> None:
    assert parse("blue car").phrases("whole") == []
    assert parse('"blue car"').phrases("whole") == [" blue car "]
    assert parse("x blue").phrases("prefix") == [" x"]


def parts_of(query: str, text: str) -> list[tuple[str, bool]]:
    return [(part.text, part.match) for part in snippet(parse(query), text, tokenize(text))]


def test_a_snippet_marks_every_match_and_is_cut_on_both_sides() -> None:
    text = "word " * 30 + "the blue car is a bluebird " + "word " * 40

    assert [part for part in parts_of("blue", text) if part[1]] == [("blue", True), ("bluebird", True)]
    assert parts_of("blue", text)[0] == parts_of("blue", text)[-1] == ("…", False)


def test_adjacent_matches_of_a_snippet_are_joined() -> None:
    assert parts_of("今天 天气", "今天天气很好") == [("今天天气", True), ("很好", False)]
    assert parts_of("nothing", "abc") == [("abc", False)]


def test_search_texts_contain_everything_shown_of_messages_and_people() -> None:
    message = msgspec.structs.replace(
        EXAMPLES["Message"],
        content="Hello",
        attachments=(Attachment(type="file", title="menu.pdf"), Attachment(type="image")),
    )
    linked = LinkedConversation(conversation_id="c", participant_id="US.1")
    person: Conversation = msgspec.structs.replace(
        EXAMPLES["Conversation"],
        participant_id="7001",
        participant_name="Ada",
        participant_username=None,
        linked=(linked,),
    )

    assert message_search_text(message) == "Hello\nmenu.pdf"
    assert message_search_text(msgspec.structs.replace(message, content=None, attachments=())) == ""
    assert person_search_text(person) == "Ada\n7001\nUS.1"
