"""Posts signed webhooks as Meta does: every response but 200 is a failure, and is retried."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import httpx
from httpx_aiohttp import AiohttpTransport
from pydantic import SecretStr

from shared.contracts import Platform
from simulator import signing
from simulator.bodies import Webhook
from simulator.signing import Escaping

_OK = 200


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often and how soon a failed webhook is sent again.

    Meta retries a few times immediately, then with growing delays for hours. The defaults end after about two minutes.
    """

    immediate: int = 2
    """Retries without a delay."""
    delayed: int = 7
    """Further retries, each after a delay."""
    first_delay_seconds: float = 1.0
    factor: float = 2.0
    max_delay_seconds: float = 60.0

    @property
    def attempts(self) -> int:
        """Maximum number of times that a webhook is sent."""
        return 1 + self.immediate + self.delayed

    def delay_seconds(self, attempts: int, rng: Random) -> float:
        """Return the delay after `attempts` failed attempts, with up to 20 % of jitter."""
        exponent = attempts - 1 - self.immediate
        if exponent < 0:
            return 0.0
        # The exponent is capped so that many retries cannot overflow a float.
        delay = self.first_delay_seconds * self.factor ** min(exponent, 64)
        return min(delay, self.max_delay_seconds) * rng.uniform(0.8, 1.0)


@dataclass(frozen=True)
class DeliveryResult:
    """The outcome of sending one body."""

    platform: Platform
    raw: bytes
    status: int | None
    """Status of the last response; None: there was none."""
    attempts: int
    latency_seconds: float
    """From the first attempt to the last response."""

    @property
    def is_accepted(self) -> bool:
        """Whether the last response was 200: the receiver has taken responsibility for the webhook."""
        return self.status == _OK


class DeliveryStats:
    """Counts of sent webhooks and their responses.

    Args:
        keep: how many of the latest results are kept; the counts include all of them.
    """

    def __init__(self, *, keep: int) -> None:
        self.latest: deque[DeliveryResult] = deque(maxlen=keep)
        self.sent = 0
        self.accepted = 0
        self.given_up = 0
        self.attempts = 0
        self.responses: Counter[int | None] = Counter()
        """Number of attempts by status; None counts attempts without a response."""

    def record(self, delivered: DeliveryResult) -> None:
        """Add the result of a webhook that is accepted or given up."""
        self.latest.append(delivered)
        self.sent += 1
        self.accepted += delivered.is_accepted
        self.given_up += not delivered.is_accepted


class WebhookSender:
    """Sends bodies to `{webhooks_url}/{platform}`.

    Args:
        http: the client for the requests; its timeouts limit how long a response may take (Meta: 5 s).
        webhooks_url: without a trailing slash.
        app_secret: signs the bodies.
        retries: when to retry.
        concurrency: maximum number of concurrent requests; further ones wait.
        stats: receives every result.
        rng: the jitter of delays.
        escaping: how bodies are serialized.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        webhooks_url: str,
        app_secret: SecretStr,
        retries: Retries,
        concurrency: int,
        stats: DeliveryStats,
        rng: Random,
        escaping: Escaping = "meta",
    ) -> None:
        self.stats = stats
        self._http = http
        self._webhooks_url = webhooks_url.rstrip("/")
        self._app_secret = app_secret
        self._retries = retries
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._rng = rng
        self._escaping: Escaping = escaping

    async def deliver(self, webhook: Webhook) -> DeliveryResult:
        """Send `webhook` until it is accepted or no attempts are left; no response raises an error."""
        raw = signing.serialize(webhook.body, escaping=self._escaping)
        return await self.deliver_raw(webhook.platform, raw)

    async def deliver_raw(self, platform: Platform, raw: bytes) -> DeliveryResult:
        """Do the same with a serialized body, which may be any bytes."""
        headers = signing.headers(raw, self._app_secret)
        started = time.monotonic()
        status: int | None = None
        attempts = 0
        while attempts < self._retries.attempts:
            async with self._slots:
                status = await self._post(platform, raw, headers)
            attempts += 1
            self.stats.attempts += 1
            self.stats.responses[status] += 1
            if status == _OK or attempts == self._retries.attempts:
                break
            await asyncio.sleep(self._retries.delay_seconds(attempts, self._rng))
        result = DeliveryResult(platform, raw, status, attempts, time.monotonic() - started)
        self.stats.record(result)
        return result

    async def deliver_all(self, webhooks: Iterable[Webhook]) -> list[DeliveryResult]:
        """Deliver `webhooks`, started in order, at most `concurrency` at once; return when all are done."""
        remaining = iter(webhooks)
        results: list[DeliveryResult] = []

        async def work() -> None:
            for webhook in remaining:
                results.append(await self.deliver(webhook))  # noqa: PERF401 - several workers fill one list

        async with asyncio.TaskGroup() as workers:
            for _ in range(self._concurrency):
                workers.create_task(work())
        return results

    async def _post(self, platform: Platform, raw: bytes, headers: dict[str, str]) -> int | None:
        try:
            response = await self._http.post(f"{self._webhooks_url}/{platform}", content=raw, headers=headers)
        except httpx.TransportError:
            return None
        return response.status_code


@asynccontextmanager
async def http_client(*, connections: int, response_timeout_seconds: float = 5.0) -> AsyncIterator[httpx.AsyncClient]:
    """Yield an HTTP client with at most `connections` connections; it uses no proxy and follows no redirects."""
    transport = AiohttpTransport(trust_env=False, limits=httpx.Limits(max_connections=connections))
    timeout = httpx.Timeout(response_timeout_seconds, connect=min(response_timeout_seconds, 2.0))
    async with httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False) as http:
        yield http


@asynccontextmanager
async def webhook_sender(
    *,
    webhooks_url: str,
    app_secret: SecretStr,
    retries: Retries,
    concurrency: int = 16,
    keep: int = 10_000,
    seed: int = 1,
    response_timeout_seconds: float = 5.0,
    escaping: Escaping = "meta",
) -> AsyncIterator[WebhookSender]:
    """Yield a sender with its own client and stats; the arguments are those of `WebhookSender` and `DeliveryStats`."""
    async with http_client(connections=concurrency, response_timeout_seconds=response_timeout_seconds) as http:
        yield WebhookSender(
            http,
            webhooks_url=webhooks_url,
            app_secret=app_secret,
            retries=retries,
            concurrency=concurrency,
            stats=DeliveryStats(keep=keep),
            rng=Random(seed),
            escaping=escaping,
        )
