"""Bodies as Meta writes them, and its signature over exactly those bytes."""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal

from pydantic import SecretStr

Escaping = Literal["meta", "strict", "plain"]
"""`meta`: what is sent; `strict`: also `<`, `%` and `@`, which the documentation names; `plain`: UTF-8."""

SIGNATURE_HEADER = "X-Hub-Signature-256"
_STRICT = {"<": "\\u003c", "%": "\\u0025", "@": "\\u0040"}


def serialise(body: Mapping[str, Any], *, escaping: Escaping = "meta") -> bytes:
    r"""Return `body` as compact JSON.

    Meta writes what is not ASCII as lowercase `\uXXXX` (surrogate pairs beyond the basic plane) and `/` as `\/`.
    Whoever parses and dumps a body before checking its signature gets other bytes, and fails exactly on accents and
    emoji.

    Raises:
        UnicodeEncodeError: `plain` was asked for and the body holds a lone surrogate.
    """
    if escaping == "plain":
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    # None of the characters can stand outside a string in JSON, so replacing them in the text is safe.
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/")
    if escaping == "strict":
        for character, escape in _STRICT.items():
            text = text.replace(character, escape)
    return text.encode("ascii")


def signature(raw: bytes, secret: SecretStr) -> str:
    """Return the value of `X-Hub-Signature-256` for the bytes `raw`, under an app's secret."""
    return "sha256=" + hmac.new(secret.get_secret_value().encode(), raw, sha256).hexdigest()


def headers(raw: bytes, secret: SecretStr) -> dict[str, str]:
    """Return the headers that Meta sends with the bytes `raw`."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        SIGNATURE_HEADER: signature(raw, secret),
    }


def appsecret_proof(access_token: str, secret: SecretStr) -> str:
    """Return the proof that a Graph call carries beside its access token: hex HMAC-SHA256 of the token."""
    return hmac.new(secret.get_secret_value().encode(), access_token.encode(), sha256).hexdigest()
