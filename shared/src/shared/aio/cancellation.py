"""Telling a request to stop from a cancellation that a library caused."""

import asyncio


def cancelled_by_library() -> bool:
    """Return whether a `CancelledError` that was just caught came from a library: nobody asked this task to stop.

    aiormq ends the pending calls of a lost connection with `CancelledError` (aiormq 7.2, `Base.close`). `except
    Exception` does not catch it, and it must not be taken for a request to stop.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() == 0
