"""The canonical form of what is stored about a user: equal facts give equal bytes, whatever the order of arrival.

It leaves out what depends on arrival: `id`, `seq`, read marks, the unread count, and times and IDs of our own. Objects
refer to each other by the platform's IDs.
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
"""The facts of a user, in this order, and their fields. The ID of a raw item is a hash of its contents."""


class StateHasher:
    """Hashes facts, section by section in the order of `SECTIONS`, each section sorted by its natural key."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=_HASH_BYTES)

    def add(self, section: str, fact: Mapping[str, object]) -> None:
        """Add a fact."""
        self._hash.update(canonical(section, fact))
        self._hash.update(b"\n")

    @property
    def hex(self) -> str:
        """The hash of all facts so far."""
        return self._hash.hexdigest()


def canonical(section: str, fact: Mapping[str, object]) -> bytes:
    """Return a fact as bytes: the same bytes exactly for equal facts."""
    return _canonical.encode([section, *(fact[name] for name in SECTIONS[section])])
