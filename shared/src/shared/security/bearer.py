"""Shared secrets in `Authorization: Bearer`: the admin token and the service token."""

import hmac
import unicodedata
from collections.abc import Sequence

from pydantic import SecretStr


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an `Authorization: Bearer <token>` header (RFC 6750, section 2.1), or None."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


_NAMED_CHARACTERS = 5
"""A text with more unsuitable characters is not a token at all; naming all of them would not help."""


def bearer_problem(token: str) -> str | None:
    """Return why `token` cannot be sent in an Authorization header; None if it can.

    A header carries visible ASCII characters (RFC 9110, section 5.5), and a token contains no white space. Nothing is
    trimmed: a token that was pasted with more than itself may also have been pasted with less.

    Returns:
        The end of a sentence that names the unsuitable characters and their positions, and no part of the token.
    """
    unsuitable = [(place, char) for place, char in enumerate(token, start=1) if not "!" <= char <= "~"]
    if not unsuitable:
        return None
    named = ", ".join(f"{_describe(char)} at position {place}" for place, char in unsuitable[:_NAMED_CHARACTERS])
    more = len(unsuitable) - _NAMED_CHARACTERS
    rest = f" and {more} more" if more > 0 else ""
    return f"contains characters that no token has: {named}{rest}; copy the whole token again"


def _describe(char: str) -> str:
    name = unicodedata.name(char, "a control character")
    return f"U+{ord(char):04X} ({name.lower()})"


def is_one_of(token: str | None, accepted: Sequence[SecretStr]) -> bool:
    """Return whether `token` is one of `accepted`, in constant time. Several are accepted while one is rotated."""
    given = (token or "").encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, secret.get_secret_value().encode()) for secret in accepted]
    return bool(given) and any(matches)
