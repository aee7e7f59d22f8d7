"""CPU time of the enricher's handler per webhook with one message, with store caches.

Run from the root: python -m bench.enricher [webhooks]. It measures the handler only: there is no broker, no store and
no Graph API, and published events are not encoded.
"""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography.fernet import Fernet
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from enricher.accounts import AccountCache
from enricher.graph.breaker import Breaker
from enricher.graph.limiter import CallLimiter, RateLimits
from enricher.graph.policy import GraphPolicy
from enricher.handlers import WebhookHandler
from enricher.metrics import Metrics
from enricher.profiles.directory import ProfileDirectory
from enricher.profiles.lookups import ProfileKey
from shared.contracts import Event, Platform, Profile, WebhookReceivedV1, derive_id, encode
from shared.contracts.internal import Owner, PageKey, PageOwners
from shared.security.app_secrets import AppSecrets, parse_app_secrets
from shared.security.cipher import TokenCipher

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
PAGES, CUSTOMERS, BATCH = 50, 1000, 64
ENCODINGS = 200


class WarmStore:
    """A store that knows every page and every customer."""

    def __init__(self, cipher: TokenCipher) -> None:
        self.token = cipher.encrypt("token")

    async def page_owners(self, platform: Platform, page_id: str) -> PageOwners:
        owner = Owner(
            user_id=f"user-{page_id}",
            owned_from=NOW - timedelta(days=1),
            owned_until=None,
            status="connected",
            token_ciphertext=self.token,
        )
        return PageOwners(platform=platform, page_id=page_id, version=1, owners=(owner,))

    async def last_known(self, keys: Sequence[ProfileKey]) -> Mapping[ProfileKey, Profile]:
        return {key: Profile(name=f"Customer {key.participant_id}", fetched_at=NOW) for key in keys}

    async def profile(self, page: PageKey, participant_id: str, token: SecretStr) -> Profile:
        raise AssertionError(f"{participant_id} of {page} is known, so {token} must not be used")


class Sink:
    """Counts events and keeps the last batch only: a growing heap would be measured as well."""

    def __init__(self) -> None:
        self.count = 0
        self.last: Sequence[Event] = ()

    async def publish(self, events: Sequence[Event]) -> None:
        self.count += len(events)
        self.last = events


def webhook(number: int) -> WebhookReceivedV1:
    page, customer = f"{10**14 + number % PAGES}", f"{10**15 + number % CUSTOMERS}"
    item = {
        "sender": {"id": customer},
        "recipient": {"id": page},
        "timestamp": 1_793_534_400_000 + number,
        "message": {"mid": f"m_{number:060d}", "text": f"Hello, is number {number} still available?"},
    }
    body = msgspec.json.encode(
        {"object": "page", "entry": [{"id": page, "time": item["timestamp"], "messaging": [item]}]}
    )
    return WebhookReceivedV1(
        id=derive_id("webhook", "facebook", body),
        occurred_at=NOW,
        received_at=NOW,
        platform="facebook",
        body=body,
    )


def refused(page: PageKey, version: int, reason: str) -> None:
    raise AssertionError(f"{page} {version}: {reason}")


async def no_pause() -> None:
    raise AssertionError("no call is made, so none is retried")


async def main(webhooks: int) -> None:
    metrics = Metrics(CollectorRegistry())
    cipher = TokenCipher([SecretStr(Fernet.generate_key().decode())])
    store, sink, monotonic = WarmStore(cipher), Sink(), asyncio.get_running_loop().time
    policy = GraphPolicy(
        cipher=cipher,
        breaker=Breaker(failures_to_open=5, open_seconds=10),
        media_breaker=lambda: Breaker(failures_to_open=5, open_seconds=10),
        limiter=CallLimiter(
            RateLimits(page_per_second=20, page_per_hour=5000, app_per_second=100), monotonic=monotonic, metrics=metrics
        ),
        on_refused_token=refused,
        concurrent_calls=20,
        pause_before_retry=no_pause,
        monotonic=monotonic,
        metrics=metrics,
    )
    handler = WebhookHandler(
        accounts=AccountCache(store, monotonic=monotonic, metrics=metrics),
        profiles=ProfileDirectory(
            store, source=store, policy=policy, monotonic=monotonic, utc_now=lambda: NOW, metrics=metrics
        ),
        publisher=sink,
        metrics=metrics,
        budget_seconds=0.3,
        monotonic=monotonic,
        utc_now=lambda: datetime.now(UTC),
        app_secrets=AppSecrets(parse_app_secrets(["an-app-secret-of-tests"])),
    )
    await handler([webhook(number) for number in range(CUSTOMERS)])
    for size in (1, BATCH):
        batches = [[webhook(at + offset) for offset in range(size)] for at in range(0, webhooks, size)]
        sink.count = 0
        started, started_cpu = time.perf_counter(), time.process_time()
        for batch in batches:
            await handler(batch)
        seconds, cpu = time.perf_counter() - started, time.process_time() - started_cpu
        count = len(batches) * size
        assert sink.count == 2 * count, "one item and one manifest per webhook"
        print(f"{size:3} a call: {count / seconds:8.0f} webhooks/s, {cpu / count * 1e6:6.1f} us CPU per webhook")
    started_cpu = time.process_time()
    for _ in range(ENCODINGS):
        for event in sink.last:
            encode(event)
    seconds = time.process_time() - started_cpu
    print(f"encoding what was published: {seconds / ENCODINGS / BATCH * 1e6:.1f} us per webhook")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
