"""A directory of people between a store and a Graph API that do as they are told."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from enricher.graph.breaker import Breaker
from enricher.graph.limiter import CallLimiter, RateLimits
from enricher.graph.policy import GraphPolicy
from enricher.metrics import Metrics
from enricher.pages import PageToken
from enricher.profiles.directory import ProfileDirectory
from enricher.profiles.lookups import ProfileKey
from shared.contracts import Profile
from shared.contracts.internal import PageKey
from shared.security.cipher import TokenCipher
from tests.builders import NOON

ADA = Profile(name="Ada Lovelace", fetched_at=NOON)
WHO = ProfileKey("user-1", "facebook", "page-1", "person-1")


def somebody(number: int) -> ProfileKey:
    return WHO._replace(participant_id=f"person-{number}")


async def no_pause() -> None:
    """Stand in for the pause between two calls."""


class People:
    """Everything around a `ProfileDirectory`; it is the store and the Graph API itself."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.known: dict[ProfileKey, Profile] = {}
        self.store_error: Exception | None = None
        self.calls: list[ProfileKey] = []
        self.open = asyncio.Event()
        self.open.set()
        self.result: Profile | Exception = ADA
        cipher = TokenCipher([SecretStr(Fernet.generate_key().decode())])
        self.token = PageToken(cipher.encrypt("token"), 1)
        self.refused: list[tuple[PageKey, int, str]] = []
        metrics = Metrics(CollectorRegistry())
        self.breaker = Breaker(failures_to_open=1, open_seconds=10)
        self.budgets = CallLimiter(
            RateLimits(page_per_second=1_000, page_per_hour=100_000, app_per_second=1_000),
            monotonic=self.clock,
            metrics=metrics,
        )
        gate = GraphPolicy(
            cipher=cipher,
            breaker=self.breaker,
            media_breaker=lambda: self.breaker,
            limiter=self.budgets,
            on_refused_token=lambda *refusal: self.refused.append(refusal),
            concurrent_calls=5,
            pause_before_retry=no_pause,
            monotonic=self.clock,
            metrics=metrics,
        )
        self.directory = ProfileDirectory(
            self, source=self, policy=gate, monotonic=self.clock, utc_now=self.now, metrics=metrics
        )

    def clock(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def deadline(self, seconds: float = 5.0) -> float:
        return asyncio.get_running_loop().time() + seconds

    async def last_known(self, wanted: Sequence[ProfileKey]) -> Mapping[ProfileKey, Profile]:
        if self.store_error:
            raise self.store_error
        await self.open.wait()
        return {one: self.known[one] for one in wanted if one in self.known}

    async def profile(self, page: PageKey, participant_id: str, token: SecretStr) -> Profile:
        assert token.get_secret_value() == "token"
        self.calls.append(ProfileKey(WHO.user_id, page.platform, page.page_id, participant_id))
        await self.open.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result
