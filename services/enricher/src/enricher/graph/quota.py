"""How many calls a page, or the whole app, may make: fewer as its limit comes close, none while it is reached."""

from enricher.graph.usage import MAX_REGAIN_SECONDS

SLOW_PERCENT = 80.0
"""Above this usage a call costs more than one unit of the rate limit, so that fewer are made."""
STOP_PERCENT = 95.0
"""From this usage on no calls are made, until the platform's time to regain access has passed."""
MAX_CALL_COST = 20.0
USAGE_VALID_SECONDS = 3_600.0
"""The platform counts over a sliding hour or longer, so an older percentage says nothing."""
FIRST_HOLD_SECONDS = 60.0
MAX_HOLD_SECONDS = 900.0


class Quota:
    """Follows the usage that the platform reports. Times are seconds of one clock, passed as arguments.

    Args:
        first_hold_seconds: how long calls stop at a limit if the platform does not say for how long.
    """

    def __init__(self, *, first_hold_seconds: float = FIRST_HOLD_SECONDS) -> None:
        self._first_hold_seconds = first_hold_seconds
        self._used_percent = 0.0
        self._reported_at = 0.0
        self._held_until = 0.0
        self._stops_in_a_row = 0

    def used_percent(self, now: float) -> float:
        """Return the last reported usage, or 0 if it is too old."""
        return self._used_percent if now < self._reported_at + USAGE_VALID_SECONDS else 0.0

    def call_cost(self, now: float) -> float:
        """Return how many units of the rate limit a call costs.

        The cost is 1 up to `SLOW_PERCENT` and rises up to `MAX_CALL_COST` as what is left shrinks.
        """
        percent = self.used_percent(now)
        if percent <= SLOW_PERCENT:
            return 1.0
        left = max(STOP_PERCENT - percent, 1e-9) / (STOP_PERCENT - SLOW_PERCENT)
        return min(1.0 / left, MAX_CALL_COST)

    def hold_seconds(self, now: float) -> float:
        """Return for how many seconds no call may be made, 0 if one may."""
        return max(0.0, self._held_until - now)

    def hold(self, seconds: float, now: float) -> None:
        """Allow no call for `seconds`. A longer hold stays."""
        self._held_until = max(self._held_until, now + seconds)

    def record_usage(self, percent: float, *, regain_seconds: float, now: float) -> bool:
        """Record the usage that a response reports.

        Args:
            percent: usage of the limit.
            regain_seconds: until the platform allows calls again; 0 if it does not say.
            now: the time.

        Returns:
            Whether this stops calls that were allowed before.
        """
        self._used_percent, self._reported_at = percent, now
        if percent >= STOP_PERCENT:
            return self.stop(regain_seconds=regain_seconds, now=now)
        if self.hold_seconds(now) == 0:
            self._stops_in_a_row = 0
        return False

    def stop(self, *, regain_seconds: float = 0.0, now: float) -> bool:
        """Allow no call until access is regained; return whether calls were allowed before.

        If the platform does not say when that is, each stop in a row lasts twice as long as the one before, up to
        `MAX_HOLD_SECONDS`. Responses to calls that were already in flight belong to the same stop.
        """
        if self.hold_seconds(now) > 0:
            self.hold(min(regain_seconds, MAX_REGAIN_SECONDS), now)
            return False
        if regain_seconds > 0:
            seconds = min(regain_seconds, MAX_REGAIN_SECONDS)
        else:
            seconds = min(self._first_hold_seconds * 2.0 ** min(self._stops_in_a_row, 16), MAX_HOLD_SECONDS)
        self._stops_in_a_row += 1
        self.hold(seconds, now)
        return True
