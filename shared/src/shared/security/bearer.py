"""Shared secrets in `Authorization: Bearer`: the admin token and the service token."""

import hmac
from collections.abc import Sequence

from pydantic import SecretStr


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an `Authorization: Bearer <token>` header (RFC 6750, section 2.1), or None."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def is_one_of(token: str | None, accepted: Sequence[SecretStr]) -> bool:
    """Return whether `token` is one of `accepted`, in constant time. Several are accepted while one is rotated."""
    given = (token or "").encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, secret.get_secret_value().encode()) for secret in accepted]
    return bool(given) and any(matches)
