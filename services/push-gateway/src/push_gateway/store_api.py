"""Calls of the store's `/internal` API: one client, and what its refusals mean.

A store that is away is waited for. A store that refuses us will do so until a person mends something, so that is an
error of its own, which says what to mend; whoever waits goes on waiting all the same, and nothing is skipped.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeVar

import httpx
import msgspec
import structlog
from httpx_aiohttp import AiohttpTransport
from pydantic import SecretStr

from push_gateway.metrics import Metrics
from shared.errors import DependencyUnavailable, PermanentError

log = structlog.get_logger(__name__)

REFUSED_PAUSE_SECONDS = 5.0
"""How long to wait before a store that has refused us is asked again."""
_TIMES_OF_NEED = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
"""Client errors that are over by themselves."""
_WHAT_TO_MEND: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "The store refuses our service token ({path} answered 401): "
    "make the first of this gateway's SWITCHBOARD_SERVICE_TOKENS one of the store's.",
    HTTPStatus.FORBIDDEN: "The store is not to be reached by us ({path} answered 403): "
    "make SWITCHBOARD_STORE_INTERNAL_URL lead to its internal port, past every proxy.",
    HTTPStatus.NOT_FOUND: "The store does not know {path} (it answered 404): "
    "make SWITCHBOARD_STORE_INTERNAL_URL lead to its internal port, and deploy store and gateway of one version.",
}
_OTHER_VERSION = "The store does not take {path} (it answered {status}): deploy store and gateway of one version."
_NOT_UNDERSTOOD = "The store's answer to {path} is not understood ({why}): deploy store and gateway of one version."

AnswerT = TypeVar("AnswerT", bound=msgspec.Struct)


class StoreRefused(PermanentError):
    """The store will not do what it is asked. `str()` is a sentence that says what to mend.

    Args:
        status: of the answer, which was 200 where its content was none that we understand.
    """

    def __init__(self, what_to_mend: str, *, status: int) -> None:
        super().__init__(what_to_mend)
        self.status = status


class StoreObjected(PermanentError):
    """The store has understood us, and says a problem that the caller has asked for by name. `str()` is its type."""


class _Problem(msgspec.Struct):
    type: str = ""


class StoreApi:
    """Asks, and tells refusals from outages. `http` carries address, service token and time limit."""

    def __init__(self, http: httpx.AsyncClient, metrics: Metrics) -> None:
        self._http = http
        self._metrics = metrics
        self._problems = msgspec.json.Decoder(_Problem)
        self._refusals: dict[str, str] = {}

    @property
    def refusals(self) -> Mapping[str, str]:
        """What to mend, by path: of every path that was refused the last time that the store said anything of it."""
        return dict(self._refusals)

    async def ask(
        self,
        path: str,
        query: msgspec.Struct,
        answers: msgspec.json.Decoder[AnswerT],
        *,
        objection: Callable[[AnswerT], str | None] = lambda _: None,
        problems: Collection[str] = (),
    ) -> AnswerT:
        """Return the answer to `query`. Every call is counted once.

        Args:
            path: where to.
            query: what is asked.
            answers: reads the answer.
            objection: says why an answer cannot be meant for this question; None: it can.
            problems: types of problem details (RFC 9457) that are answers too, as any client's wish may lead to them.

        Raises:
            StoreObjected: the answer is one of `problems`.
            DependencyUnavailable: the store did not answer, or is not able to.
            StoreRefused: asking again will not help.
        """
        response = await self._post(path, msgspec.json.encode(query))
        if not response.is_success:
            if (problem := self._problem(response)) in problems:
                self._answered(path)
                raise StoreObjected(problem)
            status = response.status_code
            what_to_mend = _WHAT_TO_MEND.get(status, _OTHER_VERSION)
            raise self._refused(path, what_to_mend.format(path=path, status=status), status)
        try:
            answer = answers.decode(response.content)
        except msgspec.MsgspecError as error:
            raise self._refused(path, _NOT_UNDERSTOOD.format(path=path, why=error), HTTPStatus.OK) from error
        if (why := objection(answer)) is not None:
            raise self._refused(path, _NOT_UNDERSTOOD.format(path=path, why=why), HTTPStatus.OK)
        self._answered(path)
        return answer

    async def _post(self, path: str, content: bytes) -> httpx.Response:
        """Return an answer that is one: anything else is an outage."""
        try:
            response = await self._http.post(path, content=content)
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            self._count(path, "unavailable")
            raise DependencyUnavailable(f"the store did not answer {path}: {type(error).__name__} {error}") from error
        status = response.status_code
        if response.is_server_error or status in _TIMES_OF_NEED:
            self._count(path, "unavailable")
            raise DependencyUnavailable(f"the store answered {path} with {status}")
        return response

    def _problem(self, response: httpx.Response) -> str:
        try:
            return self._problems.decode(response.content).type
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ""

    def _answered(self, path: str) -> None:
        self._refusals.pop(path, None)
        self._count(path, "answered")

    def _refused(self, path: str, what_to_mend: str, status: int) -> StoreRefused:
        self._refusals[path] = what_to_mend
        self._count(path, "refused")
        log.error("the store refuses us", what_to_mend=what_to_mend)
        return StoreRefused(what_to_mend, status=status)

    def _count(self, path: str, outcome: str) -> None:
        self._metrics.store_calls.labels(path.rpartition("/")[2], outcome).inc()


@asynccontextmanager
async def store_client(url: str, token: SecretStr, *, timeout_seconds: float) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the store's internal API at `url`; connects when it is first asked."""
    client = httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {token.get_secret_value()}", "Content-Type": "application/json"},
        timeout=timeout_seconds,
        transport=AiohttpTransport(limits=httpx.Limits(max_connections=16, max_keepalive_connections=16)),
        trust_env=False,
    )
    async with client:
        yield client
