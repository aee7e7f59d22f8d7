"""One connection to the broker, restored whenever it is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection

from shared.aio.background import supervise
from shared.aio.backoff import Backoff
from shared.errors import DependencyUnavailable
from shared.messaging.rabbitmq.errors import amqp_call

log = structlog.get_logger(__name__)
T = TypeVar("T")

RECONNECT_BACKOFF = Backoff(longest_seconds=2.0)
CONNECT_TIMEOUT_SECONDS = 5.0
SET_UP_TIMEOUT_SECONDS = 15.0
"""A loaded broker needs seconds to declare some twenty quorum queues for the first time."""
CLOSE_TIMEOUT_SECONDS = 2.5


class SupervisedConnection(Generic[T]):
    """A connection that is restored: connect, set up, wait until it is lost, wait a moment, repeat.

    Args:
        url: `amqp://` or `amqps://`; never logged, because it contains a password.
        label: what operators see in the broker's list of connections.
        heartbeat_seconds: a peer that sends nothing for three times this long is considered lost.
        set_up: prepares a new connection and returns what its users need; an error closes the connection.
    """

    def __init__(
        self,
        url: str,
        *,
        label: str,
        heartbeat_seconds: int,
        set_up: Callable[[AbstractConnection], Awaitable[T]],
    ) -> None:
        self._url = url
        self._label = label
        self._heartbeat_seconds = heartbeat_seconds
        self._set_up = set_up
        self._prepared: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._down_since = asyncio.get_running_loop().time()
        self._lost = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """Whether the connection is open and set up."""
        return self._prepared.done()

    async def run(self) -> None:
        """Connect, and reconnect after every loss, until cancelled."""
        await supervise(self._session, name=self._label, backoff=RECONNECT_BACKOFF, jitter=random.random)

    async def wait(self) -> T:
        """Return the result of `set_up` once connected, however long it takes; for background work."""
        return await asyncio.shield(self._prepared)

    async def get(self, *, patience_seconds: float) -> T:
        """Return the result of `set_up`.

        A connection that was lost less than `patience_seconds` ago is waited for until then: a failed-over node or a
        replaced connection is back within a moment. A connection that was lost earlier is not waited for, so that an
        outage does not fill the process with callers that wait in vain.

        Raises:
            DependencyUnavailable: not connected.
        """
        if not self._prepared.done():
            left = self._down_since + patience_seconds - asyncio.get_running_loop().time()
            if left > 0:
                await asyncio.wait([self._prepared], timeout=left)
        if not self._prepared.done():
            raise DependencyUnavailable("the broker is not connected")
        return self._prepared.result()

    def invalidate(self, prepared: T | None = None) -> None:
        """Drop the connection and open a new one: a request got no answer, or something is missing on the broker.

        Setting up a connection declares everything, so this also restores what was deleted. From now on, nobody is
        given the old connection.

        Args:
            prepared: the result of `set_up` for the connection to drop; if it is no longer in use, nothing happens.
        """
        if prepared is not None and not (self._prepared.done() and self._prepared.result() is prepared):
            return
        self._mark_down()
        self._lost.set()

    def _mark_down(self) -> None:
        if self._prepared.done():
            self._prepared = asyncio.get_running_loop().create_future()
            self._down_since = asyncio.get_running_loop().time()

    async def _session(self) -> None:
        self._lost = lost = asyncio.Event()
        async with amqp_call("connecting", timeout_seconds=CONNECT_TIMEOUT_SECONDS):
            connection = await aio_pika.connect(
                self._url,
                heartbeat=self._heartbeat_seconds,
                client_properties={"connection_name": self._label},
            )
        connection.close_callbacks.add(lambda *_: lost.set())
        try:
            async with amqp_call("setting the connection up", timeout_seconds=SET_UP_TIMEOUT_SECONDS):
                prepared = await self._set_up(connection)
            self._prepared.set_result(prepared)
            log.info("broker connected", connection=self._label)
            await lost.wait()
            log.warning("broker connection lost", connection=self._label)
            raise DependencyUnavailable("the connection was lost")
        finally:
            self._mark_down()
            await _close(connection)


async def _close(connection: AbstractConnection) -> None:
    try:
        async with amqp_call("closing the connection", timeout_seconds=CLOSE_TIMEOUT_SECONDS):
            await connection.close()
    except DependencyUnavailable as error:
        log.debug("connection not closed cleanly", reason=str(error))
