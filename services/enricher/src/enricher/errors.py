"""What can be wrong with a webhook, and with a call to the Graph API.

SwitchboardError
├── TransientError
│   ├── GraphUnavailable    no answer, or one that says "later"
│   └── RateLimited         too many calls for this page or app
└── PermanentError
    ├── UnreadableBody      a webhook's body that holds nothing that could be split
    ├── TokenDead           the page must be connected again
    ├── PermissionMissing   the token may not read this
    ├── PersonUnreadable    this person's profile is not to be had, for now
    └── GraphRefused        the call itself is wrong
"""

from shared.errors import PermanentError, TransientError


class UnreadableBody(PermanentError):
    """A verified body that cannot be split into items: parked as it came."""


class GraphUnavailable(TransientError):
    """The Graph API did not answer, or asked to be called again."""


class RateLimited(TransientError):
    """Calls for this page or app have to stop for a while."""


class TokenDead(PermanentError):
    """The access token is expired, revoked or invalid: only connecting the page again helps."""


class PermissionMissing(PermanentError):
    """The token is alive and may not do this."""


class PersonUnreadable(PermanentError):
    """The person gave no consent, blocked the page or is gone."""


class GraphRefused(PermanentError):
    """The call is wrong, whoever makes it and whenever."""
