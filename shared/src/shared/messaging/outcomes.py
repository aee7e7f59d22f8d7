"""What a handler says of each event it was given."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    """Finished: nothing is left to be done for the event."""


@dataclass(frozen=True)
class Retry:
    """It failed and may succeed later; tried again after a delay, a bounded number of times, then parked."""

    reason: str


@dataclass(frozen=True)
class Park:
    """It will not succeed as it is: kept aside with its reason, for a person."""

    reason: str


Outcome = Done | Retry | Park
DONE = Done()
