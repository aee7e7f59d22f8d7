import asyncio

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.errors import DependencyUnavailable, PermanentError
from shared.http.server import serving
from simulator import Plan, connect_pages, demo_pages, running_simulation, simulate
from simulator.delivery import DeliveryResult, DeliveryStats, Retries, http_client
from simulator.impairments import Impairments
from simulator.signing import signature

SECRET = SecretStr("app-secret")
ADMIN = SecretStr("admin-token")


class Switchboard:
    """A stand-in for Switchboard; the first `refusals` requests get 503."""

    def __init__(self, refusals: int = 0) -> None:
        self.bodies: list[bytes] = []
        self.accounts: dict[str, dict[str, str]] = {}
        self.refusals = refusals
        self.app = Starlette(
            routes=[
                Route("/webhooks/{platform}", self._webhook, methods=["POST"]),
                Route("/api/accounts/{platform}/{page_id}", self._account, methods=["PUT"]),
            ]
        )

    async def _webhook(self, request: Request) -> Response:
        raw = await request.body()
        assert request.headers["x-hub-signature-256"] == signature(raw, SECRET)
        if self._refuses():
            return Response(status_code=503)
        self.bodies.append(raw)
        return Response()

    async def _account(self, request: Request) -> Response:
        if request.headers["authorization"] != "Bearer admin-token":
            return JSONResponse({"title": "Unauthorized"}, 401)
        if self._refuses():
            return Response(status_code=503)
        self.accounts["{platform}/{page_id}".format(**request.path_params)] = await request.json()
        return Response(status_code=200)

    def _refuses(self) -> bool:
        self.refusals -= 1
        return self.refusals >= 0


def plan(port: int, **changes: object) -> Plan:
    options: dict[str, object] = {"per_second": 2000.0, "number": 60, **changes}
    url = f"http://127.0.0.1:{port}/webhooks"
    return Plan(webhooks_url=url, app_secret=SECRET, pages=demo_pages(), **options)  # type: ignore[arg-type] # by name


async def test_a_plan_is_completed_despite_failures() -> None:
    switchboard = Switchboard(refusals=10)
    results: list[DeliveryResult] = []
    async with serving(switchboard.app, host="127.0.0.1", port=0, grace_seconds=1) as port:
        retries = Retries(immediate=20, delayed=0)
        stats = await simulate(
            plan(port, retries=retries), stop=asyncio.Event(), on_delivered=lambda each, _: results.append(each)
        )

    assert (stats.sent, stats.accepted, stats.attempts) == (60, 60, 70)
    assert len(switchboard.bodies) == len(results) == 60
    assert {each.raw for each in results} == set(switchboard.bodies)


async def test_batches_and_duplicates_reach_the_wire() -> None:
    switchboard = Switchboard()
    async with serving(switchboard.app, host="127.0.0.1", port=0, grace_seconds=1) as port:
        impairments = Impairments(duplicate_share=1.0, shuffle_window=5, batch_size=4)
        stats = await simulate(plan(port, impairments=impairments), stop=asyncio.Event())

    assert stats.accepted == len(switchboard.bodies)
    assert 30 <= stats.accepted <= 33


async def test_a_stop_ends_an_endless_plan_at_once_even_without_a_receiver() -> None:
    stop = asyncio.Event()
    without_receiver = plan(9, number=None, unfinished_limit=3)

    task = asyncio.create_task(simulate(without_receiver, stop=stop))
    await asyncio.sleep(0.05)
    stop.set()

    stats = await asyncio.wait_for(task, timeout=2)
    assert stats.accepted == 0


async def test_customers_write_while_the_context_lasts() -> None:
    switchboard = Switchboard()
    five = asyncio.Event()

    def count(_: DeliveryResult, stats: DeliveryStats) -> None:
        if stats.accepted >= 5:
            five.set()

    async with serving(switchboard.app, host="127.0.0.1", port=0, grace_seconds=1) as port:
        url = f"http://127.0.0.1:{port}/webhooks"
        async with running_simulation(url, SECRET, demo_pages(), rate=200, seed=7, on_delivered=count):
            await asyncio.wait_for(five.wait(), timeout=5)
        after = len(switchboard.bodies)
        await asyncio.sleep(0.05)

    assert len(switchboard.bodies) == after >= 5


async def test_a_bug_in_a_callback_is_not_swallowed() -> None:
    def broken(_: DeliveryResult, __: DeliveryStats) -> None:
        raise ZeroDivisionError

    async with serving(Switchboard().app, host="127.0.0.1", port=0, grace_seconds=1) as port:
        with pytest.raises(ZeroDivisionError):
            await simulate(plan(port), stop=asyncio.Event(), on_delivered=broken)


async def test_pages_are_connected_once_the_api_is_available() -> None:
    switchboard = Switchboard(refusals=1)
    async with (
        serving(switchboard.app, host="127.0.0.1", port=0, grace_seconds=1) as port,
        http_client(connections=2) as http,
    ):
        await connect_pages(
            http, demo_pages(), api_url=f"http://127.0.0.1:{port}/api", admin_token=ADMIN, user_id="demo"
        )

    page = demo_pages()[0]
    expected = {"user_id": "demo", "name": page.name, "access_token": page.access_token}
    assert len(switchboard.accounts) == 3
    assert switchboard.accounts[f"facebook/{page.page_id}"] == expected


async def test_a_wrong_admin_token_fails_at_once_and_an_unavailable_api_after_the_timeout() -> None:
    async with (
        serving(Switchboard().app, host="127.0.0.1", port=0, grace_seconds=1) as port,
        http_client(connections=2) as http,
    ):
        url = f"http://127.0.0.1:{port}/api"
        with pytest.raises(PermanentError, match="401"):
            await connect_pages(http, demo_pages(), api_url=url, admin_token=SecretStr("x"), user_id="demo")
        with pytest.raises(DependencyUnavailable, match="Cannot connect"):
            await connect_pages(
                http,
                demo_pages(),
                api_url="http://127.0.0.1:9/api",
                admin_token=ADMIN,
                user_id="demo",
                timeout_seconds=0,
            )
