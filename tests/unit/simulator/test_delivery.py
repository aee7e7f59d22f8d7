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
AT_ONCE = Retries(at_once=3, after_pauses=2, first_pause_seconds=0.001, longest_pause_seconds=0.002)


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


async def test_a_webhook_that_is_refused_now_and_then_arrives_in_the_end() -> None:
    receiver = Receiver(lambda request: 503 if request % 3 else 200)
    async with (
        serving(receiver.app, host="127.0.0.1", port=0, grace_seconds=1) as port,
        webhook_sender(webhooks_url=f"http://127.0.0.1:{port}/webhooks", app_secret=SECRET, retries=AT_ONCE) as sender,
    ):
        sent = webhooks(20)
        delivered = await sender.deliver_all(sent)

    assert {raw for _, raw in receiver.accepted} >= {each.raw for each in delivered if each.is_accepted}
    assert sender.ledger.sent == 20
    assert sender.ledger.tries == receiver.requests
    assert sender.ledger.answers[200] == sender.ledger.accepted == len(receiver.accepted)
    assert all(each.tries >= 1 and each.latency_seconds > 0 for each in sender.ledger.latest)


@pytest.mark.parametrize("status", [201, 204, 302, 400, 500])
async def test_anything_but_200_has_failed_and_the_tries_are_bounded(status: int) -> None:
    receiver = Receiver(lambda _: status)
    async with (
        serving(receiver.app, host="127.0.0.1", port=0, grace_seconds=1) as port,
        webhook_sender(webhooks_url=f"http://127.0.0.1:{port}/webhooks", app_secret=SECRET, retries=AT_ONCE) as sender,
    ):
        delivered = await sender.deliver(webhooks(1)[0])

    assert (delivered.status, delivered.is_accepted, delivered.tries) == (status, False, AT_ONCE.tries)
    assert receiver.requests == AT_ONCE.tries == 6
    assert sender.ledger.given_up == 1


async def test_a_receiver_that_is_not_there_is_no_answer_and_raises_nothing() -> None:
    async with webhook_sender(
        webhooks_url="http://127.0.0.1:9/webhooks",
        app_secret=SECRET,
        retries=Retries(at_once=1, after_pauses=0),
    ) as sender:
        delivered = await sender.deliver(webhooks(1)[0])

    assert (delivered.status, delivered.tries) == (None, 2)


async def test_a_receiver_that_does_not_answer_in_time_has_failed() -> None:
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
            retries=Retries(at_once=0, after_pauses=0),
            answer_seconds=0.05,
        ) as sender,
    ):
        assert (await sender.deliver(webhooks(1)[0])).status is None


async def test_no_more_requests_are_under_way_than_allowed() -> None:
    receiver = Receiver(lambda _: 200)
    async with (
        serving(receiver.app, host="127.0.0.1", port=0, grace_seconds=1) as port,
        webhook_sender(
            webhooks_url=f"http://127.0.0.1:{port}/webhooks", app_secret=SECRET, retries=AT_ONCE, concurrency=4, keep=5
        ) as sender,
    ):
        await sender.deliver_all(webhooks(40))

    assert 2 <= receiver.most_at_once <= 4
    assert sender.ledger.sent == 40
    assert len(sender.ledger.latest) == 5


@given(st.integers(0, 5), st.integers(0, 3000), st.integers(0, 100))
def test_pauses_come_after_the_tries_at_once_and_have_a_longest(at_once: int, more: int, seed: int) -> None:
    retries = Retries(at_once=at_once, after_pauses=5000, longest_pause_seconds=60)

    assert all(retries.pause_seconds(tries, Random(seed)) == 0 for tries in range(1, at_once + 1))
    assert 0 < retries.pause_seconds(at_once + 1 + more, Random(seed)) <= 60
