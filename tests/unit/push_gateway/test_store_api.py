import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from push_gateway.delivery.read_marks import ReadRefused, StoreReadPositions
from push_gateway.log_reader import StoreLogReader
from push_gateway.metrics import Metrics
from push_gateway.store_api import StoreApi, StoreRefused
from shared.contracts.internal import NO_SUCH_CONVERSATION, LogResponse, ReadRequest, TopsResponse
from shared.errors import DependencyUnavailable

TOPS = msgspec.json.encode(TopsResponse(epoch="e1", tops={"ada": 7}))


def answering(answer: httpx.Response | Exception, metrics: CollectorRegistry | None = None) -> StoreApi:
    """Return the client of a store that answers everything with `answer`."""

    def answered(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    http = httpx.AsyncClient(base_url="http://store", transport=httpx.MockTransport(answered))
    return StoreApi(http, Metrics(metrics or CollectorRegistry()))


def calls(metrics: CollectorRegistry, outcome: str, call: str = "tops") -> float | None:
    return metrics.get_sample_value("switchboard_gateway_store_calls_total", {"call": call, "outcome": outcome})


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_store_that_cannot_answer_now_is_away(status: int) -> None:
    metrics = CollectorRegistry()
    with pytest.raises(DependencyUnavailable):
        await StoreLogReader(answering(httpx.Response(status), metrics)).tops(["ada"])
    assert calls(metrics, "unavailable") == 1


async def test_a_store_that_is_not_there_is_away() -> None:
    metrics = CollectorRegistry()
    with pytest.raises(DependencyUnavailable):
        await StoreLogReader(answering(httpx.ConnectError("nobody listens"), metrics)).tops(["ada"])
    assert calls(metrics, "unavailable") == 1


@pytest.mark.parametrize(
    ("status", "mend"),
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
async def test_a_refusal_is_an_error_of_its_own_that_says_what_to_mend(status: int, mend: str) -> None:
    metrics = CollectorRegistry()
    with pytest.raises(StoreRefused, match=mend) as refused:
        await StoreLogReader(answering(httpx.Response(status), metrics)).tops(["ada"])
    assert refused.value.status == status
    assert str(status) in str(refused.value)
    assert "/internal/tops" in str(refused.value)
    assert calls(metrics, "refused") == 1


NOT_UNDERSTOOD = [
    pytest.param(b"<html>welcome</html>", id="no JSON"),
    pytest.param(b'{"epoch": 7}', id="another shape"),
    pytest.param(msgspec.json.encode(TopsResponse(epoch="e1", tops={"bob": 7})), id="another user's"),
]


@pytest.mark.parametrize("content", NOT_UNDERSTOOD)
async def test_an_answer_that_is_not_understood_is_a_refusal_too_and_counted_once(content: bytes) -> None:
    metrics = CollectorRegistry()
    with pytest.raises(StoreRefused, match="one version"):
        await StoreLogReader(answering(httpx.Response(200, content=content), metrics)).tops(["ada"])
    assert (calls(metrics, "refused"), calls(metrics, "answered")) == (1, None)


async def test_the_log_of_other_users_is_not_taken() -> None:
    metrics = CollectorRegistry()
    empty = msgspec.json.encode(LogResponse(epoch="e1", users=()))
    with pytest.raises(StoreRefused, match="other users"):
        await StoreLogReader(answering(httpx.Response(200, content=empty), metrics)).log({"ada": 1})
    assert (calls(metrics, "refused", "log"), calls(metrics, "answered", "log")) == (1, None)


async def test_a_refusal_is_remembered_by_path_until_the_path_is_answered() -> None:
    answers = {"/internal/log": httpx.Response(403), "/internal/tops": httpx.Response(200, content=TOPS)}
    http = httpx.AsyncClient(
        base_url="http://store", transport=httpx.MockTransport(lambda request: answers[request.url.path])
    )
    store = StoreApi(http, Metrics(CollectorRegistry()))
    reader = StoreLogReader(store)
    with pytest.raises(StoreRefused):
        await reader.log({})
    await reader.tops(["ada"])
    answers["/internal/log"] = httpx.Response(503)
    with pytest.raises(DependencyUnavailable):
        await reader.log({})

    assert list(store.refusals) == ["/internal/log"]
    assert "past every proxy" in store.refusals["/internal/log"]
    answers["/internal/log"] = httpx.Response(200, content=msgspec.json.encode(LogResponse(epoch="e1", users=())))
    await reader.log({})
    assert store.refusals == {}


def problem(status: int, kind: str) -> httpx.Response:
    return httpx.Response(status, content=msgspec.json.encode({"type": kind, "status": status}))


@pytest.mark.parametrize(
    ("answer", "error", "outcome"),
    [
        pytest.param(problem(404, NO_SUCH_CONVERSATION), ReadRefused, "answered", id="no such conversation"),
        pytest.param(problem(404, "urn:switchboard:problem:not-found"), StoreRefused, "refused", id="no such path"),
        pytest.param(httpx.Response(404), StoreRefused, "refused", id="another server"),
        pytest.param(problem(422, "urn:switchboard:problem:invalid-request"), StoreRefused, "refused", id="version"),
        pytest.param(httpx.Response(401), StoreRefused, "refused", id="token"),
        pytest.param(httpx.Response(503), DependencyUnavailable, "unavailable", id="away"),
    ],
)
async def test_a_mark_is_given_up_only_where_the_store_knows_no_such_conversation(
    answer: httpx.Response, error: type[Exception], outcome: str
) -> None:
    """Any client may ask for one: that alarms nobody."""
    metrics = CollectorRegistry()
    store = answering(answer, metrics)
    query = ReadRequest(user_id="ada", conversation_id="c1", up_to_seq=1)
    with capture_logs() as logged, pytest.raises(error):
        await StoreReadPositions(store).advance(query)
    counted = {one for one in ("answered", "refused", "unavailable") if calls(metrics, one, "read")}
    assert counted == {outcome}
    assert any(entry["log_level"] == "error" for entry in logged) is (outcome == "refused")
    assert bool(store.refusals) is (outcome == "refused")
