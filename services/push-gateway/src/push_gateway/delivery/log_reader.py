"""The event logs of all users, as the gateway reads them. `shared.store_client` implements the port."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from shared.contracts.internal import LogResponse, TopsResponse


class LogReader(Protocol):
    """Reads committed changes. Every call ends within a bounded time."""

    async def log(self, positions: Mapping[str, int]) -> LogResponse:
        """Return what follows each user's position: a limited number of frames per user, for at most 500 users.

        Raises:
            DependencyUnavailable: The store did not answer. `StoreRefused`: it will not until an operator acts.
        """

    async def tops(self, user_ids: Sequence[str]) -> TopsResponse:
        """Return the top `seq` of each user, for at most 10,000 users.

        Raises:
            DependencyUnavailable: As for `log`.
        """
