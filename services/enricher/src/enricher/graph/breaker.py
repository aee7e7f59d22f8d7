"""A circuit breaker: after some failures in a row nothing is tried for a while, then one trial decides."""


class Breaker:
    """Times are seconds of any one clock, and arguments.

    Args:
        failures_to_open: failures in a row after which it opens.
        open_seconds: how long it stays open, and how long a trial has before the next one.
    """

    def __init__(self, *, failures_to_open: int, open_seconds: float) -> None:
        self._failures_to_open = failures_to_open
        self._open_seconds = open_seconds
        self._failures = 0
        self._closed_from = 0.0

    @property
    def has_failures(self) -> bool:
        """Whether the last thing that was tried has failed."""
        return self._failures > 0

    @property
    def is_recovering(self) -> bool:
        """Whether it has opened and nothing has worked since: what is tried now is a trial."""
        return self._failures >= self._failures_to_open

    def is_open(self, now: float) -> bool:
        """Whether nothing may be tried at `now`."""
        return now < self._closed_from

    def admits(self, now: float) -> bool:
        """Whether one call may be made at `now`. While recovering, each yes is a trial, and the next one waits."""
        if self.is_open(now):
            return False
        if self._failures >= self._failures_to_open:
            self._closed_from = now + self._open_seconds
        return True

    def succeeded(self) -> None:
        """Close: it works."""
        self._failures = 0
        self._closed_from = 0.0

    def failed(self, now: float) -> None:
        """Count a failure; opens after too many."""
        self._failures += 1
        if self._failures >= self._failures_to_open:
            self._closed_from = now + self._open_seconds
