"""The platforms, and the identities that everything else is keyed by."""

from hashlib import blake2b, md5
from typing import Literal, get_args
from zlib import crc32

Platform = Literal["facebook", "instagram", "whatsapp"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)

SHARD_COUNT = 16
"""Routing keys a sharded event type has; gateways bind those of the users they serve."""


def conversation_id(platform: Platform, user_id: str, participant_id: str) -> str:
    """Return the id of the conversation: 16 hex digits, computed and never looked up.

    `participant_id` is the customer in both directions. 64 bits: rows are keyed by (user_id, conversation_id), so a
    collision never joins two users (docs/adr/0003).
    """
    text = f"{platform}_{user_id}_{participant_id}"
    return md5(text.encode(), usedforsecurity=False).hexdigest()[:16]


def derive_id(*parts: str | bytes) -> str:
    """Return 32 hex digits that stand for `parts`, in order; equal parts give equal ids on any replica."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def shard_of(key: str) -> int:
    """Return which of the `SHARD_COUNT` shards `key` belongs to; stable across processes and versions."""
    return crc32(key.encode()) % SHARD_COUNT
