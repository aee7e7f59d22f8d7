"""Look-ups that were put off are made when they are due, with the token of who owns the page now."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from enricher.accounts import AccountCache
from enricher.graph.errors import GraphTimeout, RateLimited
from enricher.metrics import Metrics
from enricher.profiles.lookup_worker import LEASE_SECONDS, LOOKUPS_PER_CLAIM, REAUTHORIZATION_HOLD_SECONDS, LookupWorker
from shared.contracts import Event, Platform, Profile, ProfileResolvedV1
from shared.contracts.internal import Lookup, Owner, PageKey, PageOwners
from tests.builders import NOON
from tests.unit.enricher.profiles.people import ADA, People, somebody


class Queue:
    """Holds what is due; is the store of accounts and the publisher too."""

    def __init__(self, token: str) -> None:
        self.due: list[Lookup] = []
        self.claims: list[tuple[int, float, list[PageKey]]] = []
        self.published: list[Event] = []
        self.reads = 0
        self.version = 1
        self.owner = Owner(
            user_id="user-1", owned_from=NOON, owned_until=None, status="connected", token_ciphertext=token
        )

    async def claim_lookups(
        self, limit: int, *, lease_seconds: float, except_pages: Sequence[PageKey]
    ) -> Sequence[Lookup]:
        self.claims.append((limit, lease_seconds, list(except_pages)))
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        self.reads += 1
        return PageOwners(platform=platform, page_id=page_id, version=self.version, owners=(self.owner,))

    def mark(self, status: Literal["connected", "needs_reauthorization"]) -> None:
        self.owner = msgspec.structs.replace(self.owner, status=status)

    async def publish(self, events: Sequence[Event]) -> None:
        self.published += events


class Office:
    """A worker with everything around it."""

    def __init__(self) -> None:
        self.people = People()
        self.queue = Queue(self.people.token.ciphertext)
        self.worker = LookupWorker(
            self.queue,
            accounts=AccountCache(self.queue, monotonic=self.people.clock, metrics=Metrics(CollectorRegistry())),
            profiles=self.people.directory,
            publisher=self.queue,
            jitter=lambda: 1.0,
            utc_now=self.people.now,
        )

    def due(self, number: int = 1, **changes: object) -> None:
        for at in range(number):
            lookup = {**somebody(at)._asdict(), "attempts": 0, **changes}
            self.queue.due.append(Lookup(**lookup))

    @property
    def results(self) -> list[tuple[str | None, datetime | None]]:
        resolved = [event for event in self.queue.published if isinstance(event, ProfileResolvedV1)]
        return [(event.profile.name if event.profile else None, event.retry_at) for event in resolved]


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    made = Office()
    yield made
    await made.people.directory.close()


async def test_what_is_due_is_looked_up(office: Office) -> None:
    office.due(3)

    assert await office.worker.run_once() == 3

    assert office.results == [(ADA.name, None)] * 3
    assert office.queue.claims == [(LOOKUPS_PER_CLAIM, LEASE_SECONDS, [])]
    assert await office.worker.run_once() == 0


async def test_a_failure_is_tried_again_later(office: Office) -> None:
    office.people.result = GraphTimeout("down")
    office.due()

    await office.worker.run_once()

    assert office.results == [(None, NOON + timedelta(seconds=5))]


async def test_nothing_is_claimed_while_the_graph_api_fails(office: Office) -> None:
    office.people.breaker.record_failure(0)
    office.due()

    assert await office.worker.run_once() == 0
    assert office.queue.claims == []
    office.people.seconds = 10
    assert await office.worker.run_once() == 1


async def test_a_worker_that_has_ended_says_so(office: Office) -> None:
    office.people.result = ZeroDivisionError("a bug")
    office.due()
    assert office.worker.problem is None

    with pytest.raises(ZeroDivisionError):
        await office.worker.run()

    assert office.worker.problem == "Profile lookups have stopped: restart this process."


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"token_ciphertext": None}, id="no token"),
        pytest.param({"user_id": "user-2"}, id="somebody else's by now"),
        pytest.param({"owned_until": NOON}, id="disconnected"),
    ],
)
async def test_a_page_that_cannot_be_asked_ends_the_look_up(office: Office, change: dict[str, object]) -> None:
    values = {name: getattr(office.queue.owner, name) for name in office.queue.owner.__struct_fields__}
    office.queue.owner = Owner(**{**values, **change})
    office.due()

    await office.worker.run_once()

    assert office.results == [(None, None)]
    assert office.people.calls == []


async def test_a_page_on_hold_is_named_so_that_its_look_ups_are_not_handed_out(office: Office) -> None:
    office.people.result = RateLimited("slow down")
    office.due(3)
    await office.worker.run_once()

    await office.worker.run_once()

    assert [pages for _, _, pages in office.queue.claims] == [[], [PageKey(platform="facebook", page_id="page-1")]]
    assert all(retry_at is not None and retry_at >= NOON + timedelta(seconds=60) for _, retry_at in office.results)


async def test_a_limit_of_the_app_stops_claims(office: Office) -> None:
    office.people.result = RateLimited("slow down", is_app_limit=True)
    office.due(1)
    await office.worker.run_once()
    office.due(1)

    assert await office.worker.run_once() == 0
    assert len(office.queue.claims) == 1
    office.people.seconds = 60
    assert await office.worker.run_once() == 1


async def test_while_nobody_knows_whether_it_works_again_one_look_up_is_risked(office: Office) -> None:
    office.people.breaker.record_failure(0)
    office.people.seconds = 10
    office.due(5)

    assert [await office.worker.run_once() for _ in range(2)] == [1, 4]


async def test_what_memory_says_of_a_page_to_be_connected_again_is_read_anew(office: Office) -> None:
    office.queue.mark("needs_reauthorization")
    office.due(1)
    await office.worker.run_once()
    assert office.results == [(None, NOON + timedelta(seconds=REAUTHORIZATION_HOLD_SECONDS + 5))]
    assert office.people.calls == []

    office.queue.mark("connected")
    office.due(1)
    await office.worker.run_once()

    assert office.results[1:] == [(ADA.name, None)], "without having heard of the change"


@pytest.mark.parametrize("change", [{"platform": "whatsapp"}, {"participant_id": "page-1"}])
async def test_nobody_is_looked_up_whom_the_platform_does_not_tell(office: Office, change: dict[str, object]) -> None:
    office.due(1, **change)

    await office.worker.run_once()

    assert (office.results, office.people.calls) == ([(None, None)], [])


async def test_a_refresh_that_brings_no_name_keeps_the_one_that_is_known(office: Office) -> None:
    office.people.known = {somebody(0): ADA}
    office.people.result = Profile(profile_pic="https://cdn.example/new", fetched_at=NOON)
    office.due(1)

    await office.worker.run_once()

    [resolved] = office.queue.published
    assert isinstance(resolved, ProfileResolvedV1)
    assert resolved.profile == Profile(name=ADA.name, profile_pic="https://cdn.example/new", fetched_at=NOON)
    remembered = office.people.directory.cached(somebody(0))
    assert remembered is not None
    assert remembered.profile == resolved.profile
