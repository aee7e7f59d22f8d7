"""Posting signed webhooks as Meta does: anything but 200 has failed, and is tried again."""

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
    """How often and how soon a webhook that was not answered 200 is sent again.

    Meta tries a few times at once, then less and less often for hours; the defaults end after about two minutes.
    """

    at_once: int = 2
    """Repetitions without a pause."""
    after_pauses: int = 7
    """Repetitions after them, each after a pause."""
    first_pause_seconds: float = 1.0
    factor: float = 2.0
    longest_pause_seconds: float = 60.0

    @property
    def tries(self) -> int:
        """Times that a webhook is sent at most."""
        return 1 + self.at_once + self.after_pauses

    def pause_seconds(self, tries: int, rng: Random) -> float:
        """Return the pause after `tries` failed tries, with up to a fifth of jitter."""
        backed_off = tries - 1 - self.at_once
        if backed_off < 0:
            return 0.0
        # The exponent is capped, so that many repetitions cannot overflow a float.
        pause = self.first_pause_seconds * self.factor ** min(backed_off, 64)
        return min(pause, self.longest_pause_seconds) * rng.uniform(0.8, 1.0)


@dataclass(frozen=True)
class Delivered:
    """What became of one body."""

    platform: Platform
    raw: bytes
    status: int | None
    """Answer to the last try; None where there was none."""
    tries: int
    latency_seconds: float
    """From the first try to the last answer."""

    @property
    def is_accepted(self) -> bool:
        """Whether it was answered 200 in the end: from then on it is the receiver's."""
        return self.status == _OK


class Ledger:
    """What was sent and what was answered.

    Args:
        keep: how many of the latest webhooks are kept whole; the numbers count all of them.
    """

    def __init__(self, *, keep: int) -> None:
        self.latest: deque[Delivered] = deque(maxlen=keep)
        self.sent = 0
        self.accepted = 0
        self.given_up = 0
        self.tries = 0
        self.answers: Counter[int | None] = Counter()
        """Answers to tries by status; None counts tries without one. At most as many keys as there are statuses."""

    def record(self, delivered: Delivered) -> None:
        """Enter a webhook whose last try has ended."""
        self.latest.append(delivered)
        self.sent += 1
        self.accepted += delivered.is_accepted
        self.given_up += not delivered.is_accepted


class WebhookSender:
    """Sends bodies to `{webhooks_url}/{platform}`.

    Args:
        http: what carries the requests; its time-outs say how long an answer may take (Meta: 5 s).
        webhooks_url: without a slash at the end.
        app_secret: signs.
        retries: when to try again.
        concurrency: requests under way at once; further ones wait.
        ledger: everything that ends is entered there.
        rng: jitter of the pauses.
        escaping: how bodies are written.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        webhooks_url: str,
        app_secret: SecretStr,
        retries: Retries,
        concurrency: int,
        ledger: Ledger,
        rng: Random,
        escaping: Escaping = "meta",
    ) -> None:
        self.ledger = ledger
        self._http = http
        self._webhooks_url = webhooks_url.rstrip("/")
        self._app_secret = app_secret
        self._retries = retries
        self._concurrency = concurrency
        self._under_way = asyncio.Semaphore(concurrency)
        self._rng = rng
        self._escaping: Escaping = escaping

    async def deliver(self, webhook: Webhook) -> Delivered:
        """Send `webhook` until it is answered 200 or the tries are used up; never raises for an answer."""
        raw = signing.serialise(webhook.body, escaping=self._escaping)
        return await self.deliver_raw(webhook.platform, raw)

    async def deliver_raw(self, platform: Platform, raw: bytes) -> Delivered:
        """Do the same with the bytes `raw`, which may be anything."""
        headers = signing.headers(raw, self._app_secret)
        started = time.monotonic()
        status: int | None = None
        tries = 0
        while tries < self._retries.tries:
            async with self._under_way:
                status = await self._post(platform, raw, headers)
            tries += 1
            self.ledger.tries += 1
            self.ledger.answers[status] += 1
            if status == _OK or tries == self._retries.tries:
                break
            await asyncio.sleep(self._retries.pause_seconds(tries, self._rng))
        delivered = Delivered(platform, raw, status, tries, time.monotonic() - started)
        self.ledger.record(delivered)
        return delivered

    async def deliver_all(self, webhooks: Iterable[Webhook]) -> list[Delivered]:
        """Deliver all of `webhooks`, begun in order, at most `concurrency` at once; return when all have ended."""
        left = iter(webhooks)
        delivered: list[Delivered] = []

        async def work() -> None:
            for webhook in left:
                delivered.append(await self.deliver(webhook))  # noqa: PERF401 - several workers fill one list

        async with asyncio.TaskGroup() as workers:
            for _ in range(self._concurrency):
                workers.create_task(work())
        return delivered

    async def _post(self, platform: Platform, raw: bytes, headers: dict[str, str]) -> int | None:
        try:
            answer = await self._http.post(f"{self._webhooks_url}/{platform}", content=raw, headers=headers)
        except httpx.TransportError:
            return None
        return answer.status_code


@asynccontextmanager
async def http_client(*, connections: int, answer_seconds: float = 5.0) -> AsyncIterator[httpx.AsyncClient]:
    """Yield an HTTP client with at most `connections` connections that waits `answer_seconds` for an answer.

    It uses no proxy and follows no redirect: what it calls is named by its caller.
    """
    transport = AiohttpTransport(trust_env=False, limits=httpx.Limits(max_connections=connections))
    timeout = httpx.Timeout(answer_seconds, connect=min(answer_seconds, 2.0))
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
    answer_seconds: float = 5.0,
    escaping: Escaping = "meta",
) -> AsyncIterator[WebhookSender]:
    """Yield a sender with a client and a ledger of its own; the arguments are those of `WebhookSender` and `Ledger`."""
    async with http_client(connections=concurrency, answer_seconds=answer_seconds) as http:
        yield WebhookSender(
            http,
            webhooks_url=webhooks_url,
            app_secret=app_secret,
            retries=retries,
            concurrency=concurrency,
            ledger=Ledger(keep=keep),
            rng=Random(seed),
            escaping=escaping,
        )
