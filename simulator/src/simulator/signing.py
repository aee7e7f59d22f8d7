"""Serializes bodies as Meta does, and signs exactly those bytes."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal

from pydantic import SecretStr

Escaping = Literal["meta", "strict", "plain"]
"""`meta`: as sent. `strict`: escapes `<`, `%` and `@` too, as documented. `plain`: UTF-8."""

SIGNATURE_HEADER = "X-Hub-Signature-256"
_STRICT = {"<": "\\u003c", "%": "\\u0025", "@": "\\u0040"}


def serialize(body: Mapping[str, Any], *, escaping: Escaping = "meta") -> bytes:
    r"""Return `body` as compact JSON.

    Meta writes non-ASCII characters as lowercase `\uXXXX` (surrogate pairs beyond the basic plane) and `/` as `\/`.
    A receiver that parses and dumps a body before it checks the signature gets other bytes, and fails on accents and
    emoji.

    Raises:
        UnicodeEncodeError: `escaping` is `plain` and the body contains a lone surrogate.
    """
    if escaping == "plain":
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    # These characters occur only inside strings of JSON, so replacing them in the text is safe.
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/")
    if escaping == "strict":
        for character, escape in _STRICT.items():
            text = text.replace(character, escape)
    return text.encode("ascii")


def signature(raw: bytes, secret: SecretStr) -> str:
    """Return the value of `X-Hub-Signature-256` for `raw`, signed with an app secret."""
    return "sha256=" + hmac.new(secret.get_secret_value().encode(), raw, sha256).hexdigest()


def headers(raw: bytes, secret: SecretStr) -> dict[str, str]:
    """Return the headers that Meta sends with `raw`."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        SIGNATURE_HEADER: signature(raw, secret),
    }


def appsecret_proof(access_token: str, secret: SecretStr) -> str:
    """Return the proof that a Graph API call sends with its access token: hex HMAC-SHA256 of the token."""
    return hmac.new(secret.get_secret_value().encode(), access_token.encode(), sha256).hexdigest()
