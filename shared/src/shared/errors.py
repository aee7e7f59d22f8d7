"""The errors that decide what happens to an event.

SwitchboardError
├── DependencyUnavailable   nothing is wrong with the event: hold it, count no attempt, retry
├── TransientError          the event failed and may succeed later: a bounded number of retries, then parked
└── PermanentError          the event will never succeed as it is: parked at once
    ├── MalformedEvent      the bytes are not an event that this version understands
    └── StartupRefused      the process must not run like this; the text tells the operator what to do

Code that raises says what is wrong; `shared.messaging.error_policy.apply_error_policy` decides what follows.
"""


class SwitchboardError(Exception):
    """Base class of the errors that Switchboard raises."""


class DependencyUnavailable(SwitchboardError):
    """Postgres, the broker or another service is unavailable. Nothing is wrong with the work itself."""


class TransientError(SwitchboardError):
    """The work failed and may succeed when it is retried."""


class PermanentError(SwitchboardError):
    """The work cannot succeed until a person changes something."""


class MalformedEvent(PermanentError):
    """The bytes cannot be decoded as an event of a known type."""


class StartupRefused(PermanentError):
    """The process must not start. The text tells the operator what to do."""
