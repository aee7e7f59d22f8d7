"""Ingest's decisions: signatures, verification requests and the event of a webhook. Pure."""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from shared.contracts import Hop, Platform, WebhookReceivedV1, derive_id
from shared.security.app_secrets import AppSecret

_SIGNATURE_PREFIX = b"sha256="
_SIGNATURE = re.compile(r"sha256=[0-9A-Fa-f]{64}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def is_signature(header: str | None) -> bool:
    """Return whether `header` can be a signature at all: only then is the body worth reading.

    Args:
        header: the value of X-Hub-Signature-256, if there is one.
    """
    return header is not None and _SIGNATURE.fullmatch(header) is not None


def signer(body: bytes, header: str | None, secrets: Sequence[AppSecret]) -> AppSecret | None:
    """Return the secret under which `header` is an HMAC-SHA256 of `body`; None if it is none of `secrets`.

    Takes constant time for a header that can be a signature. Every secret is tried, so the time does not tell which one
    fits. Source: Meta, "Webhooks: getting started", validating payloads.

    Args:
        body: the raw body of the request.
        header: the value of X-Hub-Signature-256, if there is one.
        secrets: the accepted app secrets.
    """
    if header is None or not is_signature(header):
        return None
    digest = header.encode()[len(_SIGNATURE_PREFIX) :].lower()
    matches = [
        each for each in secrets if hmac.compare_digest(digest, hmac.digest(each.key, body, sha256).hex().encode())
    ]
    return matches[0] if matches else None


def is_verification(mode: str | None, token: str | None, accepted: Sequence[bytes]) -> bool:
    """Return whether a GET is a verification request of the platform with an accepted token, in constant time.

    Args:
        mode: the value of `hub.mode`.
        token: the value of `hub.verify_token`.
        accepted: the configured tokens.
    """
    given = (token or "").encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(given, secret) for secret in accepted]
    return mode == "subscribe" and bool(given) and any(matches)


def webhook_received(
    platform: Platform, body: bytes, *, signed_by: str, now: datetime, traceparent: str | None
) -> WebhookReceivedV1:
    """Return the event of a verified webhook. Equal bodies have the same id, whenever and wherever they arrive.

    Args:
        platform: the platform in the request's path.
        body: the raw body.
        signed_by: the ID of the secret that verified it.
        now: the time (UTC).
        traceparent: the W3C trace context header; ignored unless it is well-formed.
    """
    return WebhookReceivedV1(
        id=derive_id("webhook", platform, body),
        occurred_at=now,
        received_at=now,
        traceparent=traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else "",
        hops=(Hop("ingest", now),),
        platform=platform,
        body=body,
        signed_by=signed_by,
    )
