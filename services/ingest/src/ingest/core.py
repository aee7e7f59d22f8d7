"""Ingest's decisions. Pure: nothing is read, written or looked up."""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from shared.contracts import Hop, Platform, WebhookReceivedV1, derive_id

_SIGNATURE_PREFIX = b"sha256="
_SIGNATURE_BYTES = len(_SIGNATURE_PREFIX) + sha256().digest_size * 2
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def is_signed(body: bytes, header: str | None, secrets: Sequence[bytes]) -> bool:
    """Tell whether `header` (X-Hub-Signature-256) is an HMAC-SHA256 of the raw `body` under one of `secrets`.

    Constant time for a header of the right length; every secret is tried, so that time does not tell which one fits.
    Source: Meta, "Webhooks: getting started", validating payloads.
    """
    given = (header or "").encode("utf-8", "surrogatepass")
    if len(given) != _SIGNATURE_BYTES or not given.startswith(_SIGNATURE_PREFIX):
        return False
    digest = given[len(_SIGNATURE_PREFIX) :].lower()
    matches = [hmac.compare_digest(digest, hmac.digest(secret, body, sha256).hex().encode()) for secret in secrets]
    return any(matches)


def is_verification(mode: str | None, token: str | None, accepted: Sequence[bytes]) -> bool:
    """Tell whether a GET is the platform's verification request with a token of ours, in constant time."""
    given = (token or "").encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, secret) for secret in accepted]
    return mode == "subscribe" and bool(given) and any(matches)


def received(platform: Platform, body: bytes, *, now: datetime, traceparent: str | None) -> WebhookReceivedV1:
    """Return the event for a verified body: equal bodies give the same id, whenever and wherever they arrive."""
    return WebhookReceivedV1(
        id=derive_id("webhook", platform, body),
        occurred_at=now,
        received_at=now,
        traceparent=traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else "",
        hops=(Hop("ingest", now),),
        platform=platform,
        body=body,
    )
