"""Faults of the simulated Graph API, which can be changed while it runs."""

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
"""How a faulty lookup responds: `silence` never does, `id_only` is a profile without a name."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All faults; the defaults are a healthy Graph API. Also the JSON body of `POST /_faults`."""

    delay_seconds: Annotated[float, msgspec.Meta(ge=0, le=120)] = 0.0
    """Delay of every response to a lookup."""
    kind: FaultKind | None = None
    share: Share = 1.0
    """Share of lookups that `kind` affects, 0 to 1."""
    usage_percent: Annotated[int, msgspec.Meta(ge=0, le=200)] | None = 1
    """Value of the usage headers; None omits them, as Meta does until there is some usage."""
    unreadable_usage: bool = False
    """The usage headers are not JSON."""
    regain_minutes: Annotated[int, msgspec.Meta(ge=0, le=1440)] = 1
    """When a rate limit ends, according to the usage headers."""
    silence_seconds: Annotated[float, msgspec.Meta(ge=0, le=600)] = 60.0
    """When a call that meets `silence` gets a 504 after all."""
    pictures_expired: bool = False
    """Avatars respond with 403, as a signed URL does after it has expired."""
    media_expired: bool = False
    """URLs of media respond with 404, as they do five minutes after they were issued."""
    media_gone: bool = False
    """Media IDs are unknown, as they are some weeks after the message."""


class FaultSwitch:
    """Holds the current faults."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.current = faults or Faults()

    def set(self, faults: Faults) -> None:
        """Replace the faults; calls in progress keep the old ones."""
        self.current = faults
