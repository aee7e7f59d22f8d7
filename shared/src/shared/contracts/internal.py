"""Bodies of the store's `/internal` API: what the enricher and the gateways ask it.

JSON, own port, `Authorization: Bearer <service token>`, refused at the front door.
"""

from datetime import datetime
from typing import Literal

import msgspec

from shared.contracts.events import Profile
from shared.contracts.inbox import Attachment, FrameKind
from shared.contracts.platform import Platform


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """One user owned the page from `owned_from` (inclusive) until `owned_until` (exclusive; None = still)."""

    user_id: str
    owned_from: datetime
    owned_until: datetime | None
    status: Literal["connected", "disconnected", "needs_reauthorization"]
    token_ciphertext: str | None
    """Encrypted access token; the enricher holds the key."""


class PageOwners(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /internal/accounts/{platform}/{page_id}`. A page never heard of: version 0, no owners."""

    platform: Platform
    page_id: str
    version: int
    owners: tuple[Owner, ...]


class ParticipantKey(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of one user."""

    user_id: str
    platform: Platform
    participant_id: str


class KnownParticipant(msgspec.Struct, frozen=True, kw_only=True):
    """A customer whose profile the store knows."""

    user_id: str
    platform: Platform
    participant_id: str
    profile: Profile


class ParticipantsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/participants`, at most 500 keys; answered with `ParticipantsResponse`."""

    participants: tuple[ParticipantKey, ...]


class ParticipantsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The known ones among those asked for; the others are left out."""

    participants: tuple[KnownParticipant, ...]


class PageKey(msgspec.Struct, frozen=True, kw_only=True):
    """A page, account or number of a business."""

    platform: Platform
    page_id: str


class LookupsClaim(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/profile-lookups/claim`: take due look-ups; nobody else gets them for `lease_seconds`."""

    limit: int
    lease_seconds: float
    except_pages: tuple[PageKey, ...] = ()
    """At most 1,000 pages that the caller makes no calls for at the moment: theirs stay where they are."""


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """A profile to be fetched."""

    user_id: str
    platform: Platform
    page_id: str
    participant_id: str
    attempts: int
    """How many look-ups have been made before."""


class LookupsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The look-ups that were claimed."""

    lookups: tuple[Lookup, ...]


class UserLogPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of `user_id` after `after` is wanted."""

    user_id: str
    after: int


class LogRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/log`, at most 500 positions; answered with `LogResponse`."""

    positions: tuple[UserLogPosition, ...]
    limit: int
    """Frames per user, at most 1,000."""


class LogFrame(msgspec.Struct, frozen=True, kw_only=True):
    """One change, as it would be pushed."""

    seq: int
    kind: FrameKind
    data: msgspec.Raw


class UserLog(msgspec.Struct, frozen=True, kw_only=True):
    """What the log holds of one user after the position asked for, in `seq` order and without holes."""

    user_id: str
    seq: int
    """Top of the log when it was read, before the frames were."""
    floor_seq: int
    """The log holds everything after this; a smaller `after` needs a reset."""
    frames: tuple[LogFrame, ...]


class LogResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One `UserLog` a position, in the order asked; a user never heard of has seq 0."""

    epoch: str
    users: tuple[UserLog, ...]


class MediaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/media`: one attachment of a message of `user_id`; answered with `MediaResponse`."""

    user_id: str
    conversation_id: str
    id: int
    """The message's, in this user's inbox."""
    index: int
    """The attachment's place in the message."""


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment as it is now, and what the platform may be asked for it with."""

    platform: Platform
    page_id: str
    attachment: Attachment
    version: int
    """Of the page, as in `PageOwners`."""
    owner: Owner | None
    """None unless the page is the user's at present: nobody else's token is handed out for it."""


class MediaResponse(msgspec.Struct, frozen=True, kw_only=True):
    """None where the user has no such attachment, or has it no more."""

    media: Media | None


NO_SUCH_CONVERSATION = "urn:switchboard:problem:no-such-conversation"
"""`type` of the problem that answers a `ReadRequest` for a conversation that the user does not have."""


class ReadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/read`: `user_id` has read the conversation up to `up_to_seq`; answered with `ReadResponse`.

    Idempotent: never moves back, nor past the conversation's top. For a conversation that the user does not have, 404
    with the problem `NO_SUCH_CONVERSATION`; any other 404 says that the path leads nowhere.
    """

    user_id: str
    conversation_id: str
    up_to_seq: int


class ReadResponse(msgspec.Struct, frozen=True, kw_only=True):
    """How far the conversation is read now."""

    seq: int


class TopsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /internal/tops`, at most 10,000 users; answered with `TopsResponse`."""

    user_ids: tuple[str, ...]


class TopsResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The top `seq` of every user asked for; 0 for one never heard of."""

    epoch: str
    tops: dict[str, int]
