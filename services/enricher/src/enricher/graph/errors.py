"""What can go wrong with a call to the Graph API.

SwitchboardError
├── TransientError
│   ├── GraphUnavailable         no response, or one that asks to try again
│   │   └── GraphTimeout         no response in time
│   ├── RateLimited              too many calls for this page or app
│   ├── PolicyBlocked            the platform blocks the page or app for what it did
│   └── CallsOnHold              no call was made: a limit is reached, or the token cannot be decrypted
└── PermanentError
    ├── TokenRefused             the page must be connected again
    ├── PermissionMissing        the token may not read this
    ├── ProfileInaccessible      the profile of this person cannot be read at present
    ├── GraphCallRejected        the call itself is wrong
    └── MediaGone                the platform no longer has the media file
"""

from shared.errors import PermanentError, TransientError


class GraphUnavailable(TransientError):
    """The Graph API did not respond, or asked to be called again."""


class GraphTimeout(GraphUnavailable):
    """The Graph API did not respond in time. It is not called again at once: that would only take as long again."""


class RateLimited(TransientError):
    """The Graph API rejected the call because of a rate limit.

    Args:
        message: the platform's message.
        is_app_limit: whether it is the limit of the whole app, not of this page alone.
    """

    def __init__(self, message: str, *, is_app_limit: bool = False) -> None:
        super().__init__(message)
        self.is_app_limit = is_app_limit


class PolicyBlocked(TransientError):
    """The platform blocks calls for this page for a while, because of what was done in its name."""


class CallsOnHold(TransientError):
    """No call is made for a while.

    Args:
        message: the reason.
        hold_seconds: for how long.
    """

    def __init__(self, message: str, hold_seconds: float) -> None:
        super().__init__(message)
        self.hold_seconds = hold_seconds


class TokenRefused(PermanentError):
    """The access token is expired, revoked or invalid. The page must be connected again.

    Args:
        message: the platform's message.
        sentence: the reason for the user.
    """

    def __init__(self, message: str, *, sentence: str = "The platform refuses the page's access token.") -> None:
        super().__init__(message)
        self.sentence = sentence


class PermissionMissing(PermanentError):
    """The token is valid but lacks the permission."""


class ProfileInaccessible(PermanentError):
    """The person gave no consent, blocked the page, or no longer exists."""


class GraphCallRejected(PermanentError):
    """The call is wrong. It would fail for every page and at any time."""


class MediaGone(PermanentError):
    """The platform keeps media for a limited time and no longer has this one."""
