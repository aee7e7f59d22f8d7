"""Why a webhook cannot be split."""

from shared.errors import PermanentError


class UnreadableBody(PermanentError):
    """A body that cannot be split into items. It is parked as it was received."""
