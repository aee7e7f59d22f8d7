"""What a response of the Graph API means. An `error` object counts whatever the HTTP status, and its code first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enricher.graph.errors import (
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
"""The fields that every page may read: one field without permission fails the whole call. WhatsApp has no lookup.

Instagram's `profile_picture_url` is a field of professional accounts, not of the people who write to them. It is read
from a response, but not requested.
"""

_APP_RATE_CODES = frozenset({4, 341})
"""The whole app made too many calls."""
_RATE_CODES = frozenset({17, 32, 613, *range(80000, 80015)})
"""The page made too many calls, or the account behind its token. 800xx are limits of business use cases."""
_TOKEN_CODES = frozenset({102, 190})
_TRANSIENT_CODES = frozenset({1, 2})
_POLICY_CODES = frozenset({368})
_PERSON_CODES = frozenset({230, 551, 9010, 2018001, 2018218})
_PERSON_SUBCODES = frozenset({33, 2018001, 2018218, 2534014, 1545041})
_PERMISSION_CODES = frozenset({3, 10, 2018247, 2018300, *range(200, 300)} - _PERSON_CODES)
_TOKEN_SENTENCES: Mapping[int | None, str] = {
    458: "The app was removed from the account that connected the page.",
    459: "The platform asks the person who connected the page to log in and confirm who they are.",
    460: "The password of the person who connected the page has changed.",
    463: "The page's access token has expired.",
    464: "The person who connected the page has not confirmed their account.",
    467: "The page's access token is no longer valid.",
    492: "The person who connected the page has lost their role on it.",
    493: "The page's access token was not renewed for 90 days.",
}
"""Why a token is refused, by subcode."""
_LIKE_A_TOKEN = re.compile(r"[\w.~+/=|%-]{32,}")
"""Some messages repeat the access token ("Malformed access token …"), and messages are logged. IDs are shorter."""
_SERVER_ERRORS = 500
_TOO_MANY_REQUESTS = 429
_OK = 200


@dataclass(frozen=True, slots=True)
class MediaAddress:
    """Where the platform serves a media file, for some minutes."""

    url: str
    mime_type: str | None


def parse_profile(platform: Platform, status: int, body: bytes, *, now: datetime) -> Profile:
    """Return the profile in a response. It may be empty.

    Args:
        platform: that was asked.
        status: HTTP status.
        body: of the response.
        now: the profile's `fetched_at`.

    Raises:
        GraphUnavailable, RateLimited, PolicyBlocked, TokenRefused, PermissionMissing, ProfileInaccessible,
            GraphCallRejected: the response is an error, see `parse_error`.
    """
    response = _response_object(status, body)
    full_name = " ".join(filter(None, (text_of(response.get("first_name")), text_of(response.get("last_name")))))
    return Profile(
        name=text_of(response.get("name")) or (full_name if platform == "facebook" and full_name else None),
        username=text_of(response.get("username")),
        profile_pic=_web_address(response.get("profile_pic")) or _web_address(response.get("profile_picture_url")),
        fetched_at=now,
    )


def parse_media_address(status: int, body: bytes) -> MediaAddress:
    """Return the address of a media file in a response.

    Raises:
        MediaGone: the platform has no such file, or no longer has it.
        GraphUnavailable, RateLimited, PolicyBlocked, TokenRefused, PermissionMissing, GraphCallRejected: the response
            is an error, see `parse_error`.
    """
    try:
        response = _response_object(status, body)
    except ProfileInaccessible as error:
        raise MediaGone(str(error)) from error
    url = text_of(response.get("url"))
    if url is None:
        raise GraphUnavailable("a response without a URL")
    return MediaAddress(url=url, mime_type=text_of(response.get("mime_type")))


def _response_object(status: int, body: bytes) -> dict[str, Any]:
    try:
        response = decode_body(body)
    except UnreadableBody as error:
        kind = RateLimited if status == _TOO_MANY_REQUESTS else GraphUnavailable
        raise kind(f"HTTP {status} without JSON") from error
    if not isinstance(response, dict):
        raise GraphUnavailable(f"HTTP {status} with JSON that is not an object")
    if "error" in response or status != _OK:
        raise parse_error(status, object_of(response.get("error")))
    return response


def parse_error(status: int, error: Mapping[str, Any]) -> GraphError:
    """Return the exception for the `error` object of a response. Its message never contains an access token."""
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    message = _LIKE_A_TOKEN.sub("[…]", text_of(error.get("message")) or "no message")[:200]
    text = f"HTTP {status}, code {code}, subcode {subcode}: {message}"
    if code in _RATE_CODES or code in _APP_RATE_CODES or status == _TOO_MANY_REQUESTS:
        return RateLimited(text, is_app_limit=code in _APP_RATE_CODES)
    if code in _TOKEN_CODES:
        sentence = _TOKEN_SENTENCES.get(subcode, "The platform refuses the page's access token.")
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


def _web_address(value: Any) -> str | None:
    text = text_of(value)
    return text if text and text.startswith(("https://", "http://")) else None
