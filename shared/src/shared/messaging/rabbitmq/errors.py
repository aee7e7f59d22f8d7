"""Translates the errors of the AMQP library into ours."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from shared.aio.cancellation import cancelled_by_library
from shared.errors import DependencyUnavailable

_LOST = (*CONNECTION_EXCEPTIONS, TimeoutError, EOFError)


@asynccontextmanager
async def amqp_call(doing: str, *, timeout_seconds: float) -> AsyncIterator[None]:
    """Bound a call of the AMQP library in time, and turn its connection errors into `DependencyUnavailable`.

    The library's own `timeout=` must not be used: it is `asyncio.wait_for`, which on Python 3.11 drops a cancellation
    that comes in the same turn of the loop as the response. The cancelled task then goes on, and whoever waits for its
    end waits for ever.

    Args:
        doing: see `translate_amqp_errors`.
        timeout_seconds: for the response.
    """
    with translate_amqp_errors(doing):
        async with asyncio.timeout(timeout_seconds):
            yield


@contextmanager
def translate_amqp_errors(doing: str) -> Iterator[None]:
    """Turn every connection error of the AMQP library into `DependencyUnavailable`; its cause is kept.

    Args:
        doing: what the block does, for the error's text: "publishing to x".
    """
    try:
        yield
    except _LOST as error:
        raise DependencyUnavailable(f"{doing}: {type(error).__name__}: {error}") from error
    except asyncio.CancelledError as error:
        if not cancelled_by_library():
            raise
        raise DependencyUnavailable(f"{doing}: the connection was lost") from error
