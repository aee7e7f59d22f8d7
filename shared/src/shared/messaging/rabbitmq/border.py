"""Where the client library's errors become ours."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from shared.errors import DependencyUnavailable

_LOST = (*CONNECTION_EXCEPTIONS, TimeoutError, EOFError)


def nobody_cancelled_us() -> bool:
    """Whether a `CancelledError` that was just caught came from inside: nobody has asked this task to stop.

    aiormq ends pending calls of a lost connection with `CancelledError` (aiormq 7.2, `Base.close`), which `except
    Exception` would miss and which must not be taken for a request to stop.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() == 0


@contextmanager
def amqp_border(doing: str) -> Iterator[None]:
    """Turn whatever a call of the client library raises into `DependencyUnavailable`; the cause is kept.

    Args:
        doing: what was being done, to complete "the broker was lost while ...".
    """
    try:
        yield
    except _LOST as error:
        raise DependencyUnavailable(f"{doing}: {type(error).__name__}: {error}") from error
    except asyncio.CancelledError as error:
        if not nobody_cancelled_us():
            raise
        raise DependencyUnavailable(f"{doing}: the connection was lost") from error
