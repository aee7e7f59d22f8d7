"""Keeping something up that goes down with the broker."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from shared.errors import DependencyUnavailable
from shared.messaging.rabbitmq.border import nobody_cancelled_us

log = structlog.get_logger(__name__)

SHORTEST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 2.0
STEADY_SECONDS = 5.0
"""A session that lasted this long was no failure: after it, pauses start short again."""


def pause_seconds(failures: int, *, shortest: float, longest: float, jitter: float) -> float:
    """Return how long to wait after `failures` (1 or more) failures in a row; `jitter` is from 0 to 1.

    Doubles up to `longest`; half of it is left to chance, so that a hundred processes do not come back as one.
    """
    full = min(longest, shortest * 2.0 ** min(failures - 1, 30))
    return full * (0.5 + jitter / 2)


async def keep_up(session: Callable[[], Awaitable[None]], *, what: str) -> NoReturn:
    """Run `session` again whenever it ends, after a pause, until cancelled.

    A session ends by returning or by an error. One of the two places that catch `Exception`: a bug must not leave a
    process behind that looks alive and consumes nothing.
    """
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        began = loop.time()
        try:
            await session()
        except DependencyUnavailable as error:
            # Once when it is lost: an outage of hours must not write a line every two seconds.
            (log.debug if failures else log.warning)("broker cannot be used", what=what, reason=str(error))
        except asyncio.CancelledError:
            if not nobody_cancelled_us():
                raise
            log.warning("broker cannot be used", what=what, reason="the connection was lost")
        except Exception:
            log.exception("broker session failed: this is a bug", what=what)
        failures = 1 if loop.time() - began > STEADY_SECONDS else failures + 1
        await asyncio.sleep(
            pause_seconds(
                failures,
                shortest=SHORTEST_PAUSE_SECONDS,
                longest=LONGEST_PAUSE_SECONDS,
                jitter=random.random(),  # noqa: S311 - spreads reconnects, guards nothing
            )
        )
