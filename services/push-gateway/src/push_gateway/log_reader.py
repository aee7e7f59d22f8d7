"""The store's log of every user: the port, and its adapter over the store's `/internal` API."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from push_gateway.store_api import StoreApi
from shared.contracts.internal import LogRequest, LogResponse, TopsRequest, TopsResponse, UserLogPosition

LOG_PATH = "/internal/log"
MAX_USERS_PER_TOPS_QUERY = 10_000
"""What the store answers at once (`TopsRequest`)."""


class LogReader(Protocol):
    """Reads what is committed. Every call ends within a bounded time."""

    async def log(self, positions: Mapping[str, int]) -> LogResponse:
        """Return what follows each user's position, at most 500 users; a bounded number of frames each.

        Raises:
            DependencyUnavailable: the store did not answer.
            StoreRefused: it will not, or its answer is none that we understand.
        """

    async def tops(self, user_ids: Sequence[str]) -> TopsResponse:
        """Return the top `seq` of each user, at most 10,000.

        Raises:
            DependencyUnavailable: as above.
        """


class StoreLogReader:
    """Asks the store over HTTP.

    Args:
        frames_per_user: most frames of one user in one answer.
    """

    def __init__(self, store: StoreApi, *, frames_per_user: int = 200) -> None:
        self._store = store
        self._frames_per_user = frames_per_user
        self._log_answers = msgspec.json.Decoder(LogResponse)
        self._tops_answers = msgspec.json.Decoder(TopsResponse)

    async def log(self, positions: Mapping[str, int]) -> LogResponse:
        """See `LogReader`."""
        asked = tuple(UserLogPosition(user_id=user_id, after=after) for user_id, after in positions.items())
        query = LogRequest(positions=asked, limit=self._frames_per_user)

        def objection(answer: LogResponse) -> str | None:
            is_meant = [log.user_id for log in answer.users] == list(positions)
            return None if is_meant else "it is about other users than were asked for"

        return await self._store.ask(LOG_PATH, query, self._log_answers, objection=objection)

    async def tops(self, user_ids: Sequence[str]) -> TopsResponse:
        """See `LogReader`."""

        def objection(answer: TopsResponse) -> str | None:
            is_meant = answer.tops.keys() >= set(user_ids)
            return None if is_meant else "it is about fewer users than were asked for"

        query = TopsRequest(user_ids=tuple(user_ids))
        return await self._store.ask("/internal/tops", query, self._tops_answers, objection=objection)
