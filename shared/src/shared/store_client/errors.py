"""How a call of the store's `/internal` API fails.

shared.errors.DependencyUnavailable   the store did not answer, or cannot at the moment: retry
└── StoreRefused                      it refuses, and will until an operator changes something: retry, more slowly
shared.errors.PermanentError
└── NoSuchConversation                the answer to this request, and a final one
"""

from http import HTTPStatus

from shared.errors import DependencyUnavailable, PermanentError

REFUSED_RETRY_SECONDS = 5.0
"""How long to wait after a refusal: longer than after an outage, which may be over at once."""

_REMEDIES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "The store refuses our service token ({path} answered 401): "
    "set the first of this service's SWITCHBOARD_SERVICE_TOKENS to one of the store's.",
    HTTPStatus.FORBIDDEN: "Our service token does not open {path}, or something in front of the store refuses us "
    "(it answered 403): "
    "set the first of this service's SWITCHBOARD_SERVICE_TOKENS to the store's token for it, and "
    "SWITCHBOARD_STORE_INTERNAL_URL to the store's internal port, past every proxy.",
    HTTPStatus.NOT_FOUND: "The store does not know {path} (it answered 404): "
    "set SWITCHBOARD_STORE_INTERNAL_URL to the store's internal port, and deploy this service and the store in one "
    "version.",
}
_OTHER_STATUS = "The store refuses {path} (it answered {status}): deploy this service and the store in one version."
_NOT_UNDERSTOOD = (
    "The store's answer to {path} is not understood ({reason}): deploy this service and the store in one version."
)


class StoreRefused(DependencyUnavailable):
    """The store refuses a request and will do so until an operator changes something.

    Nothing is wrong with the event that needs the answer, so the messaging layer holds it: nothing is parked or lost
    because of a wrong token. `str()` is a sentence that names the setting to change.

    Args:
        remedy: that sentence.
        status: of the response; 200 where its content is not understood.
    """

    def __init__(self, remedy: str, *, status: int) -> None:
        super().__init__(remedy)
        self.status = status

    @classmethod
    def by_status(cls, path: str, status: int) -> "StoreRefused":
        """Return the error for a response of `status` that will not change by itself."""
        return cls(_REMEDIES.get(status, _OTHER_STATUS).format(path=path, status=status), status=status)

    @classmethod
    def not_understood(cls, path: str, reason: str) -> "StoreRefused":
        """Return the error for a response of status 200 that does not answer the request."""
        return cls(_NOT_UNDERSTOOD.format(path=path, reason=reason), status=HTTPStatus.OK)


class NoSuchConversation(PermanentError):
    """The user has no such conversation."""
