"""What is known of a user, without what depends on how it arrived: equal facts give equal bytes.

Left out are numbers (`id`, `seq`), read positions and the unread count, and times and ids of ours. Objects name each
other by what the platform calls them.
"""

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType

import msgspec

_HASH_BYTES = 32
_canonical = msgspec.json.Encoder(order="sorted")

SECTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "conversations": (
            "platform",
            "participant_id",
            "participant_name",
            "participant_username",
            "participant_profile_pic",
            "aliases",
            "created_at",
            "last_message_page_id",
            "last_message_kind",
            "last_message_id",
        ),
        "messages": (
            "platform",
            "page_id",
            "kind",
            "message_id",
            "participant_id",
            "direction",
            "sender_id",
            "content",
            "created_at",
            "status",
            "error",
            "attachments",
            "reactions",
            "reply_to",
            "payload",
            "referral",
            "sent_via",
            "edited_at",
            "deleted_at",
            "delivered_at",
            "read_at",
            "client_ref",
            "annotations",
        ),
        "waiting_annotations": ("platform", "page_id", "message_id", "annotations"),
        "receipts": ("platform", "page_id", "participant_id", "status", "watermark", "at"),
        "participant_links": ("platform", "participant_id", "alias"),
        "waiting_profiles": ("platform", "participant_id", "name", "username", "profile_pic"),
        "records": (
            "platform",
            "page_id",
            "kind",
            "record_id",
            "participant_id",
            "actor_id",
            "text",
            "body",
            "occurred_at",
        ),
        "raw_items": ("event_id", "platform", "page_id", "participant_id", "label"),
    }
)
"""The facts of a user, in this order, and what each consists of. A raw item's id is the hash of what it says."""


class StateHash:
    """Takes facts in, section by section as in `SECTIONS`, each section sorted by its natural key."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=_HASH_BYTES)

    def add(self, section: str, fact: Mapping[str, object]) -> None:
        """Take one in."""
        self._hash.update(canonical(section, fact))
        self._hash.update(b"\n")

    @property
    def hex(self) -> str:
        """The hash of everything that was taken in."""
        return self._hash.hexdigest()


def canonical(section: str, fact: Mapping[str, object]) -> bytes:
    """Return a fact as bytes: the same for equal facts, and no others."""
    return _canonical.encode([section, *(fact[name] for name in SECTIONS[section])])
