"""Exponential backoff with jitter."""

from dataclasses import dataclass

_MAX_DOUBLINGS = 64
"""Keeps `2.0 ** doublings` finite however often something has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before something that failed is tried again.

    The delay doubles with every failure in a row, up to `longest_seconds`. Half of it is random, so that many processes
    that failed together do not come back together. The defaults suit calls of another service.
    """

    first_seconds: float = 0.2
    longest_seconds: float = 5.0

    def delay_seconds(self, failures: int, *, jitter: float) -> float:
        """Return the delay after a failure.

        Args:
            failures: failures in a row so far, 1 or more.
            jitter: a random number from 0 to 1.

        Returns:
            Seconds, between half of the full delay and all of it.
        """
        full_seconds = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, _MAX_DOUBLINGS))
        return full_seconds * (0.5 + jitter / 2)
