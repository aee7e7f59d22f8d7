"""Response bodies of the REST API, and how they are sent.

Inbox objects are the structs of `shared.contracts.inbox`, the same as in frames; the others are here.
"""

from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from shared.contracts.inbox import Conversation, FrameKind, Message
from store.core.cursors import HitType
from store.core.search.query import SnippetPart

_json = msgspec.json.Encoder()


def json_response(content: object, *, status_code: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return msgspec structs as a JSON response."""
    return Response(_json.encode(content), status_code, headers, media_type="application/json")


class ParkedSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A parked event."""

    id: str
    parked_at: datetime
    handler: str
    event_type: str
    reason: str
    attempts: int
    replayed_at: datetime | None


class ParkedDetail(ParkedSummary, frozen=True, kw_only=True):
    """A parked event with its contents."""

    content_type: str
    original: dict[str, Any] | None
    """The event, bytes as base64; null if it was never readable."""
    original_base64: str
    """The event as it was on the wire, in base64."""


class NotReplayed(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was not published again, and the reason."""

    id: str
    reason: str


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """Which items were published again, and which were not."""

    replayed: list[str]
    not_replayed: list[NotReplayed]


class KeysRotated(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some access tokens when they were to be encrypted with the newest key."""

    key_id: str
    """Identifies the newest key of the store that answered."""
    examined: int
    rotated: int
    """How many were encrypted with an older key before."""
    undecryptable: list[str]
    """Pages (`platform/page_id`) whose token no configured key decrypts."""
    next_cursor: str | None
    """Where to continue; null: these were the last ones."""


class MintedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A user's token. It is shown only once."""

    token: str
    token_id: str
    """Revokes this token alone."""
    expires_at: datetime


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One change, as the WebSocket would push it; docs/protocol.md describes `data` per type."""

    type: FrameKind
    seq: int
    data: msgspec.Raw


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """A search result."""

    type: HitType
    conversation: Conversation
    """The conversation with the person, or the one that contains the message."""
    message: Message | None = None
    """The message; null for a person."""
    snippet: list[SnippetPart]
    """A part of the text in pieces; `match` tells which of them match the query."""
