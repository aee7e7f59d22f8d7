"""Who may open a socket, and how others are refused."""

import http
import logging
from collections.abc import Sequence

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from shared.contracts import Event
from shared.messaging.local import LocalBroker
from shared.store_client.paths import LOG_PATH
from tests.fakes.store import SERVICE_TOKEN
from tests.integration.push_gateway.harness import gateway, receive, receive_seqs, token, until, wait_closed


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param("", 4001, id="no token"),
        pytest.param("nonsense", 4001, id="not a token"),
        pytest.param(token("ada", secret="another-secret-of-thirty-two-bytes!"), 4001, id="forged"),
        pytest.param(token("ada", seconds=-5), 4001, id="expired"),
        pytest.param(token("bob"), 4003, id="another user's"),
    ],
)
async def test_a_refused_socket_is_accepted_and_then_closed_with_a_code(given: str, code: int) -> None:
    async with gateway() as gw, connect(gw.url("ada", token=given), proxy=None) as socket:
        assert (await wait_closed(socket))[0] == code
        assert gw.metric("sockets") == 0
        assert gw.metric("closes_total", code=str(code)) == 1


async def test_a_token_comes_as_a_header_as_a_subprotocol_or_in_the_url() -> None:
    async with gateway() as gw:
        async with connect(
            gw.url("ada"), proxy=None, additional_headers={"Authorization": f"Bearer {token('ada')}"}
        ) as socket:
            assert (await receive(socket))["type"] == "hello"
        async with connect(
            gw.url("ada"), proxy=None, subprotocols=[Subprotocol("bearer"), Subprotocol(token("ada"))]
        ) as socket:
            assert socket.subprotocol == "bearer"
            assert (await receive(socket))["type"] == "hello"


async def test_a_user_id_is_percent_decoded() -> None:
    async with gateway() as gw, gw.connect("a|b@c.example") as socket:
        assert (await receive(socket))["data"]["seq"] == 0


async def test_an_invalid_position_is_a_protocol_error() -> None:
    async with gateway() as gw, gw.connect("ada", after="minus") as socket:
        assert (await wait_closed(socket))[0] == 4400


@pytest.mark.parametrize(
    ("origin", "allowed", "status"),
    [
        ("https://evil.example", "https://inbox.example", http.HTTPStatus.FORBIDDEN),
        ("https://evil.example", "", http.HTTPStatus.FORBIDDEN),
        ("http://[", "https://inbox.example", http.HTTPStatus.FORBIDDEN),
        ("https://inbox.example", "https://inbox.example", http.HTTPStatus.SWITCHING_PROTOCOLS),
        ("https://any.example", "*", http.HTTPStatus.SWITCHING_PROTOCOLS),
    ],
)
async def test_only_pages_of_allowed_origins_may_open_sockets(origin: str, allowed: str, status: int) -> None:
    async with gateway(allowed_origins=allowed) as gw:
        try:
            async with connect(gw.url("ada", token=token("ada")), proxy=None, origin=Origin(origin)) as socket:
                assert (await receive(socket))["type"] == "hello"
                answered = http.HTTPStatus.SWITCHING_PROTOCOLS
        except InvalidStatus as refused:
            answered = http.HTTPStatus(refused.response.status_code)
    assert answered == status


@pytest.mark.parametrize("name", ["Origin", "Authorization", "Host"])
async def test_a_repeated_header_is_a_bad_request(name: str) -> None:
    async with gateway() as gw:
        twice = [(name, "https://inbox.example"), (name, "https://evil.example")]
        with pytest.raises(InvalidStatus) as refused:
            await connect(gw.url("ada", token=token("ada")), proxy=None, additional_headers=twice)
    assert refused.value.response.status_code == http.HTTPStatus.BAD_REQUEST


async def test_other_paths_are_not_found() -> None:
    async with gateway() as gw, httpx.AsyncClient() as http_client:
        for path in ("/", "/ws/", "/ws/a/b", "/metrics"):
            response = await http_client.get(f"http://127.0.0.1:{gw.port}{path}")
            assert response.status_code == 404, path


async def test_a_user_has_a_limit_of_sockets_and_so_has_the_process() -> None:
    async with (
        gateway(gateway_max_sockets_per_user=1, gateway_max_sockets=2) as gw,
        gw.connect("ada") as first,
    ):
        await receive(first)
        async with gw.connect("ada") as second:
            assert (await wait_closed(second))[0] == 4009
        await until(lambda: gw.metric("sockets") == 1)
        async with gw.connect("bob") as other, gw.connect("eve") as third:
            assert (await receive(other))["type"] == "hello"
            assert (await wait_closed(third))[0] == 4009


async def test_a_token_is_in_no_log(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    given = token("ada")
    with caplog.at_level(logging.DEBUG, logger="websockets.server"):
        async with gateway() as gw:
            async with connect(gw.url("ada", token=given), proxy=None, logger=logging.getLogger("client")) as socket:
                await receive(socket)
            async with connect(gw.url("bob", token=given), proxy=None, logger=logging.getLogger("client")) as socket:
                await wait_closed(socket)
            async with httpx.AsyncClient() as http_client:
                await http_client.get(f"http://127.0.0.1:{gw.port}/other?token={given}")

    server_side = [record.getMessage() for record in caplog.records if record.name != "client"]
    assert given not in "\n".join(message for message in server_side if "HTTP Request" not in message)
    assert given not in "".join(capsys.readouterr())


async def test_readiness_names_an_unavailable_dependency() -> None:
    async with gateway() as gw, httpx.AsyncClient(base_url=f"http://127.0.0.1:{gw.operations_port}") as operations:
        assert (await operations.get("/readyz")).status_code == 200
        gw.store.is_unavailable = True
        refused = await operations.get("/readyz")
        assert refused.status_code == 503
        assert "The store does not answer" in refused.text
        assert "switchboard_gateway_sockets 0.0" in (await operations.get("/metrics")).text


async def test_readiness_says_how_to_fix_a_refusal_and_sockets_wait_for_it() -> None:
    async with gateway() as gw, httpx.AsyncClient(base_url=f"http://127.0.0.1:{gw.operations_port}") as operations:
        gw.store.append("ada")
        gw.store.service_token = "another"
        async with gw.connect("ada", after=0) as socket:
            await until(lambda: gw.metric("store_calls_total", call="log", outcome="refused"))
            refused = await operations.get("/readyz")
            assert refused.status_code == 503
            assert "The store refuses our service token" in refused.text
            assert "SWITCHBOARD_SERVICE_TOKENS" in refused.text

            gw.store.service_token = SERVICE_TOKEN
            assert (await receive(socket))["type"] == "hello"
            assert await receive_seqs(socket, 1) == [1]
        assert (await operations.get("/readyz")).status_code == 200


async def test_readiness_rechecks_a_refused_log_that_nobody_requests_any_more() -> None:
    async with gateway() as gw, httpx.AsyncClient(base_url=f"http://127.0.0.1:{gw.operations_port}") as operations:
        gw.store.append("ada")
        gw.store.statuses[LOG_PATH] = 404
        async with gw.connect("ada", after=0):
            await until(lambda: gw.metric("store_calls_total", call="log", outcome="refused"))
        refused = await operations.get("/readyz")
        assert refused.status_code == 503
        assert "The store does not know /internal/log" in refused.text

        del gw.store.statuses[LOG_PATH]
        assert (await operations.get("/readyz")).status_code == 200


async def test_readiness_names_a_background_task_that_ended() -> None:
    async with (
        gateway(broker=BrokenBroker()) as gw,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{gw.operations_port}") as operations,
        gw.connect("ada") as socket,
    ):
        await receive(socket)
        await until(lambda: gw.metric("background_ended_total", task="signals to other gateways") >= 1)
        refused = await operations.get("/readyz")

    assert refused.status_code == 503
    assert "signals to other gateways" in refused.text


class BrokenBroker(LocalBroker):
    """Publishes nothing, and reports itself ready."""

    async def publish(self, events: Sequence[Event]) -> None:
        raise LookupError(f"a bug with {len(events)} events")
