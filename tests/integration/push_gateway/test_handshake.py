"""Who may open a socket, and what those who may not are told."""

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
from tests.integration.push_gateway.harness import close_of, gateway, receive, receive_seqs, token, until
from tests.integration.push_gateway.store import SERVICE_TOKEN


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
    async with gateway() as push, connect(push.url("ada", token=given), proxy=None) as socket:
        assert (await close_of(socket))[0] == code
        assert push.metric("sockets") == 0
        assert push.metric("closes_total", code=str(code)) == 1


async def test_a_token_comes_as_a_header_as_a_subprotocol_or_in_the_url() -> None:
    async with gateway() as push:
        async with connect(
            push.url("ada"), proxy=None, additional_headers={"Authorization": f"Bearer {token('ada')}"}
        ) as socket:
            assert (await receive(socket))["type"] == "hello"
        async with connect(
            push.url("ada"), proxy=None, subprotocols=[Subprotocol("bearer"), Subprotocol(token("ada"))]
        ) as socket:
            assert socket.subprotocol == "bearer"
            assert (await receive(socket))["type"] == "hello"


async def test_a_user_id_is_percent_decoded() -> None:
    async with gateway() as push, push.connect("a|b@c.example") as socket:
        assert (await receive(socket))["data"]["seq"] == 0


async def test_an_invalid_position_is_a_protocol_error() -> None:
    async with gateway() as push, push.connect("ada", after="minus") as socket:
        assert (await close_of(socket))[0] == 4400


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
    async with gateway(allowed_origins=allowed) as push:
        try:
            async with connect(push.url("ada", token=token("ada")), proxy=None, origin=Origin(origin)) as socket:
                assert (await receive(socket))["type"] == "hello"
                answered = http.HTTPStatus.SWITCHING_PROTOCOLS
        except InvalidStatus as refused:
            answered = http.HTTPStatus(refused.response.status_code)
    assert answered == status


@pytest.mark.parametrize("name", ["Origin", "Authorization", "Host"])
async def test_a_repeated_header_is_a_bad_request(name: str) -> None:
    async with gateway() as push:
        twice = [(name, "https://inbox.example"), (name, "https://evil.example")]
        with pytest.raises(InvalidStatus) as refused:
            await connect(push.url("ada", token=token("ada")), proxy=None, additional_headers=twice)
    assert refused.value.response.status_code == http.HTTPStatus.BAD_REQUEST


async def test_other_paths_are_not_found() -> None:
    async with gateway() as push, httpx.AsyncClient() as http_client:
        for path in ("/", "/ws/", "/ws/a/b", "/metrics"):
            response = await http_client.get(f"http://127.0.0.1:{push.port}{path}")
            assert response.status_code == 404, path


async def test_a_user_has_a_limit_of_sockets_and_so_has_the_process() -> None:
    async with (
        gateway(gateway_max_sockets_per_user=1, gateway_max_sockets=2) as push,
        push.connect("ada") as first,
    ):
        await receive(first)
        async with push.connect("ada") as second:
            assert (await close_of(second))[0] == 4009
        await until(lambda: push.metric("sockets") == 1)
        async with push.connect("bob") as other, push.connect("eve") as third:
            assert (await receive(other))["type"] == "hello"
            assert (await close_of(third))[0] == 4009


async def test_a_token_is_in_no_log(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    given = token("ada")
    with caplog.at_level(logging.DEBUG, logger="websockets.server"):
        async with gateway() as push:
            async with connect(push.url("ada", token=given), proxy=None, logger=logging.getLogger("client")) as socket:
                await receive(socket)
            async with connect(push.url("bob", token=given), proxy=None, logger=logging.getLogger("client")) as socket:
                await close_of(socket)
            async with httpx.AsyncClient() as http_client:
                await http_client.get(f"http://127.0.0.1:{push.port}/other?token={given}")

    server_side = [record.getMessage() for record in caplog.records if record.name != "client"]
    assert given not in "\n".join(message for message in server_side if "HTTP Request" not in message)
    assert given not in "".join(capsys.readouterr())


async def test_readiness_names_an_unavailable_dependency() -> None:
    async with gateway() as push, httpx.AsyncClient(base_url=f"http://127.0.0.1:{push.operations_port}") as operations:
        assert (await operations.get("/readyz")).status_code == 200
        push.store.is_away = True
        refused = await operations.get("/readyz")
        assert refused.status_code == 503
        assert "The store does not answer" in refused.text
        assert "switchboard_gateway_sockets 0.0" in (await operations.get("/metrics")).text


async def test_readiness_says_how_to_fix_a_refusal_and_sockets_wait_for_it() -> None:
    async with gateway() as push, httpx.AsyncClient(base_url=f"http://127.0.0.1:{push.operations_port}") as operations:
        push.store.append("ada")
        push.store.service_token = "another"
        async with push.connect("ada", after=0) as socket:
            await until(lambda: push.metric("store_calls_total", call="log", outcome="refused"))
            refused = await operations.get("/readyz")
            assert refused.status_code == 503
            assert "The store refuses our service token" in refused.text
            assert "SWITCHBOARD_SERVICE_TOKENS" in refused.text

            push.store.service_token = SERVICE_TOKEN
            assert (await receive(socket))["type"] == "hello"
            assert await receive_seqs(socket, 1) == [1]
        assert (await operations.get("/readyz")).status_code == 200


async def test_readiness_rechecks_a_refused_log_that_nobody_requests_any_more() -> None:
    async with gateway() as push, httpx.AsyncClient(base_url=f"http://127.0.0.1:{push.operations_port}") as operations:
        push.store.append("ada")
        push.store.knows_the_log = False
        async with push.connect("ada", after=0):
            await until(lambda: push.metric("store_calls_total", call="log", outcome="refused"))
        refused = await operations.get("/readyz")
        assert refused.status_code == 503
        assert "The store does not know /internal/log" in refused.text

        push.store.knows_the_log = True
        assert (await operations.get("/readyz")).status_code == 200


async def test_readiness_names_a_background_task_that_ended() -> None:
    async with (
        gateway(broker=BrokenBroker()) as push,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{push.operations_port}") as operations,
        push.connect("ada") as socket,
    ):
        await receive(socket)
        await until(lambda: push.metric("background_ended_total", task="signals to other gateways") == 1)
        refused = await operations.get("/readyz")

    assert refused.status_code == 503
    assert "signals to other gateways" in refused.text


class BrokenBroker(LocalBroker):
    """Publishes nothing, and does not say that it is away."""

    async def publish(self, events: Sequence[Event]) -> None:
        raise LookupError(f"a bug with {len(events)} events")
