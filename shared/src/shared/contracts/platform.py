"""The platforms, and the ids that everything else is keyed by."""

from hashlib import blake2b, md5
from typing import Literal, get_args
from zlib import crc32

Platform = Literal["facebook", "instagram", "whatsapp"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)

SHARD_COUNT = 16
"""The number of routing keys of a sharded event type. Gateways bind those of the users they serve."""


def conversation_id(platform: Platform, user_id: str, participant_id: str) -> str:
    """Return the id of a conversation: 16 hex digits, computed and never looked up.

    64 bits are enough: rows are keyed by (user_id, conversation_id), so a collision never joins two users
    (docs/adr/0003).

    Args:
        platform: where the conversation takes place.
        user_id: the user who owns the inbox.
        participant_id: the customer, for incoming and outgoing messages alike.
    """
    text = f"{platform}_{user_id}_{participant_id}"
    return md5(text.encode(), usedforsecurity=False).hexdigest()[:16]


def derive_id(*parts: str | bytes) -> str:
    """Return an id of 32 hex digits for `parts` in their order. Equal parts give equal ids on every replica."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def shard_of(key: str) -> int:
    """Return the shard of `key`, from 0 to `SHARD_COUNT` - 1; stable across processes and versions."""
    return crc32(key.encode()) % SHARD_COUNT
