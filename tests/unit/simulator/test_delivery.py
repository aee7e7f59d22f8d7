import asyncio
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.http.server import serving
from simulator import signing
from simulator.bodies import Webhook
from simulator.delivery import Retries, webhook_sender

SECRET = SecretStr("app-secret")
AT_ONCE = Retries(immediate=3, delayed=2, first_delay_seconds=0.001, max_delay_seconds=0.002)


class Receiver:
    """Takes webhooks; `decide` is given the number of the request (from 1) and returns the status to answer."""

    def __init__(self, decide: Callable[[int], int]) -> None:
        self.accepted: list[tuple[str, bytes]] = []
        self.requests = 0
        self.most_at_once = 0
        self._at_once = 0
        self._decide = decide
        self.app = Starlette(routes=[Route("/webhooks/{platform}", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        raw = await request.body()
        assert request.headers["x-hub-signature-256"] == signing.signature(raw, SECRET)
        self.requests += 1
        status = self._decide(self.requests)
        await asyncio.sleep(0.002)
        self._at_once -= 1
        if status == 200:
            self.accepted.append((request.path_params["platform"], raw))
        return Response(status_code=status)


def webhooks(number: int) -> list[Webhook]:
    return [Webhook("facebook", {"object": "page", "entry": [], "n": index}) for index in range(number)]


async def test_a_webhook_that_is_refused_at_times_arrives_eventually() -> None:
    receiver = Receiver(lambda request: 503 if request % 3 else 200)
    async with (
        serving(receiver.app, host="127.0.0.1", port=0, grace_seconds=1) as port,
        webhook_sender(webhooks_url=f"http://127.0.0.1:{port}/webhooks", app_secret=SECRET, retries=AT_ONCE) as sender,
    ):
        sent = webhooks(20)
        delivered = await sender.deliver_all(sent)

    assert {raw for _, raw in receiver.accepted} >= {each.raw for each in delivered if each.is_accepted}
    assert sender.stats.sent == 20
    assert sender.stats.attempts == receiver.requests
    assert sender.stats.responses[200] == sender.stats.accepted == len(receiver.accepted)
    assert all(each.attempts >= 1 and each.latency_seconds > 0 for each in sender.stats.latest)


@pytest.mark.parametrize("status", [201, 204, 302, 400, 500])
async def test_everything_but_200_is_a_failure_and_attempts_are_bounded(status: int) -> None:
    receiver = Receiver(lambda _: status)
    async with (
        serving(receiver.app, host="127.0.0.1", port=0, grace_seconds=1) as port,
        webhook_sender(webhooks_url=f"http://127.0.0.1:{port}/webhooks", app_secret=SECRET, retries=AT_ONCE) as sender,
    ):
        delivered = await sender.deliver(webhooks(1)[0])

    assert (delivered.status, delivered.is_accepted, delivered.attempts) == (status, False, AT_ONCE.attempts)
    assert receiver.requests == AT_ONCE.attempts == 6
    assert sender.stats.given_up == 1


async def test_a_missing_receiver_is_no_response_and_raises_nothing() -> None:
    async with webhook_sender(
        webhooks_url="http://127.0.0.1:9/webhooks",
        app_secret=SECRET,
        retries=Retries(immediate=1, delayed=0),
    ) as sender:
        delivered = await sender.deliver(webhooks(1)[0])

    assert (delivered.status, delivered.attempts) == (None, 2)


async def test_a_receiver_that_does_not_respond_in_time_is_a_failure() -> None:
    async def never(request: Request) -> Response:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response()

    app = Starlette(routes=[Route("/webhooks/{platform}", never, methods=["POST"])])
    async with (
        serving(app, host="127.0.0.1", port=0, grace_seconds=1) as port,
        webhook_sender(
            webhooks_url=f"http://127.0.0.1:{port}/webhooks",
            app_secret=SECRET,
            retries=Retries(immediate=0, delayed=0),
            response_timeout_seconds=0.05,
        ) as sender,
    ):
        assert (await sender.deliver(webhooks(1)[0])).status is None


async def test_concurrent_requests_are_limited() -> None:
    receiver = Receiver(lambda _: 200)
    async with (
        serving(receiver.app, host="127.0.0.1", port=0, grace_seconds=1) as port,
        webhook_sender(
            webhooks_url=f"http://127.0.0.1:{port}/webhooks", app_secret=SECRET, retries=AT_ONCE, concurrency=4, keep=5
        ) as sender,
    ):
        await sender.deliver_all(webhooks(40))

    assert 2 <= receiver.most_at_once <= 4
    assert sender.stats.sent == 40
    assert len(sender.stats.latest) == 5


@given(st.integers(0, 5), st.integers(0, 3000), st.integers(0, 100))
def test_delays_follow_the_immediate_retries_and_have_a_maximum(immediate: int, more: int, seed: int) -> None:
    retries = Retries(immediate=immediate, delayed=5000, max_delay_seconds=60)

    assert all(retries.delay_seconds(attempts, Random(seed)) == 0 for attempts in range(1, immediate + 1))
    assert 0 < retries.delay_seconds(immediate + 1 + more, Random(seed)) <= 60
