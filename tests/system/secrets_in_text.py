"""Finds secrets in text, even if they are encoded."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from urllib.parse import quote, quote_plus


def encodings_of(secret: str) -> set[bytes]:
    """Return the encodings of `secret` to look for: plain, escaped, percent-encoded, hex, and inside base64."""
    raw = secret.encode()
    texts = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1], raw.hex()}
    texts |= {text.lower() for text in (quote(secret, safe=""), quote(secret)) if "%" in text}
    texts |= {"".join(f"%{byte:02x}" for byte in raw), "".join(f"%{byte:02X}" for byte in raw)}
    return {text.encode() for text in texts} | set(_inside_base64(raw))


def find_secrets(secrets: Mapping[str, str], texts: Mapping[str, bytes]) -> list[str]:
    """Return which of `secrets` occur in which of `texts`, by name and never by value."""
    return sorted(
        f"{name} in {place}"
        for name, secret in secrets.items()
        for place, text in texts.items()
        if any(form in text for form in encodings_of(secret))
    )


def _inside_base64(raw: bytes) -> list[bytes]:
    """Return the parts of base64 that do not depend on the text around `raw`, for every offset."""
    parts: list[bytes] = []
    for encode in (b64encode, urlsafe_b64encode):
        for offset in range(3):
            text = encode(b"\0" * offset + raw)
            first, end = (0, 2, 3)[offset], len(text) - (4 if (offset + len(raw)) % 3 else 0)
            parts.append(text[first:end])
    return parts
