"""Recognizes what is delivered again, or late, about people and messages that were erased.

What is remembered is a keyed digest (HMAC), never the ID: telephone numbers are few enough to try them all on a digest
without a key. The key follows from the encryption keys, so it is not in the database.
"""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

import msgspec
from pydantic import SecretStr

from store.core.facts import MessageKey, Update

_PURPOSE = b"switchboard erased identities v1"
_DIGEST_BYTES = 16
_WORDS_PER_BODY = 500
_ID = re.compile(r"[A-Za-z0-9._-]{4,128}")


class IdentityDigests:
    """Digests of people and messages of a user.

    Args:
        keys: the encryption keys, the newest first. Digests are made with it, and recognized with any.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._keys = [hmac.digest(key.get_secret_value().encode(), _PURPOSE, sha256) for key in keys]

    def person(self, user_id: str, platform: str, participant_id: str) -> list[bytes]:
        """Return the person's digest under every key, the newest first."""
        return self._digests("person", user_id, platform, participant_id)

    def message(self, key: MessageKey) -> list[bytes]:
        """Return the message's digest under every key, the newest first. A postback may share the ID."""
        return self._digests("message", key.user_id, key.platform, key.page_id, key.message_id)

    def _digests(self, *parts: str) -> list[bytes]:
        named = msgspec.json.encode(parts)
        return [hmac.digest(key, named, sha256)[:_DIGEST_BYTES] for key in self._keys]

    def of(self, update: Update) -> tuple[list[bytes], list[bytes]]:
        """Return the digests of the people and of the messages that the update is about."""
        people = [
            digest
            for person in dict.fromkeys(_people(update))
            for digest in self.person(update.user_id, update.platform, person)
        ]
        return people, [digest for key in dict.fromkeys(_messages(update)) for digest in self.message(key)]

    def is_erased(self, update: Update, erased: Mapping[tuple[str, bytes], datetime]) -> bool:
        """Return whether the update is about an erased message, or about an erased person and no later than that.

        Args:
            update: the update.
            erased: when what was erased, by (user_id, digest).
        """
        people, messages = self.of(update)
        if any((update.user_id, digest) in erased for digest in messages):
            return True
        times = (erased.get((update.user_id, digest)) for digest in people)
        return any(time is not None and update.cause.occurred_at <= time for time in times)

    def needs_conversation(self, update: Update, erased: Mapping[tuple[str, bytes], datetime]) -> bool:
        """Return whether the update is about an erased person and says nothing without their new conversation.

        Edits, reactions, receipts and profiles begin no conversation. They would wait, and keep what was erased.
        """
        if update.message is not None or update.record is not None or update.raw is not None:
            return False
        people, _ = self.of(update)
        return any((update.user_id, digest) in erased for digest in people)


def _people(update: Update) -> Iterator[str]:
    if update.participant_id is not None:
        yield update.participant_id
    yield from update.aliases
    if update.record is not None and update.record.actor_id is not None:
        yield update.record.actor_id
    if update.raw is not None:  # of no known type: whoever it is about stands somewhere in its body
        yield from _ID.findall(update.raw.body)[:_WORDS_PER_BODY]


def _messages(update: Update) -> Iterator[MessageKey]:
    if update.message is not None:
        yield update.message.key
    for annotation in update.annotations:
        yield annotation.key


def names_person(text: bytes, participant_ids: Sequence[str]) -> bool:
    """Return whether one of the IDs stands in `text` as a whole, not as a part of a longer one."""
    return any(
        re.search(rb"(?<![A-Za-z0-9._-])" + re.escape(person.encode()) + rb"(?![A-Za-z0-9._-])", text)
        for person in participant_ids
    )
