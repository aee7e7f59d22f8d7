"""Limits the rate of what a client may do."""


class TokenBucket:
    """Allows at most `burst` at once, and `per_second` on average. A new bucket is full.

    Args:
        per_second: How many tokens are added per second.
        burst: How many tokens the bucket holds.
        now: Seconds on any monotonic clock; `take` uses the same one.
    """

    __slots__ = ("_burst", "_per_second", "_refilled_at", "_tokens")

    def __init__(self, *, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._refilled_at = now

    def take(self, amount: float, now: float) -> bool:
        """Take `amount` tokens and return True, or take none and return False."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._refilled_at) * self._per_second)
        self._refilled_at = max(now, self._refilled_at)
        if amount > self._tokens:
            return False
        self._tokens -= amount
        return True
