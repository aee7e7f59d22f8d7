"""Whether the store can work: its broker, its database, the schema and its own jobs."""

import asyncio
from collections.abc import Sequence

import structlog

from shared.aio.background import BackgroundTasks
from shared.errors import DependencyUnavailable
from shared.messaging.ports import Broker
from store import migrations
from store.repository.postgres.database import Database

log = structlog.get_logger(__name__)

_SCHEMA_RETRY_SECONDS = 1.0
_PING_SECONDS = 0.8


class StoreReadiness:
    """Answers `/readyz`, and checks once that the schema is the one that this version needs."""

    def __init__(self, database: Database, broker: Broker, background: BackgroundTasks) -> None:
        self._database = database
        self._broker = broker
        self._background = background
        self._is_schema_checked = False
        self.startup_attempted = asyncio.Event()
        """Set once consuming has started or Postgres was found unavailable: requests can be served from then on."""

    async def problems(self) -> Sequence[str]:
        """Return a sentence for each reason why the store is not ready; none if it is."""
        found = list(self._background.problems)
        if not self._broker.is_ready:
            found.append("The broker is unavailable.")
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await self._database.ping()
        except (DependencyUnavailable, TimeoutError):
            return [*found, "Postgres does not respond."]
        return found if self._is_schema_checked else [*found, "The database schema has not been checked yet."]

    async def wait_for_schema(self) -> None:
        """Return once the schema is known to be this version's; retries while Postgres is unavailable.

        Raises:
            StartupRefused: the schema is another version's.
        """
        while not self._is_schema_checked:
            try:
                refusal = migrations.refusal(await self._database.schema_revision())
            except DependencyUnavailable as error:
                log.warning("waiting for Postgres", reason=str(error))
                self.startup_attempted.set()
                await asyncio.sleep(_SCHEMA_RETRY_SECONDS)
                continue
            if refusal is not None:
                raise refusal
            self._is_schema_checked = True
