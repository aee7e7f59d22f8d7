"""Which profile a message gets, how long it waits for it, and when the lookup is deferred."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from shared.contracts import MessageItem
from tests.builders import account_changed
from tests.integration.enricher.harness import known, names, received, running_enricher
from tests.recorder import eventually
from tests.unit.enricher.bodies import CUSTOMER, PAGE, contact, echo, event, message, page, whatsapp, whatsapp_text

BUDGET_SECONDS = 0.8
"""More than the default: on a busy machine even messages that do not wait need some of it."""
SLACK_SECONDS = 0.7
"""Delay that a busy machine may add."""


async def test_a_customer_is_looked_up_once() -> None:
    async with running_enricher() as enricher:
        enricher.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}
        for text in ("one", "two", "three"):
            await enricher.broker.publish([received(page(message(text)))])

        assert names(enricher) == dict.fromkeys(("one", "two", "three"), "Ada Lovelace")
        assert enricher.graph.calls == [CUSTOMER]
        assert [path for path in enricher.store.paths if "lookups" not in path and "revoked" not in path] == [
            f"/internal/accounts/facebook/{PAGE}",
            "/internal/participants",
        ]


async def test_a_stored_profile_needs_no_call() -> None:
    async with running_enricher() as enricher:
        enricher.store.known = [known(CUSTOMER, "Ada Lovelace")]

        await enricher.broker.publish([received(page(message("hello")))])

        assert names(enricher) == {"hello": "Ada Lovelace"}
        assert (enricher.graph.calls, enricher.requested) == ([], [])


async def test_an_old_profile_is_used_and_refreshed_later() -> None:
    async with running_enricher() as enricher:
        enricher.store.known = [known(CUSTOMER, "Ada Byron", hours_ago=48)]
        enricher.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}

        await enricher.broker.publish([received(page(message("hello")))])
        await enricher.broker.publish([received(page(message("again")))])

        assert names(enricher) == {"hello": "Ada Byron", "again": "Ada Byron"}
        assert (enricher.graph.calls, len(enricher.requested)) == ([], 1)
        await enricher.make_lookups_due()
        await enricher.broker.publish([received(page(message("later")))])
        assert names(enricher)["later"] == "Ada Lovelace"


async def test_echoes_annotations_raw_items_and_whatsapp_cause_no_lookup() -> None:
    async with running_enricher() as enricher:
        enricher.store.connect("1042")
        contents: tuple[dict[str, Any], ...] = (
            {"reaction": {"mid": "m", "emoji": "x"}},
            {"read": {"watermark": 1}},
            {"message_edit": {"mid": "m", "text": "x"}},
            {"referral": {"ref": "r"}},
            {"surprise": {}},
        )
        annotations = [event(message=None, **one) for one in contents]
        text = whatsapp(messages=[whatsapp_text()], contacts=[contact()])
        unnamed = whatsapp(messages=[whatsapp_text(id="wamid.2")])

        await enricher.broker.publish([received(page(echo(), *annotations)), received(text), received(unnamed)])

        assert len(enricher.inbox) == 8
        assert names(enricher)["how can we help?"] is None
        assert "Ada Lovelace" in [found.participant and found.participant.name for found in enricher.inbox]
        assert enricher.graph.calls == []


async def test_a_message_of_our_own_app_is_marked_as_such() -> None:
    async with running_enricher() as enricher:
        theirs = echo(message={"mid": "m_3", "text": "theirs", "is_echo": True, "app_id": 43})

        await enricher.broker.publish([received(page(echo(), theirs))])

        via = {
            found.item.content: found.item.sent_via for found in enricher.inbox if isinstance(found.item, MessageItem)
        }
        assert via == {"how can we help?": "own_app", "theirs": "other_app"}


async def test_a_message_waits_for_a_slow_graph_api_within_its_budget() -> None:
    async with running_enricher(profile_budget_seconds=BUDGET_SECONDS) as enricher:
        enricher.graph.people[CUSTOMER] = {"name": "Ada Lovelace"}
        enricher.graph.delays_seconds[CUSTOMER] = 2.0
        started = asyncio.get_running_loop().time()

        await enricher.broker.publish([received(page(message("hello")))])

        assert BUDGET_SECONDS - 0.05 < enricher.at("hello") - started < BUDGET_SECONDS + SLACK_SECONDS
        assert names(enricher) == {"hello": None}
        [request] = enricher.requested
        assert (request.user_id, request.page_id, request.participant_id) == ("user-1", PAGE, CUSTOMER)
        await enricher.make_lookups_due()
        [resolved] = enricher.resolved
        assert resolved.profile is not None
        assert resolved.profile.name == "Ada Lovelace"
        assert enricher.graph.calls == [CUSTOMER], "the result of the late call was used"


async def test_messages_do_not_wait_for_the_lookups_of_others() -> None:
    async with running_enricher(profile_budget_seconds=BUDGET_SECONDS) as enricher:
        enricher.graph.people = {"1": {"name": "Slow"}, "2": {"name": "Quick"}}
        enricher.graph.delays_seconds["1"] = 5.0
        enricher.store.known = [known("3", "Known")]
        body = page(message("slow", "1"), message("quick", "2"), message("known", "3"), echo())
        started = asyncio.get_running_loop().time()

        await enricher.broker.publish([received(body)])

        for text in ("quick", "known", "how can we help?"):
            assert enricher.at(text) - started < BUDGET_SECONDS - 0.05
        assert enricher.at("slow") - started < BUDGET_SECONDS + SLACK_SECONDS
        assert names(enricher) == {"slow": None, "quick": "Quick", "known": "Known", "how can we help?": None}


async def test_lookups_are_deferred_while_the_graph_api_fails() -> None:
    async with running_enricher(profile_budget_seconds=BUDGET_SECONDS) as enricher:
        enricher.graph.error = (500, {"error": {"code": 1, "message": "down"}})
        for number in range(5):
            await enricher.broker.publish([received(page(message(f"x{number}", f"{number}")))])
        await eventually(
            lambda: enricher.calls_with_outcome("unavailable") == 6
        )  # on a busy machine the last call may outlive its message
        enricher.graph.delays_seconds = {f"{number}": 5.0 for number in range(5, 50)}
        started = asyncio.get_running_loop().time()

        await enricher.broker.publish(
            [received(page(*(message(f"x{number}", f"{number}") for number in range(5, 50))))]
        )

        assert enricher.at("x49") - started < BUDGET_SECONDS - 0.05
        assert len(enricher.graph.calls) == 6, "the first failure is retried"
        assert {request.participant_id for request in enricher.requested} == {f"{number}" for number in range(50)}


async def test_lookups_are_deferred_while_the_graph_api_is_unreachable() -> None:
    async with running_enricher(graph_url="http://127.0.0.1:9") as enricher:
        await enricher.broker.publish([received(page(message("hello")))])

        assert names(enricher) == {"hello": None}
        assert len(enricher.requested) == 1


async def test_a_deferred_lookup_is_requested_once() -> None:
    async with running_enricher() as enricher:
        enricher.graph.error = (400, {"error": {"code": 190, "message": "expired"}})
        for text in ("one", "two", "three"):
            await enricher.broker.publish([received(page(message(text)))])

        assert names(enricher) == dict.fromkeys(("one", "two", "three"))
        assert (len(enricher.requested), enricher.graph.calls) == (1, [CUSTOMER])


async def test_a_customer_without_consent_is_not_looked_up_again() -> None:
    async with running_enricher() as enricher:
        enricher.graph.error = (400, {"error": {"code": 100, "error_subcode": 33}})
        for text in ("one", "two"):
            await enricher.broker.publish([received(page(message(text)))])

        assert (enricher.requested, enricher.graph.calls) == ([], [CUSTOMER])


async def test_a_page_without_a_token_causes_no_lookup() -> None:
    async with running_enricher() as enricher:
        enricher.store.connect(PAGE, token=None)

        await enricher.broker.publish([received(page(message("hello")))])

        assert names(enricher) == {"hello": None}
        assert (enricher.graph.calls, enricher.requested) == ([], [])


async def test_an_invalid_id_is_not_looked_up() -> None:
    async with running_enricher() as enricher:
        await enricher.broker.publish([received(page(message("hello", "../me?x=1"), message("dots", "..")))])

        assert names(enricher) == {"hello": None, "dots": None}
        assert (enricher.graph.calls, enricher.requested) == ([], [])


async def test_a_failed_lookup_is_retried_and_one_without_a_token_ends() -> None:
    async with running_enricher() as enricher:
        enricher.graph.error = (500, {"error": {"code": 2, "message": "later"}})
        await enricher.broker.publish([received(page(message("hello")))])
        before = datetime.now(UTC)

        await enricher.make_lookups_due()

        [deferred] = enricher.resolved
        assert deferred.profile is None
        assert deferred.retry_at is not None
        assert deferred.retry_at > before
        enricher.store.connect(PAGE, token=None)
        await enricher.broker.publish([account_changed(page_id=PAGE, version=2)])
        await enricher.make_lookups_due()
        assert (enricher.resolved[1].profile, enricher.resolved[1].retry_at) == (None, None)
