"""Requests and responses of the store's `/internal` API, which the enricher and the gateways use.

JSON over HTTP on a port of its own, with `Authorization: Bearer <service token>`. Never exposed to the outside.
"""

from datetime import datetime
from typing import Literal

import msgspec

from shared.contracts.events import Profile
from shared.contracts.inbox import Attachment, FrameKind
from shared.contracts.platform import Platform


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """A user who owned the page from `owned_from` (inclusive) to `owned_until` (exclusive; None: until now)."""

    user_id: str
    owned_from: datetime
    owned_until: datetime | None
    status: Literal["connected", "disconnected", "needs_reauthorization"]
    token_ciphertext: str | None
    """The encrypted access token; the enricher has the key."""


class PageOwners(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /internal/accounts/{platform}/{page_id}`. An unknown page has version 0 and no owners."""

    platform: Platform
    page_id: str
    version: int
    owners: tuple[Owner, ...]


class ParticipantKey(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of a user."""

    user_id: str
    platform: Platform
    participant_id: str


class KnownParticipant(msgspec.Struct, frozen=True, kw_only=True):
    """A customer with a profile that the store knows."""

    user_id: str
    platform: Platform
    participant_id: str
    profile: Profile


class ParticipantsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/participants`, with at most 500 keys; the response is a `ParticipantsResponse`."""

    participants: tuple[ParticipantKey, ...]


class ParticipantsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The requested participants that are known; unknown ones are left out."""

    participants: tuple[KnownParticipant, ...]


class PageKey(msgspec.Struct, frozen=True, kw_only=True):
    """A page, account or number of a business."""

    platform: Platform
    page_id: str


class LookupsClaim(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/profile-lookups/claim`: claim due lookups; no other worker gets them for `lease_seconds`."""

    limit: int
    lease_seconds: float
    except_pages: tuple[PageKey, ...] = ()
    """At most 1,000 pages for which the caller makes no calls at the moment. Their lookups are not claimed."""


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """A profile to fetch."""

    user_id: str
    platform: Platform
    page_id: str
    participant_id: str
    attempts: int
    """The number of previous attempts."""


class LookupsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The claimed lookups."""

    lookups: tuple[Lookup, ...]


class RevokedTokens(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of a user that are no longer accepted."""

    user_id: str
    token_id: str | None = None
    """The one token that has this ID (`jti`); None: all that were issued before `not_before`."""
    not_before: datetime
    """When they were revoked (UTC)."""


class RevocationsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/revoked-tokens`."""

    known_version: str
    """Of the set that the caller has; empty if it has none."""


class RevocationsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """All revocations that are still needed; at most 50,000."""

    version: str
    revoked: tuple[RevokedTokens, ...] | None
    """None: the caller has them, `version` is what it knows."""


class UserLogPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Requests the changes of `user_id` after the position `after`."""

    user_id: str
    after: int


class LogRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/log`, with at most 500 positions; the response is a `LogResponse`."""

    positions: tuple[UserLogPosition, ...]
    limit: int
    """The maximum number of frames per user, up to 1,000."""


class LogFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One change, as it is pushed."""

    seq: int
    kind: FrameKind
    data: msgspec.Raw


class UserLog(msgspec.Struct, frozen=True, kw_only=True):
    """The log of one user after the requested position, in `seq` order and without gaps."""

    user_id: str
    seq: int
    """The top of the log, read before the frames."""
    floor_seq: int
    """The log is complete after this position; a smaller `after` needs a reset."""
    frames: tuple[LogFrame, ...]


class LogResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One `UserLog` per position, in the requested order. An unknown user has seq 0."""

    epoch: str
    users: tuple[UserLog, ...]


class MediaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/media`: one attachment of a message of `user_id`; the response is a `MediaResponse`."""

    user_id: str
    conversation_id: str
    id: int
    """The id of the message in this user's inbox."""
    index: int
    """The position of the attachment in the message, from 0."""


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment as it is now, and what is needed to fetch it from the platform."""

    platform: Platform
    page_id: str
    attachment: Attachment
    version: int
    """The version of the page, as in `PageOwners`."""
    owner: Owner | None
    """None unless the user owns the page at present: the token of another owner is never returned."""


class MediaResponse(msgspec.Struct, frozen=True, kw_only=True):
    """None if the user has no such attachment, or no longer has it."""

    media: Media | None


NO_SUCH_CONVERSATION = "urn:switchboard:problem:no-such-conversation"
"""The `type` of the problem returned for a `ReadRequest` with a conversation that the user does not have."""


class ReadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/read`: `user_id` has read the conversation up to `up_to_seq`; the response is a `ReadResponse`.

    Idempotent: the read position never moves back, nor past the top of the conversation. If the user does not have the
    conversation, the status is 404 with the problem `NO_SUCH_CONVERSATION`; any other 404 means that the path is wrong.
    """

    user_id: str
    conversation_id: str
    up_to_seq: int


class ReadResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The read position of the conversation now."""

    seq: int


class TopsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/tops`, with at most 10,000 users; the response is a `TopsResponse`."""

    user_ids: tuple[str, ...]


class TopsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The top `seq` of every requested user; 0 for an unknown one."""

    epoch: str
    tops: dict[str, int]
