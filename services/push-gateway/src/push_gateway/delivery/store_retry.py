"""How long to wait before the store is called again."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.aio.backoff import Backoff
from shared.errors import DependencyUnavailable
from shared.store_client.errors import REFUSED_RETRY_SECONDS, StoreRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRetry:
    """The policy of everything in the gateway that calls the store until it answers.

    Args:
        jitter: Returns a random number from 0 to 1.
        backoff: Delays during an outage.
        refused_seconds: Delay after a refusal, which ends only when an operator acts.
    """

    jitter: Callable[[], float]
    backoff: Backoff = field(default_factory=Backoff)
    refused_seconds: float = REFUSED_RETRY_SECONDS

    def delay_seconds(self, error: DependencyUnavailable, failures: int) -> float:
        """Return the delay after `error`, the last of `failures` in a row (1 or more)."""
        if isinstance(error, StoreRefused):
            return self.refused_seconds
        return self.backoff.delay_seconds(failures, jitter=self.jitter())
