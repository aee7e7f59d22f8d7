"""Whose name a message gets, what that may cost it, and what becomes of names that cannot be had at once."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from shared.contracts import (
    MessageItem,
)
from tests.builders import account_changed
from tests.integration.enricher.worlds import known, names, received, world
from tests.recorder import eventually
from tests.unit.enricher.bodies import CUSTOMER, PAGE, contact, echo, event, message, page, whatsapp, whatsapp_text

BUDGET_SECONDS = 0.8
"""More than is usual: on a busy machine what need not wait still takes some of it."""
SLACK_SECONDS = 0.7
"""What a busy machine may add."""


async def test_a_customer_who_is_known_costs_no_second_call() -> None:
    async with world() as made:
        made.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}
        for text in ("one", "two", "three"):
            await made.broker.publish([received(page(message(text)))])

        assert names(made) == dict.fromkeys(("one", "two", "three"), "Ada Lovelace")
        assert made.graph.calls == [CUSTOMER]
        assert [path for path in made.store.asked if "lookups" not in path] == [
            f"/internal/accounts/facebook/{PAGE}",
            "/internal/participants",
        ]


async def test_a_customer_whom_the_store_knows_costs_no_call() -> None:
    async with world() as made:
        made.store.known = [known(CUSTOMER, "Ada Lovelace")]

        await made.broker.publish([received(page(message("hello")))])

        assert names(made) == {"hello": "Ada Lovelace"}
        assert (made.graph.calls, made.requested) == ([], [])


async def test_an_old_name_serves_at_once_and_is_refreshed_later() -> None:
    async with world() as made:
        made.store.known = [known(CUSTOMER, "Ada Byron", hours_ago=48)]
        made.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}

        await made.broker.publish([received(page(message("hello")))])
        await made.broker.publish([received(page(message("again")))])

        assert names(made) == {"hello": "Ada Byron", "again": "Ada Byron"}
        assert (made.graph.calls, len(made.requested)) == ([], 1)
        await made.lookup_is_due()
        await made.broker.publish([received(page(message("later")))])
        assert names(made)["later"] == "Ada Lovelace"


async def test_echoes_facts_raw_items_and_whatsapp_look_nobody_up() -> None:
    async with world() as made:
        made.store.connect("1042")
        told: tuple[dict[str, Any], ...] = (
            {"reaction": {"mid": "m", "emoji": "x"}},
            {"read": {"watermark": 1}},
            {"message_edit": {"mid": "m", "text": "x"}},
            {"referral": {"ref": "r"}},
            {"surprise": {}},
        )
        facts = [event(message=None, **one) for one in told]
        text = whatsapp(messages=[whatsapp_text()], contacts=[contact()])
        unnamed = whatsapp(messages=[whatsapp_text(id="wamid.2")])

        await made.broker.publish([received(page(echo(), *facts)), received(text), received(unnamed)])

        assert len(made.inbox) == 8
        assert names(made)["how can we help?"] is None
        assert "Ada Lovelace" in [found.participant and found.participant.name for found in made.inbox]
        assert made.graph.calls == []


async def test_what_an_app_of_ours_has_sent_is_our_own() -> None:
    async with world() as made:
        theirs = echo(message={"mid": "m_3", "text": "theirs", "is_echo": True, "app_id": 43})

        await made.broker.publish([received(page(echo(), theirs))])

        via = {found.item.content: found.item.sent_via for found in made.inbox if isinstance(found.item, MessageItem)}
        assert via == {"how can we help?": "own_app", "theirs": "other_app"}


async def test_a_slow_graph_api_costs_a_message_its_budget_and_the_name_follows() -> None:
    async with world(profile_budget_seconds=BUDGET_SECONDS) as made:
        made.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}
        made.graph.delays_seconds[CUSTOMER] = 2.0
        started = asyncio.get_running_loop().time()

        await made.broker.publish([received(page(message("hello")))])

        assert BUDGET_SECONDS - 0.05 < made.at("hello") - started < BUDGET_SECONDS + SLACK_SECONDS
        assert names(made) == {"hello": None}
        [request] = made.requested
        assert (request.user_id, request.page_id, request.participant_id) == ("user-1", PAGE, CUSTOMER)
        await made.lookup_is_due()
        [resolved] = made.resolved
        assert resolved.profile is not None
        assert resolved.profile.name == "Ada Lovelace"
        assert made.graph.calls == [CUSTOMER], "the call that had come late was used"


async def test_messages_that_need_no_waiting_do_not_wait_for_those_that_do() -> None:
    async with world(profile_budget_seconds=BUDGET_SECONDS) as made:
        made.graph.people = {"1": {"name": "Slow"}, "2": {"name": "Quick"}}
        made.graph.delays_seconds["1"] = 5.0
        made.store.known = [known("3", "Known")]
        body = page(message("slow", "1"), message("quick", "2"), message("known", "3"), echo())
        started = asyncio.get_running_loop().time()

        await made.broker.publish([received(body)])

        for text in ("quick", "known", "how can we help?"):
            assert made.at(text) - started < BUDGET_SECONDS - 0.05
        assert made.at("slow") - started < BUDGET_SECONDS + SLACK_SECONDS
        assert names(made) == {"slow": None, "quick": "Quick", "known": "Known", "how can we help?": None}


async def test_a_dead_graph_api_soon_costs_nothing_and_names_are_requested() -> None:
    async with world(profile_budget_seconds=BUDGET_SECONDS) as made:
        made.graph.error = (500, {"error": {"code": 1, "message": "down"}})
        for number in range(5):
            await made.broker.publish([received(page(message(f"x{number}", f"{number}")))])
        await eventually(
            lambda: made.calls_that_ended("unavailable") == 6
        )  # on a busy machine the last one outlives its message
        made.graph.delays_seconds = {f"{number}": 5.0 for number in range(5, 50)}
        started = asyncio.get_running_loop().time()

        await made.broker.publish([received(page(*(message(f"x{number}", f"{number}") for number in range(5, 50))))])

        assert made.at("x49") - started < BUDGET_SECONDS - 0.05
        assert len(made.graph.calls) == 6, "the first failure is tried again"
        assert {request.participant_id for request in made.requested} == {f"{number}" for number in range(50)}


async def test_a_graph_api_that_nobody_listens_at_is_dead_too() -> None:
    async with world(graph_url="http://127.0.0.1:9") as made:
        await made.broker.publish([received(page(message("hello")))])

        assert names(made) == {"hello": None}
        assert len(made.requested) == 1


async def test_a_look_up_is_requested_once_until_it_is_made() -> None:
    async with world() as made:
        made.graph.error = (400, {"error": {"code": 190, "message": "expired"}})
        for text in ("one", "two", "three"):
            await made.broker.publish([received(page(message(text)))])

        assert names(made) == dict.fromkeys(("one", "two", "three"))
        assert (len(made.requested), made.graph.calls) == (1, [CUSTOMER])


async def test_somebody_without_consent_is_not_asked_for_again_and_again() -> None:
    async with world() as made:
        made.graph.error = (400, {"error": {"code": 100, "error_subcode": 33}})
        for text in ("one", "two"):
            await made.broker.publish([received(page(message(text)))])

        assert (made.requested, made.graph.calls) == ([], [CUSTOMER])


async def test_a_page_without_a_token_costs_no_call_and_no_request() -> None:
    async with world() as made:
        made.store.connect(PAGE, token=None)

        await made.broker.publish([received(page(message("hello")))])

        assert names(made) == {"hello": None}
        assert (made.graph.calls, made.requested) == ([], [])


async def test_an_id_that_is_no_path_never_reaches_the_graph_api() -> None:
    async with world() as made:
        await made.broker.publish([received(page(message("hello", "../me?x=1"), message("dots", "..")))])

        assert names(made) == {"hello": None, "dots": None}
        assert (made.graph.calls, made.requested) == ([], [])


async def test_a_look_up_that_fails_is_put_off_and_one_without_token_ends() -> None:
    async with world() as made:
        made.graph.error = (500, {"error": {"code": 2, "message": "later"}})
        await made.broker.publish([received(page(message("hello")))])
        before = datetime.now(UTC)

        await made.lookup_is_due()

        [put_off] = made.resolved
        assert put_off.profile is None
        assert put_off.retry_at is not None
        assert put_off.retry_at > before
        made.store.connect(PAGE, token=None)
        await made.broker.publish([account_changed(page_id=PAGE, version=2)])
        await made.lookup_is_due()
        assert (made.resolved[1].profile, made.resolved[1].retry_at) == (None, None)
