"""Which calls are made, and what their results mean for the next ones."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from enricher.graph.breaker import Breaker
from enricher.graph.errors import (
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
from enricher.graph.limiter import CallLimiter, RateLimits
from enricher.graph.policy import POLICY_HOLD_SECONDS, UNDECRYPTABLE_TOKEN_HOLD_SECONDS, GraphPolicy
from enricher.graph.usage import Usage
from enricher.metrics import Metrics
from enricher.pages import PageToken
from enricher.profiles.graph_lookup import REFUSED_TOKEN_HOLD_SECONDS, look_up
from enricher.profiles.lookups import Deferred, Found, LookupResult, NotFound, ProfileKey
from shared.contracts import Profile
from shared.contracts.internal import PageKey
from shared.security.cipher import TokenCipher
from tests.builders import NOON

ADA = Profile(name="Ada", fetched_at=NOON + timedelta(seconds=1))
ADA_KEY = ProfileKey("user-1", "facebook", "page-1", "person-1")
OTHER_PAGE_KEY = ADA_KEY._replace(page_id="page-2")
NUMBER = PageKey(platform="whatsapp", page_id="number-1")
OTHER_NUMBER = PageKey(platform="whatsapp", page_id="number-2")
KEY = SecretStr(Fernet.generate_key().decode())


class Source:
    """Returns or raises `result`, after raising each of `errors_first` once. Records the tokens."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.result: Profile | Exception = ADA
        self.errors_first: list[Exception] = []

    async def profile(self, page: PageKey, participant_id: str, token: SecretStr) -> Profile:
        assert page in (ADA_KEY.page, OTHER_PAGE_KEY.page)
        assert participant_id == ADA_KEY.participant_id
        self.tokens.append(token.get_secret_value())
        result = self.errors_first.pop() if self.errors_first else self.result
        if isinstance(result, Exception):
            raise result
        return result


class Harness:
    """A policy with a clock, a Graph API and a pause that a test controls."""

    def __init__(self, **ceilings: float) -> None:
        self.source = Source()
        self.seconds = 0.0
        self.media_calls = 0
        self.pauses = 0
        self.during_pause: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self.refused: list[tuple[PageKey, int, str]] = []
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        allowed = {"page_per_second": 1000.0, "page_per_hour": 100_000.0, "app_per_second": 1000.0, **ceilings}
        self.limiter = CallLimiter(RateLimits(**allowed), monotonic=lambda: self.seconds, metrics=metrics)
        self.policy = GraphPolicy(
            cipher=TokenCipher([KEY]),
            breaker=Breaker(failures_to_open=2, open_seconds=10),
            media_breaker=lambda: Breaker(failures_to_open=2, open_seconds=10),
            limiter=self.limiter,
            on_refused_token=lambda *refusal: self.refused.append(refusal),
            concurrent_calls=5,
            pause_before_retry=self.pause,
            monotonic=lambda: self.seconds,
            metrics=metrics,
        )
        self.token = PageToken(TokenCipher([KEY]).encrypt("secret-token"), 1)

    async def look_up(self, key: ProfileKey = ADA_KEY, *, token: PageToken | None = None) -> LookupResult:
        return await look_up(key, token or self.token, source=self.source, policy=self.policy)

    async def call_for_media(self, page: PageKey = NUMBER, result: Exception | None = None) -> str:
        """Call for a media file with the given result; return the token that the call got."""

        async def call(secret: SecretStr) -> str:
            self.media_calls += 1
            if result is not None:
                raise result
            return secret.get_secret_value()

        return await self.policy.call_now(page, self.token, call)

    async def pause(self) -> None:
        """Replace the pause before a second call; do what a test wants to happen meanwhile."""
        self.pauses += 1
        while self.during_pause:
            await self.during_pause.pop()()

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"switchboard_enricher_{name}", labels)


@pytest.fixture
def harness() -> Harness:
    return Harness()


async def test_a_call_is_made_with_the_pages_token(harness: Harness) -> None:
    assert await harness.look_up() == Found(ADA)
    assert harness.source.tokens == ["secret-token"]
    assert harness.metric("graph_calls_total", outcome="found") == 1.0


async def test_an_empty_profile_counts_as_not_found(harness: Harness) -> None:
    harness.source.result = Profile(fetched_at=NOON)

    assert isinstance(await harness.look_up(), NotFound)


async def test_an_undecryptable_token_defers_the_lookup_without_a_call(harness: Harness) -> None:
    result = await harness.look_up(token=PageToken("not encrypted by us", 1))

    assert result == Deferred("the token cannot be decrypted", UNDECRYPTABLE_TOKEN_HOLD_SECONDS)
    assert (harness.source.tokens, harness.refused) == ([], [])


async def test_an_undecryptable_token_is_on_hold_until_its_ciphertext_changes(harness: Harness) -> None:
    other = TokenCipher([SecretStr(Fernet.generate_key().decode())]).encrypt("secret-token")
    good, harness.token = harness.token, PageToken(other, 1)
    for _ in range(2):
        assert await harness.look_up() == Deferred("the token cannot be decrypted", UNDECRYPTABLE_TOKEN_HOLD_SECONDS)
        with pytest.raises(CallsOnHold, match="cannot be decrypted"):
            await harness.call_for_media(ADA_KEY.page)
        assert not await harness.policy.try_reserve(ADA_KEY.page, harness.token)

    harness.token = good
    assert await harness.policy.try_reserve(ADA_KEY.page, harness.token)
    assert await harness.look_up() == Found(ADA)
    assert await harness.call_for_media(ADA_KEY.page) == "secret-token"
    assert harness.refused == []


@pytest.mark.parametrize("error", [ProfileInaccessible("x"), PermissionMissing("x"), GraphCallRejected("x")])
async def test_a_rejected_call_is_not_retried_and_does_not_open_the_breaker(harness: Harness, error: Exception) -> None:
    harness.source.result = error

    assert [type(await harness.look_up()) for _ in range(5)] == [NotFound] * 5
    assert len(harness.source.tokens) == 5
    assert harness.policy.is_available


@pytest.mark.parametrize("error", [GraphTimeout("no response"), GraphUnavailable("HTTP 500")])
async def test_failures_open_the_breaker_for_a_while(harness: Harness, error: Exception) -> None:
    harness.source.result = error

    assert [type(await harness.look_up()) for _ in range(5)] == [Deferred] * 5

    tries = len(harness.source.tokens)
    assert tries == (2 if isinstance(error, GraphTimeout) else 3), "only the first failure is retried"
    assert not harness.policy.is_available
    assert harness.policy.capacity(20) == 0
    harness.seconds = 10
    assert harness.policy.capacity(20) == 1, "one trial call"
    harness.source.result = ADA
    assert await harness.look_up() == Found(ADA)
    assert harness.policy.capacity(20) == 20


async def test_a_temporary_failure_is_retried_once_and_both_calls_count(harness: Harness) -> None:
    harness.source.errors_first = [GraphUnavailable("connection lost")]

    assert await harness.look_up() == Found(ADA)

    assert (len(harness.source.tokens), harness.pauses) == (2, 1)
    assert harness.metric("graph_calls_total", outcome="unavailable") == 1.0
    assert harness.metric("graph_calls_total", outcome="found") == 1.0


async def test_a_call_that_timed_out_counts_once() -> None:
    harness = Harness(page_per_hour=4)
    harness.source.result = GraphTimeout("no response within 4 s")

    await harness.look_up()

    assert (len(harness.source.tokens), harness.pauses) == (1, 0)
    assert harness.limiter.has_capacity(ADA_KEY.page), "two calls may be made at once, and only one was made"


async def test_there_is_no_retry_if_another_call_failed_during_the_pause(harness: Harness) -> None:
    harness.source.result = GraphUnavailable("HTTP 500")
    harness.during_pause = [harness.look_up]

    assert isinstance(await harness.look_up(), Deferred)

    assert len(harness.source.tokens) == 3, "the other call was retried, this one was not"
    assert not harness.policy.is_available


async def test_there_is_no_retry_if_the_token_was_refused_during_the_pause(harness: Harness) -> None:
    harness.source.result = TokenRefused("expired")
    harness.source.errors_first = [GraphUnavailable("HTTP 500")]
    harness.during_pause = [harness.look_up]

    assert isinstance(await harness.look_up(), Deferred)

    assert len(harness.source.tokens) == 2
    assert len(harness.refused) == 1


async def test_there_is_no_retry_without_capacity() -> None:
    harness = Harness(page_per_hour=2)
    harness.source.result = GraphUnavailable("HTTP 500")

    assert isinstance(await harness.look_up(), Deferred)

    assert len(harness.source.tokens) == 1


@pytest.mark.parametrize(
    ("error", "seconds", "reason"),
    [
        (RateLimited("slow down"), 60.0, "page_rate"),
        (PolicyBlocked("stop that"), POLICY_HOLD_SECONDS, "policy"),
    ],
)
async def test_a_limit_of_a_page_holds_this_page_only(
    harness: Harness, error: Exception, seconds: float, reason: str
) -> None:
    harness.source.result = error
    assert await harness.look_up() == Deferred(str(error), seconds)
    harness.source.result = ADA

    assert await harness.look_up() == Deferred("calls for this page are on hold", seconds)
    assert not await harness.policy.try_reserve(ADA_KEY.page, harness.token)
    assert harness.policy.pages_without_capacity(calls=20, limit=10) == [ADA_KEY.page]
    assert await harness.look_up(OTHER_PAGE_KEY) == Found(ADA)
    assert harness.metric("graph_holds_total", reason=reason) == 1.0
    harness.seconds = seconds
    assert harness.policy.pages_without_capacity(calls=20, limit=10) == []
    assert await harness.look_up() == Found(ADA)


async def test_a_limit_of_the_app_holds_all_pages(harness: Harness) -> None:
    harness.source.result = RateLimited("slow down", is_app_limit=True)
    await harness.look_up()
    harness.source.result = ADA

    assert not harness.policy.is_available
    assert isinstance(await harness.look_up(OTHER_PAGE_KEY), Deferred)
    assert len(harness.source.tokens) == 1
    assert harness.metric("graph_holds_total", reason="app_rate") == 1.0
    harness.seconds = 60
    assert await harness.look_up(OTHER_PAGE_KEY) == Found(ADA)


async def test_headers_decide_how_long_a_hold_lasts(harness: Harness) -> None:
    harness.limiter.record_usage(ADA_KEY.page, Usage(page_percent=100, regain_seconds=420))
    harness.source.result = RateLimited("slow down")

    assert await harness.look_up() == Deferred("calls for this page are on hold", 420)
    assert harness.source.tokens == []


async def test_a_refused_token_is_reported_once_and_never_used_again(harness: Harness) -> None:
    harness.source.result = TokenRefused("expired", sentence="The token has expired.")
    results = await asyncio.gather(*(harness.look_up() for _ in range(5)))
    harness.seconds = 10 * REFUSED_TOKEN_HOLD_SECONDS

    assert results[0] == Deferred("expired", REFUSED_TOKEN_HOLD_SECONDS)
    assert await harness.look_up() == Deferred("the page must be connected again", REFUSED_TOKEN_HOLD_SECONDS)
    assert len(harness.source.tokens) == 1
    assert harness.refused == [(PageKey(platform="facebook", page_id="page-1"), 1, "The token has expired.")]
    harness.source.result = ADA
    assert await harness.look_up(token=harness.token._replace(version=2)) == Found(ADA)
    assert isinstance(await harness.look_up(), Deferred), "an outdated cache entry still has the old version"


async def test_failing_media_of_a_page_open_the_breaker_of_this_pages_media_only(harness: Harness) -> None:
    for _ in range(4):
        with pytest.raises(GraphUnavailable):
            await harness.call_for_media(result=GraphUnavailable("HTTP 500"))

    assert harness.media_calls == 3, "two failures, of which the first was retried"
    assert harness.policy.is_available
    assert await harness.look_up() == Found(ADA)
    assert await harness.call_for_media(OTHER_NUMBER) == "secret-token"
    harness.seconds = 10
    assert await harness.call_for_media() == "secret-token"


async def test_calls_that_the_breaker_prevents_use_no_capacity() -> None:
    harness = Harness(page_per_second=5)
    for _ in range(20):
        with pytest.raises(GraphUnavailable):
            await harness.call_for_media(result=GraphUnavailable("HTTP 500"))

    assert harness.media_calls == 3
    harness.seconds = 10
    assert [await harness.call_for_media() for _ in range(2)] == ["secret-token"] * 2


async def test_media_leave_half_of_the_apps_calls_to_lookups() -> None:
    harness = Harness(app_per_second=10)
    assert [await harness.call_for_media() for _ in range(5)] == ["secret-token"] * 5

    with pytest.raises(CallsOnHold):
        await harness.call_for_media()
    assert [await harness.policy.try_reserve(ADA_KEY.page, harness.token) for _ in range(5)] == [True] * 5


@pytest.mark.parametrize("error", [PolicyBlocked("stop that"), RateLimited("slow down"), TokenRefused("expired")])
async def test_a_limit_or_refused_token_found_by_a_media_call_stops_lookups(harness: Harness, error: Exception) -> None:
    with pytest.raises((CallsOnHold, TokenRefused)):
        await harness.call_for_media(ADA_KEY.page, error)

    assert isinstance(await harness.look_up(), Deferred)
    assert harness.source.tokens == []
