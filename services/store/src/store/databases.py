"""The store's connections to Postgres: a pool for each class of work, so that no class waits for another's."""

import asyncio
from dataclasses import dataclass

from shared.aio.turn_queue import TurnLimits
from shared.aio.turns import Turns
from store.metrics import Metrics
from store.repository.postgres.database import Database
from store.repository.postgres.user_database import UserDatabase
from store.settings import Settings

_PIPELINE_CONNECTIONS = 4
_INDEXING_CONNECTIONS = 1
_INTERNAL_CONNECTIONS = 4
_OPERATOR_CONNECTIONS = 2
_FOR_THE_EPOCH = 1
"""Asking for the epoch takes no turn, so it must not wait for those who have one."""


@dataclass(frozen=True, kw_only=True)
class Databases:
    """One database, by what asks it."""

    pipeline: Database
    """Handlers and jobs."""
    indexing: Database
    """The search indexer: indexing long texts delays no handler."""
    internal: Database
    """The gateways, the enricher and readiness."""
    operators: Database
    """Requests with an admin token: reports may take long, and are for few."""
    lists: UserDatabase
    """Users' lists, pages and read marks."""
    search: UserDatabase
    """Users' searches: a few at a time, because each keeps a core busy."""
    pools: tuple[Database, ...]
    """All of them, to be closed."""

    async def close(self) -> None:
        """Close all connections; see `Database.close`."""
        await asyncio.gather(*(pool.close() for pool in self.pools))


def open_databases(settings: Settings, metrics: Metrics) -> Databases:
    """Return the pools; nothing is connected before the first use."""
    pools: list[Database] = []

    def opened(connections: int, timeout_seconds: float) -> Database:
        url = settings.database_url.get_secret_value()
        pools.append(Database(url, pool_size=connections, command_timeout_seconds=timeout_seconds))
        return pools[-1]

    def for_users(kind: str, *, slots: int, per_user: int, timeout_seconds: float) -> UserDatabase:
        limits = TurnLimits(
            slots=slots,
            slots_per_user=per_user,
            waiting_per_user=settings.waiting_requests_per_user,
            waiting=settings.waiting_requests,
        )
        turns = Turns(
            limits,
            wait_seconds=settings.turn_timeout_seconds,
            on_turn=metrics.turn_wait_seconds.labels(kind).observe,
            on_refused=lambda error: metrics.count_refused_turn(kind, error),
        )
        return UserDatabase(opened(slots + _FOR_THE_EPOCH, timeout_seconds), turns)

    timeout = settings.database_timeout_seconds
    return Databases(
        pipeline=opened(_PIPELINE_CONNECTIONS, timeout),
        indexing=opened(_INDEXING_CONNECTIONS, timeout),
        internal=opened(_INTERNAL_CONNECTIONS, timeout),
        operators=opened(_OPERATOR_CONNECTIONS, settings.operator_timeout_seconds),
        lists=for_users(
            "lists", slots=settings.database_pool_size, per_user=settings.lists_per_user, timeout_seconds=timeout
        ),
        search=for_users(
            "search",
            slots=settings.concurrent_searches,
            per_user=settings.searches_per_user,
            timeout_seconds=settings.search_timeout_seconds,
        ),
        pools=tuple(pools),
    )
