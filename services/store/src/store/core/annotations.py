"""What other items say about a message: a join-semilattice, so that neither order nor repetition of them matters.

`join` is commutative, associative and idempotent; every part of `Annotations` only goes one way (the greatest edit, the
least time of a receipt, the latest reaction of an actor). A text that was taken back is not kept: its hash is, which
keeps the order of edits.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b

import msgspec

_DIGEST_BYTES = 16


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """The text that the latest edit gave the message."""

    revision: int
    at: datetime
    digest: str
    """Of the text, hex: breaks ties, also once the text is gone."""
    content: str | None
    """None exactly when the message was unsent."""

    @property
    def order(self) -> tuple[int, datetime, str]:
        """Of several edits the greatest counts."""
        return (self.revision, self.at, self.digest)


class Reacted(msgspec.Struct, frozen=True, kw_only=True):
    """An actor's last word."""

    at: datetime
    emoji: str | None = None
    """None: taken back. Remembered, because an older reaction may come later."""

    @property
    def order(self) -> tuple[datetime, str]:
        """Of several of one actor the greatest counts."""
        return (self.at, self.emoji or "")


class Annotations(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that was said about one message by other items than its descriptions."""

    edit: Edit | None = None
    edited_at: datetime | None = None
    """The latest, also of edits that brought no text."""
    deleted_at: datetime | None = None
    reactions: dict[str, Reacted] = {}
    """By actor."""
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    read_covering_at: datetime | None = None
    """The earliest read that also stands for everything sent before this message."""
    played_at: datetime | None = None
    failed_at: datetime | None = None
    error: str | None = None
    """Why it failed, as told at `failed_at`."""


NOTHING = Annotations()
"""The least element: what is known about a message that nothing was said about."""


def edit_of(content: str, *, revision: int, at: datetime) -> Edit:
    """Return the edit that gives a message this text."""
    digest = blake2b(content.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    return Edit(revision=revision, at=at, digest=digest, content=content)


def join(one: Annotations, other: Annotations) -> Annotations:
    """Return what both say together."""
    if one is NOTHING or one == other:
        return other
    if other is NOTHING:
        return one
    deleted_at = earliest(one.deleted_at, other.deleted_at)
    failed_at, error = _failure(one, other)
    return Annotations(
        edit=_edit(one.edit, other.edit, is_deleted=deleted_at is not None),
        edited_at=_later(one.edited_at, other.edited_at),
        deleted_at=deleted_at,
        reactions=_reactions(one.reactions, other.reactions),
        delivered_at=earliest(one.delivered_at, other.delivered_at),
        read_at=earliest(one.read_at, other.read_at),
        read_covering_at=earliest(one.read_covering_at, other.read_covering_at),
        played_at=earliest(one.played_at, other.played_at),
        failed_at=failed_at,
        error=error,
    )


def earliest(*moments: datetime | None) -> datetime | None:
    """Return the earliest of those that are known."""
    return min((moment for moment in moments if moment is not None), default=None)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return one if other is None or (one is not None and one > other) else other


def _edit(one: Edit | None, other: Edit | None, *, is_deleted: bool) -> Edit | None:
    greater = one if other is None or (one is not None and one.order > other.order) else other
    if greater is None or greater.content is None or not is_deleted:
        return greater
    return msgspec.structs.replace(greater, content=None)


def _reactions(one: Mapping[str, Reacted], other: Mapping[str, Reacted]) -> dict[str, Reacted]:
    joined = dict(one)
    for actor, reacted in other.items():
        known = joined.get(actor)
        if known is None or reacted.order > known.order:
            joined[actor] = reacted
    return joined


def _failure(one: Annotations, other: Annotations) -> tuple[datetime | None, str | None]:
    """Return the earliest failure; of several at that time one that says why, the lesser sentence."""
    told = [
        (said.failed_at, said.error is None, said.error or "") for said in (one, other) if said.failed_at is not None
    ]
    if not told:
        return None, None
    failed_at, is_silent, error = min(told)
    return failed_at, None if is_silent else error
