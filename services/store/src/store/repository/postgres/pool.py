"""A pool of connections to Postgres: asyncpg's own connections, lent to one user at a time.

docs/adr/0018 says why it is neither SQLAlchemy's pool nor asyncpg's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from shared.errors import DependencyUnavailable

UNCERTAIN = (TimeoutError, OSError, asyncio.CancelledError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""After these errors nobody knows how much of what it was asked the server has done, or still does."""
MAX_IDLE_SECONDS = 200.0
"""A connection that was idle for longer is replaced. Load balancers and NATs forget idle connections silently, some
after four minutes (Azure Load Balancer's default); a statement sent on such a connection waits for its timeout."""


class Pool:
    """At most `size` connections, opened on demand and reused, the latest one first.

    Args:
        connect: opens a connection.
        size: how many connections are open at most. Further users wait, first come, first served.
        wait_seconds: how long a user waits for a connection that others use.
        monotonic: a clock, in seconds.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        *,
        size: int,
        wait_seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._connect = connect
        self._size = size
        self._wait_seconds = wait_seconds
        self._monotonic = monotonic
        self._unused = asyncio.Semaphore(size)
        self._idle: list[tuple[asyncpg.Connection, float]] = []
        self._is_closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection for as long as the context lasts.

        It is closed, not reused, when the context ends with one of `UNCERTAIN` or inside a transaction.

        Raises:
            DependencyUnavailable: all connections were in use for `wait_seconds`.
            OSError, TimeoutError, asyncpg.PostgresError: no connection could be opened.
        """
        await self._wait_for_turn()
        try:
            driver = self._pop_idle() or await self._connect()
            try:
                yield driver
            except UNCERTAIN:
                # The server may still do what we gave up on: a BEGIN that arrives late would swallow the next user's
                # work, whose COMMIT it never sees. So nobody gets this connection again.
                driver.terminate()
                raise
            finally:
                self._put_back(driver)
        finally:
            self._unused.release()

    async def _wait_for_turn(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._unused.acquire()
        except TimeoutError:
            raise DependencyUnavailable(
                f"all {self._size} connections to Postgres were in use for {self._wait_seconds:g} s"
            ) from None

    def _pop_idle(self) -> asyncpg.Connection | None:
        """Return an open idle connection, or None. asyncpg notices at once when the server closes one."""
        while self._idle:
            driver, since = self._idle.pop()
            if driver.is_closed():
                continue
            if self._monotonic() - since <= MAX_IDLE_SECONDS:
                return driver
            driver.terminate()
        return None

    def _put_back(self, driver: asyncpg.Connection) -> None:
        if driver.is_closed():
            return
        if self._is_closed or driver.is_in_transaction():
            driver.terminate()
        else:
            self._idle.append((driver, self._monotonic()))

    async def close(self, *, timeout_seconds: float) -> None:
        """Close the idle connections; those in use are closed as soon as their users are done."""
        self._is_closed = True
        idle = [driver for driver, _ in self._idle]
        self._idle.clear()
        # A connection that cannot say goodbye in time is closed all the same.
        await asyncio.gather(*(driver.close(timeout=timeout_seconds) for driver in idle), return_exceptions=True)
