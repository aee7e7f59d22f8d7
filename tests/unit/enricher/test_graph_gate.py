"""A call is made only where it may help, and its end decides about the next ones."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from enricher.core.breaker import Breaker
from enricher.core.lookups import Found, Nobody, NotNow, Wanted
from enricher.errors import (
    GraphRefused,
    GraphUnavailable,
    PermissionMissing,
    PersonUnreadable,
    RateLimited,
    TokenDead,
)
from enricher.graph_gate import GraphGate
from enricher.metrics import Metrics
from shared.contracts import Profile
from shared.security.cipher import TokenCipher
from tests.builders import NOON

ADA = Profile(name="Ada", fetched_at=NOON + timedelta(seconds=1))
WHO = Wanted("user-1", "facebook", "page-1", "person-1")
KEY = SecretStr(Fernet.generate_key().decode())


class Source:
    """Answers as told; remembers with which tokens it was asked."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.result: Profile | Exception = ADA

    async def profile(self, wanted: Wanted, token: SecretStr) -> Profile:
        assert wanted.participant_id == WHO.participant_id
        self.tokens.append(token.get_secret_value())
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class Bench:
    """A gate with everything around it."""

    def __init__(self) -> None:
        self.source = Source()
        self.seconds = 0.0
        self.registry = CollectorRegistry()
        self.gate = GraphGate(
            self.source,
            cipher=TokenCipher([KEY]),
            breaker=Breaker(failures_to_open=2, open_seconds=10),
            concurrent_calls=5,
            clock=lambda: self.seconds,
            metrics=Metrics(self.registry),
        )
        self.ciphertext = TokenCipher([KEY]).encrypt("secret-token")

    async def ask(self, wanted: Wanted = WHO) -> Found | Nobody | NotNow:
        return await self.gate.look_up(wanted, self.ciphertext)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_call_is_made_with_the_pages_token(bench: Bench) -> None:
    assert await bench.ask() == Found(ADA)
    assert bench.source.tokens == ["secret-token"]
    calls = bench.registry.get_sample_value("switchboard_enricher_graph_calls_total", {"outcome": "found"})
    assert calls == 1.0


async def test_an_empty_profile_names_nobody(bench: Bench) -> None:
    bench.source.result = Profile(fetched_at=NOON)

    assert isinstance(await bench.ask(), Nobody)


async def test_a_token_that_no_key_opens_costs_no_call(bench: Bench) -> None:
    assert isinstance(await bench.gate.look_up(WHO, "not a token of ours"), Nobody)
    assert bench.source.tokens == []


@pytest.mark.parametrize("error", [PersonUnreadable("x"), PermissionMissing("x"), GraphRefused("x")])
async def test_a_refusal_is_no_reason_to_try_again_nor_to_stop(bench: Bench, error: Exception) -> None:
    bench.source.result = error

    assert [type(await bench.ask()) for _ in range(5)] == [Nobody] * 5
    assert len(bench.source.tokens) == 5
    assert bench.gate.is_usable


async def test_a_dead_graph_api_is_left_alone_for_a_while(bench: Bench) -> None:
    bench.source.result = GraphUnavailable("no answer")

    assert [type(await bench.ask()) for _ in range(5)] == [NotNow] * 5

    assert len(bench.source.tokens) == 2
    assert not bench.gate.is_usable
    bench.seconds = 10
    bench.source.result = ADA
    assert await bench.ask() == Found(ADA)
    assert bench.gate.is_usable


@pytest.mark.parametrize(("error", "seconds"), [(RateLimited("slow down"), 60.0), (TokenDead("expired"), 900.0)])
async def test_a_page_is_put_on_hold_alone(bench: Bench, error: Exception, seconds: float) -> None:
    bench.source.result = error
    assert await bench.ask() == NotNow(str(error), seconds)
    bench.source.result = ADA

    assert await bench.ask() == NotNow("calls for this page are on hold", seconds)
    assert await bench.ask(WHO._replace(page_id="page-2")) == Found(ADA)
    bench.seconds = seconds
    assert await bench.ask() == Found(ADA)


async def test_a_page_whose_account_has_changed_is_called_again(bench: Bench) -> None:
    bench.source.result = TokenDead("expired")
    await bench.ask()
    bench.source.result = ADA

    bench.gate.release("facebook", "page-1")

    assert await bench.ask() == Found(ADA)
