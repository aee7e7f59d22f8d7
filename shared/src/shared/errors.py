"""Errors that decide what happens next.

SwitchboardError
├── DependencyUnavailable   nothing is wrong with the event: hold it, count no attempt, try again
├── TransientError          this event failed and may succeed later: bounded retries, then parked
└── PermanentError          it will never succeed as it is: parked at once
    ├── MalformedEvent      the bytes are not an event that this version understands
    └── StartupRefused      the process must not run like this; its text tells the operator what to do

Whoever raises names what is wrong; `shared.messaging.error_policy.apply_error_policy` is where it is decided upon.
"""


class SwitchboardError(Exception):
    """Anything that Switchboard itself says went wrong."""


class DependencyUnavailable(SwitchboardError):
    """Postgres, the broker or another service is away. The work is fine; the world is not."""


class TransientError(SwitchboardError):
    """This piece of work failed, and may succeed when tried again."""


class PermanentError(SwitchboardError):
    """This piece of work cannot succeed until a person changes something."""


class MalformedEvent(PermanentError):
    """Bytes that cannot be read as an event of a known type."""


class StartupRefused(PermanentError):
    """The process must not start; the text tells the operator what to do."""
