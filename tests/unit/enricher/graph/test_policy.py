"""A call is made only where it may help, and its end decides about the next ones."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from enricher.errors import (
    CallsOnHold,
    GraphCallRejected,
    GraphTimeout,
    GraphUnavailable,
    PermissionMissing,
    PolicyBlocked,
    ProfileInaccessible,
    RateLimited,
    TokenRefused,
)
from enricher.graph.breaker import Breaker
from enricher.graph.limiter import CallLimiter, RateLimits
from enricher.graph.policy import POLICY_HOLD_SECONDS, UNDECRYPTABLE_TOKEN_HOLD_SECONDS, GraphPolicy
from enricher.graph.usage import Usage
from enricher.metrics import Metrics
from enricher.pages import Page, PageToken
from enricher.profiles.graph_lookup import REFUSED_TOKEN_HOLD_SECONDS, look_up
from enricher.profiles.lookups import Deferred, Found, LookupResult, NotFound, ProfileKey
from shared.contracts import Profile
from shared.security.cipher import TokenCipher
from tests.builders import NOON

ADA = Profile(name="Ada", fetched_at=NOON + timedelta(seconds=1))
WHO = ProfileKey("user-1", "facebook", "page-1", "person-1")
OTHER = WHO._replace(page_id="page-2")
NUMBER: Page = ("whatsapp", "number-1")
OTHER_NUMBER: Page = ("whatsapp", "number-2")
KEY = SecretStr(Fernet.generate_key().decode())


class Source:
    """Answers as told, first what is to be answered once; remembers with which tokens it was asked."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.result: Profile | Exception = ADA
        self.once: list[Exception] = []

    async def profile(self, page: Page, participant_id: str, token: SecretStr) -> Profile:
        assert page in (WHO.page, OTHER.page)
        assert participant_id == WHO.participant_id
        self.tokens.append(token.get_secret_value())
        result = self.once.pop() if self.once else self.result
        if isinstance(result, Exception):
            raise result
        return result


class Bench:
    """A gate with everything around it."""

    def __init__(self, **ceilings: float) -> None:
        self.source = Source()
        self.seconds = 0.0
        self.media_calls = 0
        self.pauses = 0
        self.in_the_pause: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self.refused: list[tuple[Page, int, str]] = []
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        allowed = {"page_per_second": 1000.0, "page_per_hour": 100_000.0, "app_per_second": 1000.0, **ceilings}
        self.budgets = CallLimiter(RateLimits(**allowed), clock=lambda: self.seconds, metrics=metrics)
        self.gate = GraphPolicy(
            cipher=TokenCipher([KEY]),
            breaker=Breaker(failures_to_open=2, open_seconds=10),
            media_breaker=lambda: Breaker(failures_to_open=2, open_seconds=10),
            budgets=self.budgets,
            on_refused_token=lambda *refusal: self.refused.append(refusal),
            concurrent_calls=5,
            pause_before_retry=self.pause,
            clock=lambda: self.seconds,
            metrics=metrics,
        )
        self.token = PageToken(TokenCipher([KEY]).encrypt("secret-token"), 1)

    async def ask(self, wanted: ProfileKey = WHO, *, version: int = 1) -> LookupResult:
        return await self.look_up(wanted, self.token._replace(version=version))

    async def look_up(self, wanted: ProfileKey, token: PageToken) -> LookupResult:
        return await look_up(wanted, token, source=self.source, gate=self.gate)

    async def ask_medium(self, page: Page = NUMBER, result: Exception | None = None) -> str:
        """Ask for a medium, and have it answered so; return with which token."""

        async def call(secret: SecretStr) -> str:
            self.media_calls += 1
            if result is not None:
                raise result
            return secret.get_secret_value()

        return await self.gate.ask_at_once(page, self.token, call)

    async def pause(self) -> None:
        """Stand in for the pause before a second call; do what a test wants to happen meanwhile."""
        self.pauses += 1
        while self.in_the_pause:
            await self.in_the_pause.pop()()

    def counted(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"switchboard_enricher_{name}", labels)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_call_is_made_with_the_pages_token(bench: Bench) -> None:
    assert await bench.ask() == Found(ADA)
    assert bench.source.tokens == ["secret-token"]
    assert bench.counted("graph_calls_total", outcome="found") == 1.0


async def test_an_empty_profile_names_nobody(bench: Bench) -> None:
    bench.source.result = Profile(fetched_at=NOON)

    assert isinstance(await bench.ask(), NotFound)


async def test_a_token_that_no_key_opens_costs_no_call_and_no_look_up(bench: Bench) -> None:
    answer = await bench.look_up(WHO, PageToken("not a token of ours", 1))

    assert answer == Deferred("the token cannot be opened", UNDECRYPTABLE_TOKEN_HOLD_SECONDS)
    assert (bench.source.tokens, bench.refused) == ([], [])


async def test_a_token_that_no_key_opens_is_on_hold_until_it_is_encrypted_anew(bench: Bench) -> None:
    other = TokenCipher([SecretStr(Fernet.generate_key().decode())]).encrypt("secret-token")
    good, bench.token = bench.token, PageToken(other, 1)
    for _ in range(2):
        assert await bench.ask() == Deferred("the token cannot be opened", UNDECRYPTABLE_TOKEN_HOLD_SECONDS)
        with pytest.raises(CallsOnHold, match="cannot be opened"):
            await bench.ask_medium(WHO.page)
        assert not await bench.gate.admits_at_once(WHO.page, bench.token)

    bench.token = good
    assert await bench.gate.admits_at_once(WHO.page, bench.token)
    assert await bench.ask() == Found(ADA)
    assert await bench.ask_medium(WHO.page) == "secret-token"
    assert bench.refused == []


@pytest.mark.parametrize("error", [ProfileInaccessible("x"), PermissionMissing("x"), GraphCallRejected("x")])
async def test_a_refusal_is_no_reason_to_try_again_nor_to_stop(bench: Bench, error: Exception) -> None:
    bench.source.result = error

    assert [type(await bench.ask()) for _ in range(5)] == [NotFound] * 5
    assert len(bench.source.tokens) == 5
    assert bench.gate.is_usable


@pytest.mark.parametrize("error", [GraphTimeout("no answer"), GraphUnavailable("HTTP 500")])
async def test_a_dead_graph_api_is_left_alone_for_a_while(bench: Bench, error: Exception) -> None:
    bench.source.result = error

    assert [type(await bench.ask()) for _ in range(5)] == [Deferred] * 5

    tries = len(bench.source.tokens)
    assert tries == (2 if isinstance(error, GraphTimeout) else 3), "only the first failure is tried again"
    assert not bench.gate.is_usable
    assert bench.gate.room(20) == 0
    bench.seconds = 10
    assert bench.gate.room(20) == 1, "a trial is one call"
    bench.source.result = ADA
    assert await bench.ask() == Found(ADA)
    assert bench.gate.room(20) == 20


async def test_a_passing_failure_is_tried_again_at_once_and_counts_as_a_call(bench: Bench) -> None:
    bench.source.once = [GraphUnavailable("connection lost")]

    assert await bench.ask() == Found(ADA)

    assert (len(bench.source.tokens), bench.pauses) == (2, 1)
    assert bench.counted("graph_calls_total", outcome="unavailable") == 1.0
    assert bench.counted("graph_calls_total", outcome="found") == 1.0


async def test_a_call_without_a_response_in_time_uses_one_unit_of_the_budget() -> None:
    bench = Bench(page_per_hour=4)
    bench.source.result = GraphTimeout("no response within 4 s")

    await bench.ask()

    assert (len(bench.source.tokens), bench.pauses) == (1, 0)
    assert bench.budgets.has_room(WHO.page), "two calls may be made at once, and one has been"


async def test_there_is_no_second_call_when_another_call_has_failed_meanwhile(bench: Bench) -> None:
    bench.source.result = GraphUnavailable("HTTP 500")
    bench.in_the_pause = [bench.ask]

    assert isinstance(await bench.ask(), Deferred)

    assert len(bench.source.tokens) == 3, "the call meanwhile was made twice, this one only once"
    assert not bench.gate.is_usable


async def test_there_is_no_second_call_with_a_token_that_was_refused_meanwhile(bench: Bench) -> None:
    bench.source.result = TokenRefused("expired")
    bench.source.once = [GraphUnavailable("HTTP 500")]
    bench.in_the_pause = [bench.ask]

    assert isinstance(await bench.ask(), Deferred)

    assert len(bench.source.tokens) == 2
    assert len(bench.refused) == 1


async def test_nothing_is_tried_again_when_the_budget_is_used_up() -> None:
    bench = Bench(page_per_hour=2)
    bench.source.result = GraphUnavailable("HTTP 500")

    assert isinstance(await bench.ask(), Deferred)

    assert len(bench.source.tokens) == 1


@pytest.mark.parametrize(
    ("error", "seconds", "reason"),
    [
        (RateLimited("slow down"), 60.0, "page_rate"),
        (PolicyBlocked("stop that"), POLICY_HOLD_SECONDS, "policy"),
    ],
)
async def test_a_page_is_put_on_hold_alone(bench: Bench, error: Exception, seconds: float, reason: str) -> None:
    bench.source.result = error
    assert await bench.ask() == Deferred(str(error), seconds)
    bench.source.result = ADA

    assert await bench.ask() == Deferred("calls for this page are on hold", seconds)
    assert not await bench.gate.admits_at_once(WHO.page, bench.token)
    assert bench.gate.exhausted(calls=20, most=10) == [WHO.page]
    assert await bench.ask(OTHER) == Found(ADA)
    assert bench.counted("graph_holds_total", reason=reason) == 1.0
    bench.seconds = seconds
    assert bench.gate.exhausted(calls=20, most=10) == []
    assert await bench.ask() == Found(ADA)


async def test_a_limit_of_the_app_stops_all_pages(bench: Bench) -> None:
    bench.source.result = RateLimited("slow down", is_apps=True)
    await bench.ask()
    bench.source.result = ADA

    assert not bench.gate.is_usable
    assert isinstance(await bench.ask(OTHER), Deferred)
    assert len(bench.source.tokens) == 1
    assert bench.counted("graph_holds_total", reason="app_rate") == 1.0
    bench.seconds = 60
    assert await bench.ask(OTHER) == Found(ADA)


async def test_headers_say_how_long_a_limit_lasts(bench: Bench) -> None:
    bench.budgets.learn(WHO.page, Usage(page_percent=100, regain_seconds=420))
    bench.source.result = RateLimited("slow down")

    assert await bench.ask() == Deferred("calls for this page are on hold", 420)
    assert bench.source.tokens == []


async def test_a_dead_token_is_reported_once_and_never_used_again_while_a_new_one_is(bench: Bench) -> None:
    bench.source.result = TokenRefused("expired", sentence="The token has expired.")
    answers = await asyncio.gather(*(bench.ask() for _ in range(5)))
    bench.seconds = 10 * REFUSED_TOKEN_HOLD_SECONDS

    assert answers[0] == Deferred("expired", REFUSED_TOKEN_HOLD_SECONDS)
    assert await bench.ask() == Deferred("the page has to be connected again", REFUSED_TOKEN_HOLD_SECONDS)
    assert len(bench.source.tokens) == 1
    assert bench.refused == [(("facebook", "page-1"), 1, "The token has expired.")]
    bench.source.result = ADA
    assert await bench.ask(version=2) == Found(ADA)
    assert isinstance(await bench.ask(version=1), Deferred), "an outdated answer about the page still names the old one"


async def test_a_medium_that_cannot_be_had_stops_the_media_of_its_page_alone(bench: Bench) -> None:
    for _ in range(4):
        with pytest.raises(GraphUnavailable):
            await bench.ask_medium(result=GraphUnavailable("HTTP 500"))

    assert bench.media_calls == 3, "two failures, of which the first was tried again"
    assert bench.gate.is_usable
    assert await bench.ask() == Found(ADA)
    assert await bench.ask_medium(OTHER_NUMBER) == "secret-token"
    bench.seconds = 10
    assert await bench.ask_medium() == "secret-token"


async def test_what_is_not_called_costs_nothing() -> None:
    bench = Bench(page_per_second=5)
    for _ in range(20):
        with pytest.raises(GraphUnavailable):
            await bench.ask_medium(result=GraphUnavailable("HTTP 500"))

    assert bench.media_calls == 3
    bench.seconds = 10
    assert [await bench.ask_medium() for _ in range(2)] == ["secret-token"] * 2


async def test_media_leave_half_of_the_apps_calls_to_names() -> None:
    bench = Bench(app_per_second=10)
    assert [await bench.ask_medium() for _ in range(5)] == ["secret-token"] * 5

    with pytest.raises(CallsOnHold):
        await bench.ask_medium()
    assert [await bench.gate.admits_at_once(WHO.page, bench.token) for _ in range(5)] == [True] * 5


@pytest.mark.parametrize("error", [PolicyBlocked("stop that"), RateLimited("slow down"), TokenRefused("expired")])
async def test_what_an_answer_says_of_the_page_holds_for_all_its_calls(bench: Bench, error: Exception) -> None:
    with pytest.raises((CallsOnHold, TokenRefused)):
        await bench.ask_medium(WHO.page, error)

    assert isinstance(await bench.ask(), Deferred)
    assert bench.source.tokens == []
