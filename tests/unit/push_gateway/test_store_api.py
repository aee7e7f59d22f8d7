import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from push_gateway.log_reader import StoreLogReader
from push_gateway.metrics import Metrics
from push_gateway.read_marks import ReadRefused, StoreReadPositions
from push_gateway.store_api import StoreApi, StoreRefused
from shared.contracts.internal import LogAnswer, ReadQuery, TopsAnswer
from shared.errors import DependencyUnavailable


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


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<html>welcome</html>", id="no JSON"),
        pytest.param(b'{"epoch": 7}', id="another shape"),
        pytest.param(msgspec.json.encode(TopsAnswer(epoch="e1", tops={"bob": 7})), id="another user's"),
    ],
)
async def test_an_answer_that_is_not_understood_is_a_refusal_too(content: bytes) -> None:
    with pytest.raises(StoreRefused, match="one version"):
        await StoreLogReader(answering(httpx.Response(200, content=content))).tops(["ada"])


async def test_the_log_of_other_users_is_not_taken() -> None:
    empty = msgspec.json.encode(LogAnswer(epoch="e1", users=()))
    with pytest.raises(StoreRefused, match="other users"):
        await StoreLogReader(answering(httpx.Response(200, content=empty))).log({"ada": 1})


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, ReadRefused), (422, ReadRefused), (401, StoreRefused), (403, StoreRefused), (503, DependencyUnavailable)],
)
async def test_a_mark_is_given_up_only_where_the_store_refuses_the_mark_itself(
    status: int, error: type[Exception]
) -> None:
    query = ReadQuery(user_id="ada", conversation_id="c1", up_to_seq=1)
    with pytest.raises(error):
        await StoreReadPositions(answering(httpx.Response(status))).advance(query)
