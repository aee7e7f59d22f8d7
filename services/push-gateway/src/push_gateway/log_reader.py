"""The store's log of every user, as the gateway reads it; `shared.store_client` is the adapter."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.contracts.internal import LogResponse, TopsResponse


class LogReader(Protocol):
    """Reads what is committed. Every call ends within a bounded time."""

    async def log(self, positions: Mapping[str, int]) -> LogResponse:
        """Return what follows each user's position, at most 500 users; a bounded number of frames each.

        Raises:
            DependencyUnavailable: the store did not answer; as `StoreRefused`, it will not until an operator acts.
        """

    async def tops(self, user_ids: Sequence[str]) -> TopsResponse:
        """Return the top `seq` of each user, at most 10,000.

        Raises:
            DependencyUnavailable: as above.
        """
