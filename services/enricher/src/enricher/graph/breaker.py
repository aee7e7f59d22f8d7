"""A circuit breaker: it opens after several failures in a row, and one trial call decides whether it closes again."""


class Breaker:
    """Times are seconds of one clock, passed as arguments.

    Args:
        failures_to_open: failures in a row after which it opens.
        open_seconds: how long it stays open, and how long after a trial call the next one is allowed.
    """

    def __init__(self, *, failures_to_open: int, open_seconds: float) -> None:
        self._failures_to_open = failures_to_open
        self._open_seconds = open_seconds
        self._failures = 0
        self._open_until = 0.0

    @property
    def has_failures(self) -> bool:
        """Whether the last call failed."""
        return self._failures > 0

    @property
    def is_recovering(self) -> bool:
        """Whether it opened and no call has succeeded since. The next call is a trial."""
        return self._failures >= self._failures_to_open

    def is_open(self, now: float) -> bool:
        """Return whether no call may be made at `now`."""
        return now < self._open_until

    def allows_call(self, now: float) -> bool:
        """Return whether a call may be made at `now`. While recovering, True starts the only trial call for a while."""
        if self.is_open(now):
            return False
        if self.is_recovering:
            self._open_until = now + self._open_seconds
        return True

    def record_success(self) -> None:
        """Close the breaker."""
        self._failures = 0
        self._open_until = 0.0

    def record_failure(self, now: float) -> None:
        """Count a failure, and open the breaker after too many."""
        self._failures += 1
        if self.is_recovering:
            self._open_until = now + self._open_seconds
