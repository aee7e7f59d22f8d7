import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from pydantic import SecretStr

from bench.pipeline_load import measures, users, webhooks
from bench.pipeline_load.command import run
from bench.pipeline_load.loops import closed_loop, open_loop
from bench.pipeline_load.recording import Recording
from bench.pipeline_load.target import CannotMeasure, Target, parse_target, require_loopback
from simulator.signing import signature

RUN = "0123456789"


def target(port: int = 80) -> Target:
    origin = f"127.0.0.1:{port}"
    return Target(
        webhooks=f"http://{origin}/webhooks",
        api=f"http://{origin}/api",
        ws=f"ws://{origin}/ws",
        app_secret="app-secret",
        admin_token="admin-token",
    )


def recording(*indices: int, seqs: list[int] | None = None) -> Recording:
    return Recording("ada", 0, seqs or list(range(1, len(indices) + 1)), list(indices), [0.0] * len(indices))


def problems(accepted: set[int], *recordings: Recording, attempted: set[int] | None = None) -> list[str]:
    return measures.verdict(accepted, attempted or accepted, recordings).problems


def test_messages_that_arrive_once_and_in_order_are_no_problem() -> None:
    assert problems({0, 1, 2, 3}, recording(0, -1, 2), recording(1, -1, -1, 3)) == []


def test_an_accepted_webhook_that_never_arrives_is_a_problem() -> None:
    assert problems({0, 1, 2}, recording(0, 2)) == ["1 got a 200 and never arrived: 1"]


def test_a_message_that_arrives_twice_is_a_problem() -> None:
    assert problems({0, 1}, recording(0, 1, 1)) == ["1 arrived more than once: 1"]


def test_a_hole_in_seq_is_a_problem_and_so_is_a_repetition() -> None:
    assert problems({0, 1}, recording(0, 1, seqs=[1, 3])) == ["ada: seq 3 arrived instead of 2"]
    assert problems({0}, recording(0, -1, seqs=[1, 1])) == ["ada: seq 1 arrived instead of 2"]


def test_another_users_message_is_a_problem() -> None:
    [problem] = problems({0, 1}, recording(0, 1), recording())

    assert "other users" in problem


def test_a_webhook_without_a_200_may_arrive_once_and_an_unsent_one_must_not() -> None:
    assert problems({0}, recording(0, 1), attempted={0, 1}) == []
    assert problems({0}, recording(0, 1), attempted={0}) == ["1 arrived and were never sent: 1"]


def test_a_closed_socket_is_a_problem() -> None:
    closed = recording(0)
    closed.problems.append("the socket was closed with 4008")

    assert problems({0}, closed) == ["ada: the socket was closed with 4008"]


def test_percentiles_are_measured_values() -> None:
    assert measures.percentiles([value / 1000 for value in range(1, 101)]) == measures.Percentiles(50, 99, 100)
    assert measures.percentiles([0.001]) == measures.Percentiles(1, 1, 1)
    assert measures.percentiles([]) == measures.Percentiles(None, None, None)


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1", "0.0.0.0", "127.0.0.1.example.com"])  # noqa: S104 - refused
def test_load_is_only_sent_to_this_machine(host: str) -> None:
    with pytest.raises(CannotMeasure, match="not on this machine"):
        require_loopback(msgspec.structs.replace(target(), ws=f"ws://{host}/ws"))


def test_a_line_of_switchboard_up_is_parsed_and_another_line_is_refused() -> None:
    line = msgspec.json.encode(
        {**msgspec.structs.asdict(target()), "pids": [1], "webhooks": "http://[::1]:1/webhooks/"}
    )

    assert parse_target(line).webhooks == "http://[::1]:1/webhooks"
    with pytest.raises(CannotMeasure, match="switchboard up"):
        parse_target("listening on 8080")


def test_requests_are_signed_and_message_ids_encode_the_webhook() -> None:
    requests = webhooks.build_requests(target(), RUN, users.pages(RUN, 3), customers=2, number=7)

    prefix = webhooks.message_prefix(RUN)
    for index, request in enumerate(requests):
        head, _, raw = request.partition(b"\r\n\r\n")
        assert signature(raw, SecretStr("app-secret")).encode() in head
        assert f"Content-Length: {len(raw)}".encode() in head
        message_id = raw[raw.index(prefix.encode()) :].partition(b'"')[0].decode()
        assert webhooks.index_in(message_id, prefix) == index
    assert webhooks.index_in("m_1", prefix) is None


@asynccontextmanager
async def answering(decide: Callable[[int], int | None]) -> AsyncIterator[Target]:
    """Serve HTTP; `decide` is given the number of the request (from 1), returns its status or None to hang up."""
    requests = 0
    connections: set[asyncio.Task[None] | None] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
            requests += 1
            status = decide(requests)
            if status is None:
                return
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok" % status)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await take(reader, writer)
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield target(server.sockets[0].getsockname()[1])
    await asyncio.wait_for(asyncio.gather(*filter(None, connections)), timeout=2)


async def test_the_closed_loop_retries_refused_and_lost_webhooks() -> None:
    async with answering(lambda number: {3: 503, 5: None}.get(number, 200)) as system:
        requests = webhooks.build_requests(system, RUN, users.pages(RUN, 1), customers=1, number=20)
        async with webhooks.Sender(system, requests, connections=4) as sender:
            sent = await closed_loop(sender, iter(range(20)), in_flight=4, seconds=30)

    assert sent.accepted.keys() == set(range(20))
    assert (sent.refused, sent.ran_out) == (2, True)
    assert sent.ended - sent.started < 30


async def test_the_open_loop_measures_a_stall_from_the_due_time() -> None:
    async with answering(lambda _: 200) as system:
        requests = webhooks.build_requests(system, RUN, users.pages(RUN, 1), customers=1, number=20)
        async with webhooks.Sender(system, requests, connections=1) as sender:
            asyncio.get_running_loop().call_later(0.15, _stall, 0.1)
            sent = await open_loop(sender, iter(range(20)), rate=100, seconds=0.2)

    delays = [sent.accepted[index] - sent.intended[index] for index in range(20)]
    assert sent.accepted.keys() == set(range(20))
    assert all(sent.begun[index] >= sent.intended[index] for index in range(20))
    assert sum(delay > 0.03 for delay in delays) >= 5


def _stall(seconds: float) -> None:
    """Hold up this process, generator included: what it did not send in time must not look quick."""
    time.sleep(seconds)


def test_without_a_target_the_command_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], description=None) == 2
    assert "--app-secret" in capsys.readouterr().err
