"""Finding a secret in text, also where it was encoded on the way."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from urllib.parse import quote, quote_plus


def forms(secret: str) -> set[bytes]:
    """Return how `secret` may stand in a text: as it is, escaped, percent-encoded, in hex, and inside base64."""
    raw = secret.encode()
    texts = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1], raw.hex()}
    texts |= {text.lower() for text in (quote(secret, safe=""), quote(secret)) if "%" in text}
    texts |= {"".join(f"%{byte:02x}" for byte in raw), "".join(f"%{byte:02X}" for byte in raw)}
    return {text.encode() for text in texts} | set(_inside_base64(raw))


def found(secrets: Mapping[str, str], texts: Mapping[str, bytes]) -> list[str]:
    """Return which of `secrets` stand in which of `texts`, by their names and never by their values."""
    return sorted(
        f"{name} in {place}"
        for name, secret in secrets.items()
        for place, text in texts.items()
        if any(form in text for form in forms(secret))
    )


def _inside_base64(raw: bytes) -> list[bytes]:
    """Return what of the base64 of a longer text is sure, wherever in it `raw` begins."""
    sure: list[bytes] = []
    for encode in (b64encode, urlsafe_b64encode):
        for offset in range(3):
            text = encode(b"\0" * offset + raw)
            first, end = (0, 2, 3)[offset], len(text) - (4 if (offset + len(raw)) % 3 else 0)
            sure.append(text[first:end])
    return sure
