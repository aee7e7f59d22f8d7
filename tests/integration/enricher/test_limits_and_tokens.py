"""MediaLimits of the platform, tokens that it refuses, profiles that have grown old: messages wait for none of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shared.contracts import MessageItem
from shared.contracts.internal import Lookup
from tests.builders import account_changed
from tests.integration.enricher.worlds import World, known, received, world
from tests.recorder import eventually
from tests.unit.enricher.bodies import PAGE, event, page

OTHER_PAGE = "2082"
EXPIRED = (400, {"error": {"code": 190, "error_subcode": 463, "message": "Session has expired"}})


def message(text: str, person: str) -> dict[str, Any]:
    return event(sender={"id": person}, message={"mid": f"m-{text}", "text": text})


def names(made: World) -> dict[str | None, str | None]:
    return {
        found.item.content: found.participant.name if found.participant else None
        for found in made.inbox
        if isinstance(found.item, MessageItem)
    }


def due(person: str, page_id: str = PAGE) -> Lookup:
    return Lookup(user_id="user-1", platform="facebook", page_id=page_id, participant_id=person, attempts=0)


async def test_a_refused_token_is_told_once_and_messages_flow_on_without_calls() -> None:
    async with world() as made:
        made.graph.error = EXPIRED
        people = [message(f"{number}", f"{number}") for number in range(10)]

        await made.broker.publish([received(page(*people))])
        await eventually(lambda: len(made.refused) == 1)
        calls = len(made.graph.calls)
        await made.broker.publish([received(page(message("more", "99")))])

        [refused] = made.refused
        assert (refused.platform, refused.page_id, refused.version) == ("facebook", PAGE, 1)
        assert refused.reason == "The page's access token has expired. Connect the page again."
        assert calls <= 10, "those that were under way at once"
        assert len(made.graph.calls) == calls
        assert len(made.inbox) == len(made.requested) == 11


async def test_a_page_that_needs_a_new_token_is_not_called_and_its_names_come_with_the_new_one() -> None:
    async with world() as made:
        made.store.connect(PAGE, status="needs_reauthorization")
        made.graph.people = {"1": {"name": "Ada Lovelace"}}

        await made.broker.publish([received(page(message("hello", "1")))])
        assert (names(made), made.graph.calls) == ({"hello": None}, [])
        assert [request.participant_id for request in made.requested] == ["1"]

        made.graph.token = "EAAB-new"
        made.store.connect(PAGE, token="EAAB-new")  # noticed without an event: a look-up would not be due otherwise
        made.store.due.append(due("1"))
        await eventually(lambda: len(made.resolved) == 1)

        [resolved] = made.resolved
        assert resolved.profile is not None
        assert resolved.profile.name == "Ada Lovelace"
        assert made.refused == []


async def test_a_refused_token_of_a_new_version_is_told_again() -> None:
    async with world() as made:
        made.graph.error = EXPIRED
        await made.broker.publish([received(page(message("one", "1")))])
        made.store.connect(PAGE)
        await made.broker.publish([account_changed(page_id=PAGE, version=2)])
        await made.broker.publish([received(page(message("two", "2")))])

        await eventually(lambda: [refused.version for refused in made.refused] == [1, 2])


async def test_a_limit_of_the_app_stops_all_calls_and_look_ups_wait_unclaimed() -> None:
    async with world() as made:
        made.store.connect(OTHER_PAGE)
        made.graph.error = (403, {"error": {"code": 4, "message": "Application request limit reached"}})
        await made.broker.publish([received(page(message("one", "1")))])
        made.graph.error = None
        claims = len([path for path in made.store.asked if "lookups" in path])
        made.store.due.append(due("2", OTHER_PAGE))

        await made.broker.publish([received(page(message("two", "2"), id=OTHER_PAGE))])

        assert names(made) == {"one": None, "two": None}
        assert made.graph.calls == ["1"]
        assert len(made.store.due) == 1
        assert len([path for path in made.store.asked if "lookups" in path]) == claims


async def test_headers_that_say_that_a_page_has_used_up_its_calls_stop_them_for_this_page_alone() -> None:
    async with world() as made:
        made.store.connect(OTHER_PAGE)
        made.graph.people = {"1": {"name": "Ada"}, "3": {"name": "Grace"}}
        entry = {"type": "messenger", "call_count": 97, "estimated_time_to_regain_access": 5}
        made.graph.headers = {"X-Business-Use-Case-Usage": json.dumps({PAGE: [entry]})}
        await made.broker.publish([received(page(message("one", "1")))])
        made.graph.headers = {"X-App-Usage": "{unreadable"}

        await made.broker.publish([received(page(message("two", "2")))])
        await made.broker.publish([received(page(message("three", "3"), id=OTHER_PAGE))])
        made.store.due += [due("2"), due("4", OTHER_PAGE)]

        assert names(made) == {"one": "Ada", "two": None, "three": "Grace"}
        await eventually(lambda: len(made.resolved) == 1)
        assert [one.participant_id for one in made.store.due] == ["2"], "it waits until the page may be called again"
        assert sorted(made.graph.calls) == ["1", "3", "4"]


async def test_a_ceiling_holds_whatever_the_platform_says() -> None:
    async with world(graph_calls_per_page_per_second=5, graph_calls_per_page_per_hour=40) as made:
        made.graph.people = {f"{number}": {"name": f"Person {number}"} for number in range(60)}

        await made.broker.publish([received(page(*(message(f"{number}", f"{number}") for number in range(60))))])

        assert 5 <= len(made.graph.calls) <= 10
        assert len(made.inbox) == 60
        assert len(made.requested) == 60 - len([name for name in names(made).values() if name])


async def test_a_picture_that_is_about_to_expire_is_renewed_behind_the_message() -> None:
    async with world() as made:
        expiry = int((datetime.now(UTC) + timedelta(hours=5)).timestamp())
        old = known("1", "Ada Byron", hours_ago=2)
        picture = f"https://cdn.example/a.jpg?oe={expiry:X}"
        made.store.known = [msgspec.structs.replace(old, profile=_pictured(old.profile, picture))]
        made.graph.people = {"1": {"profile_pic": "https://cdn.example/new.jpg"}}

        await made.broker.publish([received(page(message("hello", "1")))])
        assert (names(made), made.graph.calls) == ({"hello": "Ada Byron"}, [])
        await made.lookup_is_due()
        await made.broker.publish([received(page(message("again", "1")))])

        [resolved] = made.resolved
        assert resolved.profile is not None
        assert resolved.profile.profile_pic == "https://cdn.example/new.jpg"
        assert resolved.profile.name == "Ada Byron", "an answer that lacks a name takes none away"
        assert names(made)["again"] == "Ada Byron"
        assert made.graph.calls == ["1"]


def _pictured(profile: Any, picture: str) -> Any:
    return msgspec.structs.replace(profile, profile_pic=picture)
