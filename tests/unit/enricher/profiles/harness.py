"""A profile directory between a store and a Graph API that a test controls."""

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
from enricher.profiles.directory import ProfileDirectory, ProfileResult
from enricher.profiles.lookups import ProfileKey
from shared.contracts import Profile
from shared.contracts.internal import PageKey
from shared.security.cipher import TokenCipher
from tests.builders import NOON

ADA = Profile(name="Ada Lovelace", fetched_at=NOON)
ADA_KEY = ProfileKey("user-1", "facebook", "page-1", "person-1")


def customer(number: int) -> ProfileKey:
    return ADA_KEY._replace(participant_id=f"person-{number}")


async def no_pause() -> None:
    """Replace the pause between two calls."""


class ProfileHarness:
    """A `ProfileDirectory` and what it needs. The harness itself is the store and the Graph API."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.stored: dict[ProfileKey, Profile] = {}
        self.store_error: Exception | None = None
        self.store_error_keys: set[ProfileKey] = set()
        """Customers at whom reading stored profiles meets a bug."""
        self.calls: list[ProfileKey] = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.result: Profile | Exception = ADA
        cipher = TokenCipher([SecretStr(Fernet.generate_key().decode())])
        self.token = PageToken(cipher.encrypt("token"), 1)
        self.refused: list[tuple[PageKey, int, str]] = []
        metrics = Metrics(CollectorRegistry())
        self.breaker = Breaker(failures_to_open=1, open_seconds=10)
        self.limiter = CallLimiter(
            RateLimits(page_per_second=1_000, page_per_hour=100_000, app_per_second=1_000),
            monotonic=self.monotonic,
            metrics=metrics,
        )
        policy = GraphPolicy(
            cipher=cipher,
            breaker=self.breaker,
            media_breaker=lambda: self.breaker,
            limiter=self.limiter,
            on_refused_token=lambda *refusal: self.refused.append(refusal),
            concurrent_calls=5,
            pause_before_retry=no_pause,
            monotonic=self.monotonic,
            metrics=metrics,
        )
        self.directory = ProfileDirectory(
            self, source=self, policy=policy, monotonic=self.monotonic, utc_now=self.utc_now, metrics=metrics
        )

    def monotonic(self) -> float:
        return self.seconds

    def utc_now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    async def look_up_now(self, key: ProfileKey = ADA_KEY, *, seconds: float = 5.0) -> ProfileResult:
        """Look the profile up within `seconds`."""
        return await self.directory.look_up_now(key, self.token, deadline=self.deadline(seconds))

    def deadline(self, seconds: float = 5.0) -> float:
        return asyncio.get_running_loop().time() + seconds

    async def last_known(self, keys: Sequence[ProfileKey]) -> Mapping[ProfileKey, Profile]:
        if self.store_error:
            raise self.store_error
        if not self.store_error_keys.isdisjoint(keys):
            raise ZeroDivisionError
        await self.is_open.wait()
        return {one: self.stored[one] for one in keys if one in self.stored}

    async def profile(self, page: PageKey, participant_id: str, token: SecretStr) -> Profile:
        assert token.get_secret_value() == "token"
        self.calls.append(ProfileKey(ADA_KEY.user_id, page.platform, page.page_id, participant_id))
        await self.is_open.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result
