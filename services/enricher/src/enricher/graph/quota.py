"""How many calls one page, or the whole app, may make: fewer as its limit comes near, none while it is reached."""

from enricher.graph.usage import LONGEST_REGAIN_SECONDS

SLOW_PERCENT = 80.0
"""From here on calls cost more than one of the ceiling, so that fewer are made."""
STOP_PERCENT = 95.0
"""From here on none are made until the platform's own time to regain access, or a while, has passed."""
DEAREST_CALL = 20.0
FORGOTTEN_AFTER_SECONDS = 3_600.0
"""The platform counts over a sliding hour or longer: a percentage older than that says nothing."""
FIRST_HOLD_SECONDS = 60.0
LONGEST_HOLD_SECONDS = 900.0


class Quota:
    """Times are seconds of any one clock, and arguments.

    Args:
        first_hold_seconds: how long calls stop at a limit when nobody says when it ends.
    """

    def __init__(self, *, first_hold_seconds: float = FIRST_HOLD_SECONDS) -> None:
        self._first_hold_seconds = first_hold_seconds
        self._percent = 0.0
        self._learnt_at = 0.0
        self._held_until = 0.0
        self._stops_in_a_row = 0

    def percent(self, now: float) -> float:
        """Return how much is known to be used."""
        return self._percent if now < self._learnt_at + FORGOTTEN_AFTER_SECONDS else 0.0

    def cost(self, now: float) -> float:
        """Return what a call costs of the ceiling: 1, more from `SLOW_PERCENT` on in proportion to what is left."""
        percent = self.percent(now)
        if percent <= SLOW_PERCENT:
            return 1.0
        left = max(STOP_PERCENT - percent, 1e-9) / (STOP_PERCENT - SLOW_PERCENT)
        return min(1.0 / left, DEAREST_CALL)

    def hold_seconds(self, now: float) -> float:
        """Return for how long no call may be made; 0 when one may."""
        return max(0.0, self._held_until - now)

    def hold(self, seconds: float, now: float) -> None:
        """Make no call for `seconds`; a longer hold stays as it is."""
        self._held_until = max(self._held_until, now + seconds)

    def learn(self, percent: float, *, regain_seconds: float, now: float) -> bool:
        """Take in what an answer said of the use; return whether that stops the calls."""
        self._percent, self._learnt_at = percent, now
        if percent >= STOP_PERCENT:
            return self.stop(regain_seconds=regain_seconds, now=now)
        if self.hold_seconds(now) == 0:
            self._stops_in_a_row = 0
        return False

    def stop(self, *, regain_seconds: float = 0.0, now: float) -> bool:
        """Make no call until access is regained; return whether calls were made until now.

        Where nobody says when that is, stops in a row last longer and longer. Answers to calls that were under way
        already when the first one stopped them are the same stop.
        """
        if self.hold_seconds(now) > 0:
            self.hold(min(regain_seconds, LONGEST_REGAIN_SECONDS), now)
            return False
        if regain_seconds > 0:
            seconds = min(regain_seconds, LONGEST_REGAIN_SECONDS)
        else:
            seconds = min(self._first_hold_seconds * 2.0 ** min(self._stops_in_a_row, 16), LONGEST_HOLD_SECONDS)
        self._stops_in_a_row += 1
        self.hold(seconds, now)
        return True
