from collections.abc import Awaitable, Callable, Sequence

import httpx
import msgspec
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from shared.contracts import AnyEvent
from shared.contracts.internal import (
    NO_SUCH_CONVERSATION,
    LogResponse,
    MediaRequest,
    MediaResponse,
    PageOwners,
    ParticipantKey,
    ParticipantsRequest,
    ParticipantsResponse,
    ReadRequest,
    ReadResponse,
    TopsResponse,
)
from shared.errors import DependencyUnavailable
from shared.messaging.error_policy import apply_error_policy
from shared.messaging.outcomes import Outcome
from shared.store_client.client import StoreClient
from shared.store_client.errors import NoSuchConversation, StoreRefused
from tests.builders import webhook_received

TOPS = msgspec.json.encode(TopsResponse(epoch="e1", tops={"ada": 7}))
NO_LOG = msgspec.json.encode(LogResponse(epoch="e1", users=()))


class Calls(list[tuple[str, str]]):
    """How every call ended, by path."""

    def __call__(self, path: str, outcome: str) -> None:
        self.append((path, outcome))


def client(answer: Callable[[httpx.Request], httpx.Response], calls: Calls | None = None) -> StoreClient:
    return StoreClient(
        httpx.AsyncClient(transport=httpx.MockTransport(answer)),
        url="http://store/",
        token=SecretStr("service-token"),
        timeout_seconds=1,
        on_call=calls if calls is not None else Calls(),
    )


def answering(answer: httpx.Response | Exception, calls: Calls | None = None) -> StoreClient:
    """Return the client of a store that answers everything with `answer`."""

    def answered(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return client(answered, calls)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_store_that_cannot_answer_now_is_unavailable(status: int) -> None:
    calls = Calls()
    store = answering(httpx.Response(status), calls)
    with pytest.raises(DependencyUnavailable) as raised:
        await store.tops(["ada"])
    assert not isinstance(raised.value, StoreRefused)
    assert store.problems == [f"The store does not answer: HTTP {status}."]
    assert calls == [("/internal/tops", "unavailable")]


async def test_a_store_that_is_not_there_is_unavailable() -> None:
    calls = Calls()
    store = answering(httpx.ConnectError("nobody listens"), calls)
    with pytest.raises(DependencyUnavailable):
        await store.tops(["ada"])
    assert store.problems == ["The store does not answer: ConnectError."]
    assert calls == [("/internal/tops", "unavailable")]


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "SWITCHBOARD_SERVICE_TOKENS"),
        (403, "SWITCHBOARD_STORE_INTERNAL_URL"),
        (404, "SWITCHBOARD_STORE_INTERNAL_URL"),
        (301, "one version"),
        (405, "one version"),
        (413, "one version"),
        (422, "one version"),
    ],
)
async def test_a_refusal_is_an_error_of_its_own_that_says_what_to_change(status: int, remedy: str) -> None:
    calls = Calls()
    store = answering(httpx.Response(status), calls)
    with pytest.raises(StoreRefused, match=remedy) as refused:
        await store.tops(["ada"])
    assert refused.value.status == status
    assert str(status) in str(refused.value)
    assert "/internal/tops" in str(refused.value)
    assert store.problems == [str(refused.value)]
    assert calls == [("/internal/tops", "refused")]


@pytest.mark.parametrize("status", [401, 403, 404, 422])
async def test_events_are_held_while_the_store_refuses_and_never_parked(status: int) -> None:
    """Nothing is wrong with them: they get through once an operator has set the right token."""
    store = answering(httpx.Response(status))

    async def handler(_: Sequence[AnyEvent]) -> Sequence[Outcome]:
        await store.page_owners("facebook", "1041")
        raise AssertionError

    with pytest.raises(DependencyUnavailable):
        await apply_error_policy(handler, [webhook_received(), webhook_received()])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<html>welcome</html>", id="no JSON"),
        pytest.param(b'{"epoch": 7}', id="another shape"),
        pytest.param(msgspec.json.encode(TopsResponse(epoch="e1", tops={"bob": 7})), id="another user's"),
    ],
)
async def test_an_answer_that_is_not_understood_is_a_refusal_too_and_counted_once(content: bytes) -> None:
    calls = Calls()
    with pytest.raises(StoreRefused, match="one version"):
        await answering(httpx.Response(200, content=content), calls).tops(["ada"])
    assert calls == [("/internal/tops", "refused")]


async def test_the_log_of_other_users_is_not_taken() -> None:
    calls = Calls()
    with pytest.raises(StoreRefused, match="not about what was asked"):
        await answering(httpx.Response(200, content=NO_LOG), calls).log({"ada": 1})
    assert calls == [("/internal/log", "refused")]


async def test_a_refusal_is_remembered_by_path_until_the_path_is_answered() -> None:
    answers = {"/internal/log": httpx.Response(403), "/internal/tops": httpx.Response(200, content=TOPS)}
    store = client(lambda request: answers[request.url.path])
    with pytest.raises(StoreRefused):
        await store.log({})
    await store.tops(["ada"])
    answers["/internal/log"] = httpx.Response(503)
    with pytest.raises(DependencyUnavailable):
        await store.recheck()

    [outage, refusal] = store.problems
    assert outage == "The store does not answer: HTTP 503."
    assert "past every proxy" in refusal
    answers["/internal/log"] = httpx.Response(200, content=NO_LOG)
    await store.recheck()
    assert store.problems == []


OWNERS = PageOwners(platform="whatsapp", page_id="0", version=0, owners=())
ADA = ParticipantKey(user_id="ada", platform="facebook", participant_id="7")
A_MEDIUM = MediaRequest(user_id="ada", conversation_id="c1", id=1, index=0)
A_MARK = ReadRequest(user_id="ada", conversation_id="c1", up_to_seq=1)


@pytest.mark.parametrize(
    ("request_again", "answer"),
    [
        pytest.param(lambda store: store.page_owners("facebook", "1001"), OWNERS, id="page owners"),
        pytest.param(lambda store: store.participants([ADA]), ParticipantsResponse(participants=()), id="participants"),
        pytest.param(lambda store: store.log({"ada": 1}), LogResponse(epoch="e1", users=()), id="log"),
        pytest.param(lambda store: store.tops(["ada"]), TopsResponse(epoch="e1", tops={}), id="tops"),
        pytest.param(lambda store: store.media(A_MEDIUM), MediaResponse(media=None), id="media"),
        pytest.param(lambda store: store.mark_read(A_MARK), ReadResponse(seq=0), id="read mark"),
    ],
)
async def test_readiness_rechecks_a_refused_path_that_nobody_else_requests(
    request_again: Callable[[StoreClient], Awaitable[object]], answer: msgspec.Struct
) -> None:
    answers = [httpx.Response(401), httpx.Response(200, content=msgspec.json.encode(answer))]
    store = client(lambda _: answers.pop(0))
    await store.recheck()
    assert len(answers) == 2, "nothing was refused, so nothing is requested"
    with pytest.raises(StoreRefused):
        await request_again(store)
    await store.recheck()

    assert (store.problems, answers) == ([], [])


async def test_a_recheck_marks_nothing_and_reads_nobody() -> None:
    requested: list[tuple[str, bytes]] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        requested.append((request.url.path, request.content))
        return httpx.Response(401)

    store = client(refuse)
    for ask in (store.participants([ADA]), store.log({"ada": 1}), store.media(A_MEDIUM), store.mark_read(A_MARK)):
        with pytest.raises(StoreRefused):
            await ask
    requested.clear()
    with pytest.raises(StoreRefused):
        await store.recheck()

    assert all(b"ada" not in content for _, content in requested)


async def test_a_refusal_is_logged_once_however_often_it_is_met() -> None:
    store = answering(httpx.Response(401))
    with capture_logs() as logged:
        for _ in range(3):
            with pytest.raises(StoreRefused):
                await store.tops([])
    assert [entry["log_level"] for entry in logged] == ["error"]


async def test_any_number_of_participants_is_asked_for_500_at_a_time() -> None:
    asked: list[int] = []

    def answered(request: httpx.Request) -> httpx.Response:
        asked.append(len(msgspec.json.decode(request.content, type=ParticipantsRequest).participants))
        return httpx.Response(200, content=msgspec.json.encode(ParticipantsResponse(participants=())))

    keys = [ParticipantKey(user_id="ada", platform="facebook", participant_id=str(n)) for n in range(1_001)]
    assert await client(answered).participants(keys) == []
    assert asked == [500, 500, 1]


def problem(status: int, kind: str) -> httpx.Response:
    return httpx.Response(status, content=msgspec.json.encode({"type": kind, "status": status}))


@pytest.mark.parametrize(
    ("answer", "error", "outcome"),
    [
        pytest.param(problem(404, NO_SUCH_CONVERSATION), NoSuchConversation, "answered", id="no such conversation"),
        pytest.param(problem(404, "urn:switchboard:problem:not-found"), StoreRefused, "refused", id="no such path"),
        pytest.param(httpx.Response(404), StoreRefused, "refused", id="another server"),
        pytest.param(problem(422, "urn:switchboard:problem:invalid-request"), StoreRefused, "refused", id="version"),
        pytest.param(httpx.Response(401), StoreRefused, "refused", id="token"),
        pytest.param(httpx.Response(503), DependencyUnavailable, "unavailable", id="unavailable"),
    ],
)
async def test_a_mark_is_given_up_only_where_the_store_knows_no_such_conversation(
    answer: httpx.Response, error: type[Exception], outcome: str
) -> None:
    """Any client may ask for one: that alarms nobody."""
    calls = Calls()
    store = answering(answer, calls)
    with capture_logs() as logged, pytest.raises(error):
        await store.mark_read(ReadRequest(user_id="ada", conversation_id="c1", up_to_seq=1))
    assert calls == [("/internal/read", outcome)]
    assert any(entry["log_level"] == "error" for entry in logged) is (outcome == "refused")
    assert bool(store.problems) is (outcome != "answered")
