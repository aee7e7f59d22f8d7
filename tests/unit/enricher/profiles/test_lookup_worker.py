"""Deferred lookups are created when they are due, with the token of the page's current owner."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

import httpx
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
from tests.unit.enricher.profiles.harness import ADA, ProfileHarness, customer


class FakeStore:
    """The lookup queue, the source of owners and the publisher."""

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
        claimed, self.due = self.due[:limit], self.due[limit:]
        return claimed

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        self.reads += 1
        return PageOwners(platform=platform, page_id=page_id, version=self.version, owners=(self.owner,))

    def set_status(self, status: Literal["connected", "needs_reauthorization"]) -> None:
        self.owner = msgspec.structs.replace(self.owner, status=status)

    async def publish(self, events: Sequence[Event]) -> None:
        self.published += events


class WorkerHarness:
    """A worker and what it needs."""

    def __init__(self) -> None:
        self.profiles = ProfileHarness()
        self.store = FakeStore(self.profiles.token.ciphertext)
        self.worker = LookupWorker(
            self.store,
            accounts=AccountCache(self.store, monotonic=self.profiles.monotonic, metrics=Metrics(CollectorRegistry())),
            profiles=self.profiles.directory,
            publisher=self.store,
            jitter=lambda: 1.0,
            utc_now=self.profiles.utc_now,
        )

    def due(self, number: int = 1, **changes: object) -> None:
        for index in range(number):
            lookup = {**customer(index)._asdict(), "attempts": 0, **changes}
            self.store.due.append(Lookup(**lookup))

    @property
    def results(self) -> list[tuple[str | None, datetime | None]]:
        resolved = [event for event in self.store.published if isinstance(event, ProfileResolvedV1)]
        return [(event.profile.name if event.profile else None, event.retry_at) for event in resolved]


@pytest.fixture
async def harness() -> AsyncIterator[WorkerHarness]:
    created = WorkerHarness()
    yield created
    await created.profiles.directory.close()


async def test_due_lookups_are_made(harness: WorkerHarness) -> None:
    harness.due(3)

    assert await harness.worker.run_once() == 3

    assert harness.results == [(ADA.name, None)] * 3
    assert harness.store.claims == [(LOOKUPS_PER_CLAIM, LEASE_SECONDS, [])]
    assert await harness.worker.run_once() == 0


async def test_a_failed_lookup_is_retried_later(harness: WorkerHarness) -> None:
    harness.profiles.result = GraphTimeout("down")
    harness.due()

    await harness.worker.run_once()

    assert harness.results == [(None, NOON + timedelta(seconds=5))]


async def test_nothing_is_claimed_while_the_graph_api_fails(harness: WorkerHarness) -> None:
    harness.profiles.breaker.record_failure(0)
    harness.due()

    assert await harness.worker.run_once() == 0
    assert harness.store.claims == []
    harness.profiles.seconds = 10
    assert await harness.worker.run_once() == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"token_ciphertext": None}, id="no token"),
        pytest.param({"user_id": "user-2"}, id="another owner"),
        pytest.param({"owned_until": NOON}, id="disconnected"),
    ],
)
async def test_a_lookup_without_a_usable_token_ends(harness: WorkerHarness, change: dict[str, object]) -> None:
    values = {name: getattr(harness.store.owner, name) for name in harness.store.owner.__struct_fields__}
    harness.store.owner = Owner(**{**values, **change})
    harness.due()

    await harness.worker.run_once()

    assert harness.results == [(None, None)]
    assert harness.profiles.calls == []


async def test_lookups_of_a_page_on_hold_are_not_claimed(harness: WorkerHarness) -> None:
    harness.profiles.result = RateLimited("slow down")
    harness.due(3)
    await harness.worker.run_once()

    await harness.worker.run_once()

    assert [pages for _, _, pages in harness.store.claims] == [[], [PageKey(platform="facebook", page_id="page-1")]]
    assert all(retry_at is not None and retry_at >= NOON + timedelta(seconds=60) for _, retry_at in harness.results)


async def test_a_limit_of_the_app_stops_claims(harness: WorkerHarness) -> None:
    harness.profiles.result = RateLimited("slow down", is_app_limit=True)
    harness.due(1)
    await harness.worker.run_once()
    harness.due(1)

    assert await harness.worker.run_once() == 0
    assert len(harness.store.claims) == 1
    harness.profiles.seconds = 60
    assert await harness.worker.run_once() == 1


async def test_one_lookup_is_made_while_the_breaker_recovers(harness: WorkerHarness) -> None:
    harness.profiles.breaker.record_failure(0)
    harness.profiles.seconds = 10
    harness.due(5)

    assert [await harness.worker.run_once() for _ in range(2)] == [1, 4]


async def test_a_cached_owner_that_needs_reauthorization_is_read_again(
    harness: WorkerHarness,
) -> None:
    harness.store.set_status("needs_reauthorization")
    harness.due(1)
    await harness.worker.run_once()
    assert harness.results == [(None, NOON + timedelta(seconds=REAUTHORIZATION_HOLD_SECONDS + 5))]
    assert harness.profiles.calls == []

    harness.store.set_status("connected")
    harness.due(1)
    await harness.worker.run_once()

    assert harness.results[1:] == [(ADA.name, None)], "without an event about the change"


@pytest.mark.parametrize("change", [{"platform": "whatsapp"}, {"participant_id": "page-1"}])
async def test_a_customer_without_a_profile_lookup_is_not_looked_up(
    harness: WorkerHarness, change: dict[str, object]
) -> None:
    harness.due(1, **change)

    await harness.worker.run_once()

    assert (harness.results, harness.profiles.calls) == ([(None, None)], [])


async def test_a_refresh_without_a_name_keeps_the_known_name(harness: WorkerHarness) -> None:
    harness.profiles.stored = {customer(0): ADA}
    harness.profiles.result = Profile(profile_pic="https://cdn.example/new", fetched_at=NOON)
    harness.due(1)

    await harness.worker.run_once()

    [resolved] = harness.store.published
    assert isinstance(resolved, ProfileResolvedV1)
    assert resolved.profile == Profile(name=ADA.name, profile_pic="https://cdn.example/new", fetched_at=NOON)
    cached = harness.profiles.directory.cached(customer(0))
    assert cached is not None
    assert cached.profile == resolved.profile


@pytest.mark.parametrize(
    "bug",
    [UnicodeEncodeError("ascii", "…", 0, 1, "no"), httpx.LocalProtocolError("no"), httpx.InvalidURL("no"), KeyError()],
)
async def test_a_lookup_with_a_bug_is_deferred(harness: WorkerHarness, bug: Exception) -> None:
    harness.profiles.result = bug
    harness.due()

    await harness.worker.run_once()

    assert harness.results == [(None, NOON + timedelta(seconds=5))]


async def test_a_bug_at_one_lookup_costs_the_others_nothing(harness: WorkerHarness) -> None:
    harness.profiles.store_error_keys = {customer(1)}
    harness.due(3)

    await harness.worker.run_once()

    assert sorted(harness.results, key=str) == sorted(
        [(ADA.name, None), (None, NOON + timedelta(seconds=5)), (ADA.name, None)], key=str
    )
