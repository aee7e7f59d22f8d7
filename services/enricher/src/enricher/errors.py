"""What can be wrong with a call to the Graph API, and with what it hands out.

SwitchboardError
├── DependencyUnavailable
│   └── StoreRefuses        the store takes a question for wrong
├── TransientError
│   ├── GraphUnavailable    no answer, or one that says "later"
│   │   └── GraphTimeout     no answer within the time
│   ├── RateLimited         too many calls for this page or app
│   ├── PolicyBlocked       the platform has stopped the page or app for what it did
│   └── CallsOnHold         no call was made: a limit, or a token that cannot be opened
└── PermanentError
    ├── TokenRefused           the page must be connected again
    ├── PermissionMissing   the token may not read this
    ├── ProfileInaccessible    this person's profile is not to be had, for now
    ├── GraphCallRejected        the call itself is wrong
    ├── MediaGone           the platform has the medium no more
    └── MediaTooLarge       it is larger than what is passed on
"""

from shared.errors import DependencyUnavailable, PermanentError, TransientError


class StoreRefuses(DependencyUnavailable):
    """The store takes the question itself for wrong: a bug, here or there.

    To a webhook that is as if the store were away: nothing is lost while it waits for a version without the bug.
    """


class GraphUnavailable(TransientError):
    """The Graph API did not answer, or asked to be called again."""


class GraphTimeout(GraphUnavailable):
    """The Graph API took longer than a call may: another one would only wait as long again."""


class RateLimited(TransientError):
    """Calls have to stop for a while.

    Args:
        message: what the platform says.
        is_apps: whether the limit is that of the whole app and not of this page alone.
    """

    def __init__(self, message: str, *, is_apps: bool = False) -> None:
        super().__init__(message)
        self.is_apps = is_apps


class PolicyBlocked(TransientError):
    """The platform takes no calls for this page for a while, for what was done in its name."""


class CallsOnHold(TransientError):
    """No call is made for a while.

    Args:
        message: why.
        hold_seconds: for how long.
    """

    def __init__(self, message: str, hold_seconds: float) -> None:
        super().__init__(message)
        self.hold_seconds = hold_seconds


class TokenRefused(PermanentError):
    """The access token is expired, revoked or invalid: only connecting the page again helps.

    Args:
        message: what the platform says.
        sentence: the same for the user.
    """

    def __init__(self, message: str, *, sentence: str = "The platform refuses the page's access token.") -> None:
        super().__init__(message)
        self.sentence = sentence


class PermissionMissing(PermanentError):
    """The token is alive and may not do this."""


class ProfileInaccessible(PermanentError):
    """The person gave no consent, blocked the page or is gone."""


class GraphCallRejected(PermanentError):
    """The call is wrong, whoever makes it and whenever."""


class MediaGone(PermanentError):
    """The platform keeps media for a time only, and this one no more."""


class MediaTooLarge(PermanentError):
    """The medium is larger than the limit."""
