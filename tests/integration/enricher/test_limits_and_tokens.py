"""Rate limits, refused tokens and old profiles: messages do not wait for any of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from shared.contracts import MessageItem
from shared.contracts.internal import Lookup
from tests.builders import account_changed
from tests.integration.enricher.harness import EnricherHarness, known, received, running_enricher
from tests.recorder import eventually
from tests.unit.enricher.bodies import PAGE, event, page

OTHER_PAGE = "2082"
EXPIRED = (400, {"error": {"code": 190, "error_subcode": 463, "message": "Session has expired"}})


def message(text: str, person: str) -> dict[str, Any]:
    return event(sender={"id": person}, message={"mid": f"m-{text}", "text": text})


def names(enricher: EnricherHarness) -> dict[str | None, str | None]:
    return {
        found.item.content: found.participant.name if found.participant else None
        for found in enricher.inbox
        if isinstance(found.item, MessageItem)
    }


def due(person: str, page_id: str = PAGE) -> Lookup:
    return Lookup(user_id="user-1", platform="facebook", page_id=page_id, participant_id=person, attempts=0)


async def test_a_refused_token_is_reported_once_and_messages_flow_without_calls() -> None:
    async with running_enricher() as enricher:
        enricher.graph.error = EXPIRED
        people = [message(f"{number}", f"{number}") for number in range(10)]

        await enricher.broker.publish([received(page(*people))])
        await eventually(lambda: len(enricher.refused) == 1)
        calls = len(enricher.graph.calls)
        await enricher.broker.publish([received(page(message("more", "99")))])

        [refused] = enricher.refused
        assert (refused.platform, refused.page_id, refused.version) == ("facebook", PAGE, 1)
        assert refused.reason == "The page's access token has expired. Connect the page again."
        assert calls <= 10, "the calls that were in flight"
        assert len(enricher.graph.calls) == calls
        assert len(enricher.inbox) == len(enricher.requested) == 11


async def test_a_page_that_needs_reauthorization_is_called_with_its_new_token() -> None:
    async with running_enricher() as enricher:
        enricher.store.connect(PAGE, status="needs_reauthorization")
        enricher.graph.people = {"1": {"name": "Ada Lovelace"}}

        await enricher.broker.publish([received(page(message("hello", "1")))])
        assert (names(enricher), enricher.graph.calls) == ({"hello": None}, [])
        assert [request.participant_id for request in enricher.requested] == ["1"]

        enricher.graph.token = "EAAB-new"
        enricher.store.connect(PAGE, token="EAAB-new")  # read without an event: the lookup is due, so there is a token
        enricher.store.due.append(due("1"))
        await eventually(lambda: len(enricher.resolved) == 1)

        [resolved] = enricher.resolved
        assert resolved.profile is not None
        assert resolved.profile.name == "Ada Lovelace"
        assert enricher.refused == []


async def test_a_refused_token_of_a_new_version_is_reported_again() -> None:
    async with running_enricher() as enricher:
        enricher.graph.error = EXPIRED
        await enricher.broker.publish([received(page(message("one", "1")))])
        enricher.store.connect(PAGE)
        await enricher.broker.publish([account_changed(page_id=PAGE, version=2)])
        await enricher.broker.publish([received(page(message("two", "2")))])

        await eventually(lambda: [refused.version for refused in enricher.refused] == [1, 2])


async def test_a_limit_of_the_app_stops_calls_and_claims() -> None:
    async with running_enricher() as enricher:
        enricher.store.connect(OTHER_PAGE)
        enricher.graph.error = (403, {"error": {"code": 4, "message": "Application request limit reached"}})
        await enricher.broker.publish([received(page(message("one", "1")))])
        enricher.graph.error = None
        claims = len([path for path in enricher.store.paths if "lookups" in path])
        enricher.store.due.append(due("2", OTHER_PAGE))

        await enricher.broker.publish([received(page(message("two", "2"), id=OTHER_PAGE))])

        assert names(enricher) == {"one": None, "two": None}
        assert enricher.graph.calls == ["1"]
        assert len(enricher.store.due) == 1
        assert len([path for path in enricher.store.paths if "lookups" in path]) == claims


async def test_usage_headers_stop_calls_for_this_page_only() -> None:
    async with running_enricher() as enricher:
        enricher.store.connect(OTHER_PAGE)
        enricher.graph.people = {"1": {"name": "Ada"}, "3": {"name": "Grace"}}
        entry = {"type": "messenger", "call_count": 97, "estimated_time_to_regain_access": 5}
        enricher.graph.headers = {"X-Business-Use-Case-Usage": json.dumps({PAGE: [entry]})}
        await enricher.broker.publish([received(page(message("one", "1")))])
        enricher.graph.headers = {"X-App-Usage": "{unreadable"}

        await enricher.broker.publish([received(page(message("two", "2")))])
        await enricher.broker.publish([received(page(message("three", "3"), id=OTHER_PAGE))])
        enricher.store.due += [due("2"), due("4", OTHER_PAGE)]

        assert names(enricher) == {"one": "Ada", "two": None, "three": "Grace"}
        await eventually(lambda: len(enricher.resolved) == 1)
        assert [one.participant_id for one in enricher.store.due] == ["2"], "not claimed while the page is on hold"
        assert sorted(enricher.graph.calls) == ["1", "3", "4"]


async def test_our_own_rate_limits_always_apply() -> None:
    async with running_enricher(graph_calls_per_page_per_second=5, graph_calls_per_page_per_hour=40) as enricher:
        enricher.graph.people = {f"{number}": {"name": f"Person {number}"} for number in range(60)}

        await enricher.broker.publish([received(page(*(message(f"{number}", f"{number}") for number in range(60))))])

        assert 5 <= len(enricher.graph.calls) <= 10
        assert len(enricher.inbox) == 60
        assert len(enricher.requested) == 60 - len([name for name in names(enricher).values() if name])


async def test_a_picture_close_to_expiry_is_refreshed_without_delaying_the_message() -> None:
    async with running_enricher() as enricher:
        expiry = int((datetime.now(UTC) + timedelta(hours=5)).timestamp())
        old = known("1", "Ada Byron", hours_ago=2)
        picture = f"https://cdn.example/a.jpg?oe={expiry:X}"
        enricher.store.known = [msgspec.structs.replace(old, profile=_with_picture(old.profile, picture))]
        enricher.graph.people = {"1": {"profile_pic": "https://cdn.example/new.jpg"}}

        await enricher.broker.publish([received(page(message("hello", "1")))])
        assert (names(enricher), enricher.graph.calls) == ({"hello": "Ada Byron"}, [])
        await enricher.make_lookups_due()
        await enricher.broker.publish([received(page(message("again", "1")))])

        [resolved] = enricher.resolved
        assert resolved.profile is not None
        assert resolved.profile.profile_pic == "https://cdn.example/new.jpg"
        assert resolved.profile.name == "Ada Byron", "a response without a name deletes none"
        assert names(enricher)["again"] == "Ada Byron"
        assert enricher.graph.calls == ["1"]


def _with_picture(profile: Any, picture: str) -> Any:
    return msgspec.structs.replace(profile, profile_pic=picture)


@pytest.mark.parametrize("token", ["EAAB…", "EAAB token", "EAAB\n", "ключ"])
async def test_a_stored_token_that_no_request_can_carry_costs_no_message_and_no_other_page(token: str) -> None:
    """Written before the store refused such tokens."""
    async with running_enricher() as enricher:
        enricher.graph.people = {"2": {"name": "Ada Lovelace"}}
        enricher.store.connect(PAGE, token=token)
        enricher.store.connect(OTHER_PAGE)

        await enricher.broker.publish([received(page(message("hello", "1")))])
        assert names(enricher) == {"hello": None}
        await eventually(lambda: len(enricher.refused) == 1)
        enricher.store.due += [due("1"), due("2", OTHER_PAGE)]
        await eventually(lambda: len(enricher.resolved) == 2)

        assert enricher.refused[0].page_id == PAGE
        assert enricher.refused[0].reason.startswith("The page's access token has characters that no request can carry")
        assert {found.profile.name if found.profile else None for found in enricher.resolved} == {None, "Ada Lovelace"}
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{enricher.port}/readyz")).status_code == 200
