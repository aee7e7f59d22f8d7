"""The canonical form of what is stored about a user: equal facts give equal bytes, whatever the order of arrival.

It leaves out what depends on arrival: `id`, `seq`, read marks, the unread count, and times and IDs of our own. Objects
refer to each other by the platform's IDs.
"""

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType

import msgspec

from store.core.rows import MessageRow

_HASH_BYTES = 32
_canonical = msgspec.json.Encoder(order="sorted")
_NOT_OF_A_MESSAGE = {"key", "id", "seq", "conversation_id", "digest", "coverage"}
"""Fields of a row that depend on how it arrived, or that follow from others."""

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
            *(name for name in MessageRow.__struct_fields__ if name not in _NOT_OF_A_MESSAGE),
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
