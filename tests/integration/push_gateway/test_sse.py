"""Server-sent events: the same sessions, for networks that block WebSockets."""

import asyncio
import socket as sockets
from dataclasses import replace

import httpx
import pytest

from switchboard.dev_proxy import dev_proxy
from tests.integration.push_gateway.harness import Gateway, gateway, receive, receive_seqs, token, until
from tests.integration.push_gateway.sse_client import EventStream, stream, stream_url

PAGE = "https://inbox.example"


async def test_a_stream_gets_the_same_changes_as_the_users_sockets() -> None:
    async with gateway() as gw, stream(gw, "ada") as events, gw.connect("ada") as socket:
        hello = await events.next()
        assert (hello.type, hello.data["data"]["seq"]) == ("hello", 0)
        assert events.retry_ms == 2000
        await receive(socket)

        await gw.push_changes("ada", 3)

        assert await events.seqs(3) == [1, 2, 3]
        assert await receive_seqs(socket, 3) == [1, 2, 3]
        assert events.response.headers["content-type"].startswith("text/event-stream")
        assert gw.metric("streams") == 1


async def test_no_path_is_redirected_to_the_host_of_the_request() -> None:
    async with gateway() as gw, httpx.AsyncClient() as client:
        for port, path in ((gw.sse_port, "/sse/ada/"), (gw.operations_port, "/healthz/")):
            answer = await client.get(f"http://127.0.0.1:{port}{path}", headers={"Host": "evil.example"})
            assert answer.status_code == 404
            assert "Location" not in answer.headers


async def test_a_browser_resumes_with_last_event_id() -> None:
    async with gateway() as gw:
        async with stream(gw, "ada") as events:
            await events.next()
            await gw.push_changes("ada", 2)
            await events.seqs(2)
            last = events.last_event_id
        assert last == "e1-2"
        await gw.push_changes("ada", 300)

        async with stream(gw, "ada", last_event_id=last, after=0, epoch="old") as events:
            hello = await events.next()
            assert hello.data["data"]["resumed"] is True, "the header is newer than the URL"
            assert await events.seqs(300) == list(range(3, 303))


async def test_the_position_is_known_from_the_first_event_on() -> None:
    async with gateway() as gw:
        await gw.push_changes("ada", 4)
        async with stream(gw, "ada") as events:
            await events.next()
            assert events.last_event_id == "e1-4"
        async with stream(gw, "ada", after=1, epoch="e1") as events:
            assert (await events.next()).data["data"]["resumed"] is True
            assert events.last_event_id == "e1-1"
        async with stream(gw, "ada", last_event_id="e0-3") as events:
            await events.next()
            reset = await events.next()
            assert (reset.type, reset.data["data"]["reason"]) == ("reset", "epoch_changed")
            assert events.last_event_id == "e1-4"


async def test_heartbeats_are_events_and_comments() -> None:
    async with gateway(heartbeat_seconds=0.1) as gw, stream(gw, "ada") as events:
        assert (await events.until("heartbeat")).data == {"type": "heartbeat", "data": {"seq": 0}}
        assert "beat" in events.comments


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        pytest.param({}, {}, 401, id="no token"),
        pytest.param({"token": "nonsense"}, {}, 401, id="not a token"),
        pytest.param({"token": token("ada", seconds=-5)}, {}, 401, id="expired"),
        pytest.param({"token": token("bob")}, {}, 403, id="another user's"),
        pytest.param({}, {"Authorization": f"Bearer {token('bob')}"}, 403, id="another user's, in the header"),
        pytest.param({"token": token("ada"), "after": "x"}, {}, 400, id="no position"),
        pytest.param({"token": token("ada")}, {"Last-Event-ID": "seven"}, 400, id="no position in the header"),
        pytest.param({"token": token("ada"), "client": "a b"}, {}, 400, id="no name of a device"),
        pytest.param({"token": token("ada")}, {"Origin": "https://evil.example"}, 403, id="a foreign page"),
    ],
)
async def test_a_refused_client_gets_a_status_before_the_stream_starts(
    query: dict[str, str], headers: dict[str, str], status: int
) -> None:
    async with gateway(allowed_origins=PAGE) as gw, httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(stream_url(gw, "ada", **query), headers=headers)

        assert response.status_code == status
        assert token("ada") not in response.text
        assert gw.metric("sockets") == 0


async def test_streams_and_sockets_count_together() -> None:
    async with (
        gateway(gateway_max_sockets_per_user=1) as gw,
        gw.connect("ada") as socket,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        await receive(socket)
        refused = await client.get(stream_url(gw, "ada", token=token("ada")))
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")


async def test_the_token_may_be_in_a_header_and_cors_allows_configured_origins() -> None:
    async with gateway(allowed_origins=PAGE) as gw, httpx.AsyncClient(trust_env=False) as client:
        asked = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
        preflight = await client.options(
            stream_url(gw, "ada"), headers={**asked, "Access-Control-Request-Headers": "authorization"}
        )
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, PAGE)
        headers = {"Origin": PAGE, "Authorization": f"Bearer {token('ada')}"}
        async with client.stream("GET", stream_url(gw, "ada"), headers=headers) as response:
            assert response.headers["access-control-allow-origin"] == PAGE
            assert (await EventStream(response).next()).type == "hello"


async def test_a_stream_ends_with_the_token() -> None:
    async with gateway() as gw, stream(gw, "ada", seconds=2) as events:
        close = await events.until("close")
        assert (close.data["code"], close.data["reason"]) == (4001, "token expired")
        with pytest.raises(StopAsyncIteration):
            await events.next()
        await until(lambda: gw.metric("sockets") == 0)


async def test_streams_are_closed_with_a_time_to_reconnect() -> None:
    async with gateway() as gw:
        connected = stream(gw, "ada")
        events = await connected.__aenter__()
        await events.next()
        left = asyncio.create_task(events.until("close"))
        await asyncio.sleep(0)
    close = await left
    assert close.data["code"] == 1012
    assert close.data["reason"] == f"retry_after_ms={close.data['retry_after_ms']}"
    assert events.retry_ms == close.data["retry_after_ms"]
    await connected.__aexit__(None, None, None)


async def test_an_unread_stream_is_bounded_delays_nobody_and_is_closed() -> None:
    budget, text = 64 * 1024, "x" * 32 * 1024
    async with (
        gateway(gateway_write_budget_bytes=budget, gateway_lagging_seconds=1.0) as gw,
        gw.connect("ada") as quick,
    ):
        await receive(quick)
        slow = await _unread(gw, "ada")
        await until(lambda: gw.metric("streams") == 1)
        count = 0
        async with asyncio.timeout(20):
            while gw.metric("lagging_total") == 0:
                await gw.push_changes("ada", text=text)
                count += len(await receive_seqs(quick, 1))
                assert gw.metric("buffered_bytes") <= budget + 2 * len(text)
        await until(lambda: gw.metric("closes_total", code="4008") == 1)
        await gw.push_changes("ada", text=text)
        assert await receive_seqs(quick, 1) == [count + 1]
        await until(lambda: gw.metric("streams") == 0)
        slow.close()


async def test_a_stream_that_is_read_late_continues_from_the_log() -> None:
    text = "x" * 32 * 1024
    async with gateway(gateway_write_budget_bytes=64 * 1024) as gw, stream(gw, "ada") as events:
        await events.next()
        async with asyncio.timeout(20):
            while gw.metric("lagging_total") == 0:
                await gw.push_changes("ada", text=text)
                await asyncio.sleep(0)
        count = len(gw.store.logs["ada"])
        assert await events.seqs(count) == list(range(1, count + 1))


async def test_a_disconnected_client_is_removed() -> None:
    async with gateway() as gw:
        async with stream(gw, "ada") as events:
            await events.next()
            assert gw.metric("sockets") == 1
        await until(lambda: gw.metric("sockets") == 0)


async def test_a_client_that_keeps_sending_a_body_is_aborted() -> None:
    async with gateway() as gw:
        reader, writer = await asyncio.open_connection("127.0.0.1", gw.sse_port)
        head = f"GET /sse/ada?token={token('ada')} HTTP/1.1\r\nHost: gateway\r\nContent-Length: 10000000\r\n\r\n"
        writer.write(head.encode())
        await asyncio.wait_for(reader.readuntil(b"event: hello"), 10)
        writer.write(b"x" * 200_000)

        await until(lambda: gw.metric("streams") == 0)
        writer.close()


async def test_a_stream_and_its_end_pass_the_development_proxy() -> None:
    async with gateway() as gw, dev_proxy({"/sse": gw.sse_port}, host="127.0.0.1", port=0) as (_, front):
        async with stream(replace(gw, sse_port=front), "ada") as events:
            await events.next()
            await gw.push_changes("ada", 2)
            assert await events.seqs(2) == [1, 2]
        await until(lambda: gw.metric("sockets") == 0)


async def _unread(gw: Gateway, user_id: str) -> sockets.socket:
    """Open a stream with a small receive buffer and never read it."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", gw.sse_port))
    await loop.sock_sendall(
        raw, f"GET /sse/{user_id}?token={token(user_id)} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode()
    )
    return raw
