"""The store's log of every user: the port, and its adapter over the store's `/internal` API."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport
from pydantic import SecretStr

from shared.contracts.internal import LogAnswer, LogQuery, Position, TopsAnswer, TopsQuery
from shared.errors import DependencyUnavailable

MAX_USERS_PER_TOPS_QUERY = 10_000
"""What the store answers at once (`TopsQuery`)."""

AnswerT = TypeVar("AnswerT", LogAnswer, TopsAnswer)


class LogReader(Protocol):
    """Reads what is committed. Every call ends within a bounded time."""

    async def log(self, positions: Mapping[str, int]) -> LogAnswer:
        """Return what follows each user's position, at most 500 users; a bounded number of frames each.

        Raises:
            DependencyUnavailable: the store did not answer, or not what it should.
        """

    async def tops(self, user_ids: Sequence[str]) -> TopsAnswer:
        """Return the top `seq` of each user, at most 10,000.

        Raises:
            DependencyUnavailable: as above.
        """


class StoreLogReader:
    """Asks the store over HTTP.

    Args:
        http: its base URL is the store's internal one; carries the service token and the time limit.
        frames_per_user: most frames of one user in one answer.
    """

    def __init__(self, http: httpx.AsyncClient, *, frames_per_user: int = 200) -> None:
        self._http = http
        self._frames_per_user = frames_per_user
        self._log_answers = msgspec.json.Decoder(LogAnswer)
        self._tops_answers = msgspec.json.Decoder(TopsAnswer)

    async def log(self, positions: Mapping[str, int]) -> LogAnswer:
        """See `LogReader`."""
        asked = tuple(Position(user_id=user_id, after=after) for user_id, after in positions.items())
        query = LogQuery(positions=asked, limit=self._frames_per_user)
        answer = await self._ask("/internal/log", query, self._log_answers)
        if [log.user_id for log in answer.users] != list(positions):
            raise DependencyUnavailable("the store answered for other users than were asked for")
        return answer

    async def tops(self, user_ids: Sequence[str]) -> TopsAnswer:
        """See `LogReader`."""
        answer = await self._ask("/internal/tops", TopsQuery(user_ids=tuple(user_ids)), self._tops_answers)
        if not answer.tops.keys() >= set(user_ids):
            raise DependencyUnavailable("the store answered for fewer users than were asked for")
        return answer

    async def _ask(self, path: str, query: Any, answers: msgspec.json.Decoder[AnswerT]) -> AnswerT:
        try:
            response = await self._http.post(path, content=msgspec.json.encode(query))
            response.raise_for_status()
            return answers.decode(response.content)
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            raise DependencyUnavailable(f"the store did not answer {path}: {type(error).__name__} {error}") from error
        except msgspec.MsgspecError as error:
            raise DependencyUnavailable(f"the store's answer to {path} is not understood: {error}") from error


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
