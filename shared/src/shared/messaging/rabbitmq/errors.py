"""Where the client library's errors become ours."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from shared.aio.cancellation import cancelled_by_library
from shared.errors import DependencyUnavailable

_LOST = (*CONNECTION_EXCEPTIONS, TimeoutError, EOFError)


@contextmanager
def translate_amqp_errors(doing: str) -> Iterator[None]:
    """Turn whatever a call of the client library raises into `DependencyUnavailable`; the cause is kept.

    Args:
        doing: what was being done, to complete "the broker was lost while ...".
    """
    try:
        yield
    except _LOST as error:
        raise DependencyUnavailable(f"{doing}: {type(error).__name__}: {error}") from error
    except asyncio.CancelledError as error:
        if not cancelled_by_library():
            raise
        raise DependencyUnavailable(f"{doing}: the connection was lost") from error
