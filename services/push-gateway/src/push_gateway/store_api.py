"""Calls of the store's `/internal` API: one client, and what its refusals mean.

A store that is away is waited for. A store that refuses us will do so until a person mends something, so that is an
error of its own, which says what to mend; whoever waits goes on waiting all the same, and nothing is skipped.
"""

from collections.abc import AsyncIterator
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


class StoreApi:
    """Asks, and tells refusals from outages. `http` carries address, service token and time limit."""

    def __init__(self, http: httpx.AsyncClient, metrics: Metrics) -> None:
        self._http = http
        self._metrics = metrics

    async def ask(self, path: str, query: msgspec.Struct, answers: msgspec.json.Decoder[AnswerT]) -> AnswerT:
        """Return the answer to `query`.

        Raises:
            DependencyUnavailable: the store did not answer, or is not able to.
            StoreRefused: asking again will not help.
        """
        try:
            response = await self._http.post(path, content=msgspec.json.encode(query))
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            self._count(path, "unavailable")
            raise DependencyUnavailable(f"the store did not answer {path}: {type(error).__name__} {error}") from error
        status = response.status_code
        if response.is_server_error or status in _TIMES_OF_NEED:
            self._count(path, "unavailable")
            raise DependencyUnavailable(f"the store answered {path} with {status}")
        if not response.is_success:
            what_to_mend = _WHAT_TO_MEND.get(status, _OTHER_VERSION)
            raise self._refused(path, what_to_mend.format(path=path, status=status), status)
        try:
            answer = answers.decode(response.content)
        except msgspec.MsgspecError as error:
            raise self.not_understood(path, str(error)) from error
        self._count(path, "answered")
        return answer

    def not_understood(self, path: str, why: str) -> StoreRefused:
        """Return the error for an answer that cannot be meant for our question."""
        return self._refused(path, _NOT_UNDERSTOOD.format(path=path, why=why), HTTPStatus.OK)

    def _refused(self, path: str, what_to_mend: str, status: int) -> StoreRefused:
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
