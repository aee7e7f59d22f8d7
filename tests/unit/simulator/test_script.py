import re
import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from simulator.customers import population
from simulator.impairments import Impairments, impaired
from simulator.languages import load_languages
from simulator.pages import demo_pages
from simulator.script import ScheduledWebhook, generate_script
from simulator.simulation import Plan, demo_customers, planned_webhooks

START = datetime(2026, 1, 2, tzinfo=UTC)


def script(number: int, *, seed: int = 1, per_second: float = 10, **options: Any) -> list[ScheduledWebhook]:
    customers = demo_customers(demo_pages(), seed=seed, customers=12)
    return list(islice(generate_script(Random(seed), customers, start=START, per_second=per_second, **options), number))


def items(script_: list[ScheduledWebhook]) -> list[Any]:
    """Return every item with its entry's id, as text: comparable and countable."""
    return [
        (entry["id"], repr(item))
        for step in script_
        for entry in step.webhook.body["entry"]
        for item in entry.get("messaging", entry.get("changes"))
    ]


def test_a_seed_determines_the_customers() -> None:
    assert demo_customers(demo_pages(), seed=1, customers=30) == demo_customers(demo_pages(), seed=1, customers=30)
    assert demo_customers(demo_pages(), seed=1, customers=30) != demo_customers(demo_pages(), seed=2, customers=30)


def test_customers_have_distinct_ids_and_names_in_several_scripts() -> None:
    customers = demo_customers(demo_pages(), seed=1, customers=300)
    scripts = {unicodedata.name(character, "?").split()[0] for each in customers for character in each.name}

    assert len({each.customer_id for each in customers}) == 300
    assert {"LATIN", "ARABIC", "THAI", "CJK", "HIRAGANA", "KATAKANA"} - scripts <= {"HIRAGANA", "KATAKANA"}
    assert any(ord(character) > 0xFFFF for each in customers for character in each.name)
    assert {each.platform for each in customers} == {"facebook", "instagram", "whatsapp"}


def test_a_population_needs_pages_and_languages_and_is_bounded() -> None:
    with pytest.raises(ValueError, match="pages"):
        population(Random(1), [], 1, load_languages())
    with pytest.raises(ValueError, match="at most"):
        population(Random(1), demo_pages(), 10_000_000, load_languages())


def test_the_same_seed_and_start_give_the_same_script() -> None:
    assert script(200) == script(200)
    assert script(200) != script(200, seed=2)


def test_another_start_gives_other_message_ids() -> None:
    customers = demo_customers(demo_pages(), seed=1, customers=12)
    later = list(
        islice(
            generate_script(Random(1), customers, start=START + timedelta(hours=1), per_second=10, kinds="text"), 100
        )
    )

    assert not set(items(script(100, kinds="text"))) & set(items(later))


def test_a_script_keeps_its_rate_and_bodies_contain_their_due_time() -> None:
    script_ = script(2000, per_second=20, kinds="text")
    seconds = sum(step.delay_seconds for step in script_)
    last = script_[-1].webhook.body["entry"][0]["time"]

    assert seconds == pytest.approx(100, rel=0.15)
    assert last / (1 if script_[-1].webhook.platform == "whatsapp" else 1000) == pytest.approx(
        START.timestamp() + seconds, abs=1.1
    )


def test_the_kind_text_is_one_new_customer_message_per_webhook() -> None:
    ids = []
    for step in script(300, kinds="text"):
        [entry] = step.webhook.body["entry"]
        if step.webhook.platform == "whatsapp":
            ids.append(entry["changes"][0]["value"]["messages"][0]["id"])
        else:
            assert "is_echo" not in entry["messaging"][0]["message"]
            ids.append(entry["messaging"][0]["message"]["mid"])

    assert len(set(ids)) == 300


@pytest.mark.parametrize(
    "word",
    [
        "is_echo", "message_edit", "is_deleted", "watermark", "'reaction'", "unreact", "statuses", "_echoes", "revoke",
        "/media/", "quick_reply", "postback", "reply_to", "'story'", "story_mention", "like_heart", "sticker_id",
        "coordinates", "template", "'interactive'", "'button'", "'contacts': [{'name'", "caption", "'audio'", "failed",
        "referral", "'feed'", "'comments'", "from_user_id", "'num_edit': 0", "original_message_id", "unsupported",
    ],
)  # fmt: skip
def test_a_full_script_has_every_kind(word: str, everything: str) -> None:
    assert word in everything


@pytest.fixture(scope="module")
def everything() -> str:
    return repr(items(script(6000, media_url="http://127.0.0.1:1/graph")))


def test_a_customer_who_hides_the_phone_stays_the_same_person() -> None:
    contacts = [
        contact
        for step in script(6000)
        for entry in step.webhook.body["entry"]
        for change in entry.get("changes", ())
        for contact in change["value"].get("contacts", ())
    ]
    both = {each["user_id"]: each["wa_id"] for each in contacts if "user_id" in each and "wa_id" in each}
    hidden = {each["user_id"] for each in contacts if "wa_id" not in each}

    assert len(both) == len(set(both.values()))
    assert both.keys() & hidden


def test_a_message_is_not_edited_after_it_was_unsent() -> None:
    unsent: set[str] = set()
    for _, item in items(script(3000)):
        for target in re.findall(r"'message_edit': \{'mid': '([^']+)'", item):
            assert target not in unsent
        unsent |= set(re.findall(r"'mid': '([^']+)', 'is_deleted': True", item))
    assert unsent


@given(
    number=st.integers(0, 40),
    window=st.integers(1, 8),
    batch_size=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_impairments_keep_every_item_and_the_total_time(number: int, window: int, batch_size: int, seed: int) -> None:
    script_ = script(number)
    impairments = Impairments(shuffle_window=window, batch_size=batch_size)

    out = list(impaired(iter(script_), impairments, Random(seed)))

    assert Counter(items(out)) == Counter(items(script_))
    assert sum(step.delay_seconds for step in out) == pytest.approx(sum(step.delay_seconds for step in script_))


def test_duplicates_repeat_items_that_were_sent() -> None:
    script_ = script(100)

    out = list(impaired(iter(script_), Impairments(duplicate_share=0.5, batch_size=3), Random(1)))

    counts = Counter(items(out))
    assert counts.keys() == set(items(script_))
    assert 120 < counts.total() < 180
    assert set(counts.values()) == {1, 2}


def test_without_impairments_nothing_changes() -> None:
    assert list(impaired(iter(script(20)), Impairments(), Random(1))) == script(20)


@pytest.mark.parametrize("wrong", [{"duplicate_share": 1.1}, {"shuffle_window": 0}, {"batch_size": 0}])
def test_impairments_are_validated(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        Impairments(**wrong)


def test_a_seed_and_a_start_time_determine_a_plan() -> None:
    plan = Plan(
        webhooks_url="http://127.0.0.1:1/webhooks",
        app_secret=SecretStr("secret"),
        pages=demo_pages(),
        number=50,
        impairments=Impairments(duplicate_share=0.2, shuffle_window=4, batch_size=2),
    )

    assert list(planned_webhooks(plan, start=START)) == list(planned_webhooks(plan, start=START))
    assert list(planned_webhooks(plan, start=START)) != list(planned_webhooks(replace(plan, seed=2), start=START))
