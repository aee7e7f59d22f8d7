"""What the Graph API means by an answer. It reads `error` whatever the HTTP status, and the code before the status."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enricher.errors import (
    GraphCallRejected,
    GraphUnavailable,
    MediaGone,
    PermissionMissing,
    PolicyBlocked,
    ProfileInaccessible,
    RateLimited,
    TokenRefused,
)
from enricher.parsing.decode import decode_body
from enricher.parsing.errors import UnreadableBody
from enricher.parsing.values import object_of, text_of
from shared.contracts import Platform, Profile

GraphError = (
    GraphUnavailable
    | RateLimited
    | PolicyBlocked
    | TokenRefused
    | PermissionMissing
    | ProfileInaccessible
    | GraphCallRejected
)

PROFILE_FIELDS: Mapping[Platform, str] = {
    "facebook": "name,first_name,last_name,profile_pic",
    "instagram": "name,username,profile_pic",
}
"""The basic set: one field without permission fails the whole call. WhatsApp has no look-up.

Instagram's `profile_picture_url` is a field of professional accounts and not of the people who write to them: it is
understood in an answer, and not asked for.
"""

_APP_RATE_CODES = frozenset({4, 341})
"""The whole app has called too often."""
_RATE_CODES = frozenset({17, 32, 613, *range(80000, 80015)})
"""The page has, or the account behind its token; 800xx are the limits of business use cases."""
_TOKEN_CODES = frozenset({102, 190})
_TRANSIENT_CODES = frozenset({1, 2})
_POLICY_CODES = frozenset({368})
_PERSON_CODES = frozenset({230, 551, 9010, 2018001, 2018218})
_PERSON_SUBCODES = frozenset({33, 2018001, 2018218, 2534014, 1545041})
_PERMISSION_CODES = frozenset({3, 10, 2018247, 2018300, *range(200, 300)} - _PERSON_CODES)
_DEAD_TOKENS: Mapping[int | None, str] = {
    458: "The app was removed from the account that connected the page.",
    459: "The platform asks the person who connected the page to log in and confirm who they are.",
    460: "The password of the person who connected the page has changed.",
    463: "The page's access token has expired.",
    464: "The person who connected the page has not confirmed their account.",
    467: "The page's access token is no longer valid.",
    492: "The person who connected the page has lost their role on it.",
    493: "The page's access token was not renewed for 90 days.",
}
_LIKE_A_TOKEN = re.compile(r"[\w.~+/=|%-]{32,}")
"""Some messages repeat the access token ("Malformed access token …"), and they are logged. Ids are shorter."""
_SERVER_ERRORS = 500
_TOO_MANY_REQUESTS = 429
_OK = 200


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """Where the platform hands out a medium, for some minutes."""

    url: str
    mime_type: str | None


def parse_profile(platform: Platform, status: int, body: bytes, *, now: datetime) -> Profile:
    """Return the profile that an answer holds; it may be empty.

    Raises:
        GraphUnavailable, RateLimited, PolicyBlocked, TokenRefused, PermissionMissing, ProfileInaccessible,
            GraphCallRejected: the response is an error, see `parse_error`.
    """
    answer = _object_in(status, body)
    spelled_out = " ".join(filter(None, (text_of(answer.get("first_name")), text_of(answer.get("last_name")))))
    return Profile(
        name=text_of(answer.get("name")) or (spelled_out if platform == "facebook" and spelled_out else None),
        username=text_of(answer.get("username")),
        profile_pic=_address(answer.get("profile_pic")) or _address(answer.get("profile_picture_url")),
        fetched_at=now,
    )


def parse_media_address(status: int, body: bytes) -> MediaAddress:
    """Return where the medium that was asked for is handed out.

    Raises:
        MediaGone: the platform has no such medium, or no longer has it.
        GraphUnavailable, RateLimited, PolicyBlocked, TokenRefused, PermissionMissing, GraphCallRejected: the response
            is an error, see `parse_error`.
    """
    try:
        answer = _object_in(status, body)
    except ProfileInaccessible as error:
        raise MediaGone(str(error)) from error
    url = text_of(answer.get("url"))
    if url is None:
        raise GraphUnavailable("an answer without an address")
    return MediaAddress(url=url, mime_type=text_of(answer.get("mime_type")))


def _object_in(status: int, body: bytes) -> dict[str, Any]:
    """Return what an answer holds; raise what it says instead."""
    try:
        answer = decode_body(body)
    except UnreadableBody as error:
        kind = RateLimited if status == _TOO_MANY_REQUESTS else GraphUnavailable
        raise kind(f"HTTP {status} without JSON") from error
    if not isinstance(answer, dict):
        raise GraphUnavailable(f"HTTP {status} with something else than an object")
    if "error" in answer or status != _OK:
        raise parse_error(status, object_of(answer.get("error")))
    return answer


def parse_error(status: int, error: Mapping[str, Any]) -> GraphError:
    """Return the error that the `error` object of an answer stands for. Its message names no token."""
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    message = _LIKE_A_TOKEN.sub("[…]", text_of(error.get("message")) or "no message")[:200]
    text = f"HTTP {status}, code {code}, subcode {subcode}: {message}"
    if code in _RATE_CODES or code in _APP_RATE_CODES or status == _TOO_MANY_REQUESTS:
        return RateLimited(text, is_apps=code in _APP_RATE_CODES)
    if code in _TOKEN_CODES:
        sentence = _DEAD_TOKENS.get(subcode, "The platform refuses the page's access token.")
        return TokenRefused(text, sentence=f"{sentence} Connect the page again.")
    if code in _PERSON_CODES or subcode in _PERSON_SUBCODES:
        return ProfileInaccessible(text)
    if code in _TRANSIENT_CODES or status >= _SERVER_ERRORS or error.get("is_transient") is True:
        return GraphUnavailable(text)
    if code in _POLICY_CODES:
        return PolicyBlocked(text)
    return PermissionMissing(text) if code in _PERMISSION_CODES else GraphCallRejected(text)


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len("1000000000000"):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _address(value: Any) -> str | None:
    text = text_of(value)
    return text if text and text.startswith(("https://", "http://")) else None
