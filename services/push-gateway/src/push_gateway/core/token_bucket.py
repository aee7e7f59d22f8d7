"""How much of something a client may do."""


class TokenBucket:
    """At most `burst` at once, and `per_second` on average. A fresh one is full.

    Times are seconds on any clock that does not go back.
    """

    __slots__ = ("_burst", "_left", "_per_second", "_refilled_at")

    def __init__(self, *, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = burst
        self._refilled_at = now

    def take(self, amount: float, now: float) -> bool:
        """Take `amount` and return True, or take nothing and return False."""
        self._left = min(self._burst, self._left + max(0.0, now - self._refilled_at) * self._per_second)
        self._refilled_at = max(now, self._refilled_at)
        if amount > self._left:
            return False
        self._left -= amount
        return True
