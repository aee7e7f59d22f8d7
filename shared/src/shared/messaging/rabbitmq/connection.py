"""One supervised connection to the broker."""

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
from shared.messaging.rabbitmq.errors import translate_amqp_errors

log = structlog.get_logger(__name__)
T = TypeVar("T")

RECONNECT_BACKOFF = Backoff(longest_seconds=2.0)
CONNECT_TIMEOUT_SECONDS = 5.0
SET_UP_TIMEOUT_SECONDS = 15.0
"""Declaring some twenty quorum queues for the first time takes a loaded broker seconds."""
CLOSE_TIMEOUT_SECONDS = 2.5


class SupervisedConnection(Generic[T]):
    """A connection that comes back: connect, set up, wait until it is lost, pause, again.

    Args:
        url: `amqp://` or `amqps://`; never logged, because it holds a password.
        label: what operators see in the broker's list of connections.
        heartbeat_seconds: a peer that sends nothing for three times this long is given up.
        set_up: prepares a new connection and returns what its users need; a failure closes the connection.
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
        self._up: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._down_since = asyncio.get_running_loop().time()
        self._lost = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """Whether the connection stands and is set up."""
        return self._up.done()

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        await supervise(self._session, name=self._label, backoff=RECONNECT_BACKOFF, jitter=random.random)

    async def wait(self) -> T:
        """Return what `set_up` made, as soon as the connection stands; for background work, which has no deadline."""
        return await asyncio.shield(self._up)

    async def get(self, *, patience_seconds: float) -> T:
        """Return what `set_up` made.

        A connection lost less than `patience_seconds` ago is waited for until then: a node that fails over, or a
        connection that was replaced, is back within a moment. One that has been away for longer is not waited for, so
        that an outage does not fill the process with callers that wait for nothing.

        Raises:
            DependencyUnavailable: not connected.
        """
        if not self._up.done():
            left = self._down_since + patience_seconds - asyncio.get_running_loop().time()
            if left > 0:
                await asyncio.wait([self._up], timeout=left)
        if not self._up.done():
            raise DependencyUnavailable("the broker is not connected")
        return self._up.result()

    def invalidate(self, prepared: T | None = None) -> None:
        """Give the connection up and make a new one: what was asked of it got no answer, or something is missing.

        Setting a connection up declares everything, so this also brings back what was deleted. Nobody is given the old
        connection from now on.

        Args:
            prepared: what `set_up` made of the connection that is meant; nothing happens when it is used no more.
        """
        if prepared is not None and not (self._up.done() and self._up.result() is prepared):
            return
        self._down()
        self._lost.set()

    def _down(self) -> None:
        if self._up.done():
            self._up = asyncio.get_running_loop().create_future()
            self._down_since = asyncio.get_running_loop().time()

    async def _session(self) -> None:
        self._lost = lost = asyncio.Event()
        with translate_amqp_errors("connecting"):
            connection = await aio_pika.connect(
                self._url,
                timeout=CONNECT_TIMEOUT_SECONDS,
                heartbeat=self._heartbeat_seconds,
                client_properties={"connection_name": self._label},
            )
        connection.close_callbacks.add(lambda *_: lost.set())
        try:
            with translate_amqp_errors("setting the connection up"):
                async with asyncio.timeout(SET_UP_TIMEOUT_SECONDS):
                    prepared = await self._set_up(connection)
            self._up.set_result(prepared)
            log.info("broker connected", what=self._label)
            await lost.wait()
            log.warning("broker connection lost", what=self._label)
            raise DependencyUnavailable("the connection was lost")
        finally:
            self._down()
            await _close(connection)


async def _close(connection: AbstractConnection) -> None:
    try:
        with translate_amqp_errors("closing the connection"):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                await connection.close()
    except DependencyUnavailable as error:
        log.debug("connection not closed in good order", reason=str(error))
