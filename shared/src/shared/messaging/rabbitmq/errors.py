"""Translates the errors of the AMQP library into ours."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from shared.aio.cancellation import cancelled_by_library
from shared.errors import DependencyUnavailable

_LOST = (*CONNECTION_EXCEPTIONS, TimeoutError, EOFError)


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
