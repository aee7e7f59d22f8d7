"""What can be wrong with the simulated Graph API, switchable while it runs."""

from typing import Annotated, Literal

import msgspec

FaultKind = Literal[
    "server_error",
    "rate_limit",
    "page_rate_limit",
    "token_expired",
    "app_removed",
    "consent",
    "error_with_200",
    "id_only",
    "not_json",
    "silence",
]
"""What a faulty look-up is answered with; `silence` never answers, `id_only` is a profile without a name."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything at once; the defaults are a Graph API in good health. Also the JSON body of `POST /_faults`."""

    delay_seconds: Annotated[float, msgspec.Meta(ge=0, le=120)] = 0.0
    """Every look-up is answered this much later."""
    kind: FaultKind | None = None
    share: Share = 1.0
    """How many of the look-ups `kind` befalls."""
    usage_percent: Annotated[int, msgspec.Meta(ge=0, le=200)] | None = 1
    """What the usage headers say; None leaves them out, as Meta does until there is some use."""
    unreadable_usage: bool = False
    """The usage headers are not JSON."""
    regain_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 1
    """When a rate limit ends, as the usage headers say it."""
    silence_seconds: Annotated[float, msgspec.Meta(ge=0, le=600)] = 60.0
    """After this long, a call that is met with silence is answered 504 after all."""
    pictures_expired: bool = False
    """Avatars answer 403, as a signed address does after its time."""
    media_expired: bool = False
    """Addresses of media answer 404, as they do five minutes after they were given out."""
    media_gone: bool = False
    """Media are unknown, as they are some weeks after they were sent."""


class FaultSwitch:
    """Holds the faults of now."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.now = faults or Faults()

    def set(self, faults: Faults) -> None:
        """Change to `faults`; calls that are under way keep what they met."""
        self.now = faults
