"""What a handler returns for each event."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    """The event is finished."""


@dataclass(frozen=True)
class Retry:
    """The event failed and may succeed later. It is retried after a delay, a bounded number of times, then parked."""

    reason: str


@dataclass(frozen=True)
class Park:
    """The event cannot succeed as it is. It is parked with the reason, for an operator to look at."""

    reason: str


Outcome = Done | Retry | Park
DONE = Done()
