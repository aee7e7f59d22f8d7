"""What other items say about a message: a join-semilattice, so that neither order nor repetition of them matters.

`join` is commutative, associative and idempotent. Every part of `Annotations` moves in one direction only: to the
greatest edit, the earliest receipt, the latest reaction of an actor. Nothing of the edits of an unsent message is kept,
not even a hash: who guesses a short text can find it by its hash.
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
    """Hash of the text, hex. It breaks ties."""
    content: str | None
    """None only in rows from before the edits of an unsent message were dropped."""

    @property
    def order(self) -> tuple[int, datetime, str]:
        """The greatest of several edits wins."""
        return (self.revision, self.at, self.digest)


class LatestReaction(msgspec.Struct, frozen=True, kw_only=True):
    """An actor's latest reaction."""

    at: datetime
    emoji: str | None = None
    """None: removed. It is kept, because an older reaction may arrive later."""

    @property
    def order(self) -> tuple[datetime, str]:
        """The greatest of an actor's reactions wins."""
        return (self.at, self.emoji or "")


class Annotations(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that other items said about one message."""

    edit: Edit | None = None
    edited_at: datetime | None = None
    """The latest, including edits without a text."""
    deleted_at: datetime | None = None
    reactions: dict[str, LatestReaction] = {}
    """By actor."""
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    read_covering_at: datetime | None = None
    """The earliest read receipt that also covers everything sent before this message."""
    played_at: datetime | None = None
    failed_at: datetime | None = None
    error: str | None = None
    """The reason given for the failure at `failed_at`."""


NO_ANNOTATIONS = Annotations()
"""The least element: nothing was said about the message."""


def edit_of(content: str, *, revision: int, at: datetime) -> Edit:
    """Return the edit that gives a message the text `content`."""
    digest = blake2b(content.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    return Edit(revision=revision, at=at, digest=digest, content=content)


def join(one: Annotations, other: Annotations) -> Annotations:
    """Return what both say together: their least upper bound."""
    if one is NO_ANNOTATIONS or one == other:
        return other
    if other is NO_ANNOTATIONS:
        return one
    deleted_at = earliest(one.deleted_at, other.deleted_at)
    failed_at, error = _failure(one, other)
    return Annotations(
        edit=_edit(one.edit, other.edit) if deleted_at is None else None,
        edited_at=_latest(one.edited_at, other.edited_at),
        deleted_at=deleted_at,
        reactions=_reactions(one.reactions, other.reactions),
        delivered_at=earliest(one.delivered_at, other.delivered_at),
        read_at=earliest(one.read_at, other.read_at),
        read_covering_at=earliest(one.read_covering_at, other.read_covering_at),
        played_at=earliest(one.played_at, other.played_at),
        failed_at=failed_at,
        error=error,
    )


def earliest(*times: datetime | None) -> datetime | None:
    """Return the earliest of the times that are known; None if none is."""
    return min((time for time in times if time is not None), default=None)


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return one if other is None or (one is not None and one > other) else other


def _edit(one: Edit | None, other: Edit | None) -> Edit | None:
    return one if other is None or (one is not None and one.order > other.order) else other


def _reactions(one: Mapping[str, LatestReaction], other: Mapping[str, LatestReaction]) -> dict[str, LatestReaction]:
    joined = dict(one)
    for actor, reaction in other.items():
        known = joined.get(actor)
        if known is None or reaction.order > known.order:
            joined[actor] = reaction
    return joined


def _failure(one: Annotations, other: Annotations) -> tuple[datetime | None, str | None]:
    """Return the earliest failure; of simultaneous ones, one with a reason wins, then the lesser reason."""
    failures = [
        (each.failed_at, each.error is None, each.error or "") for each in (one, other) if each.failed_at is not None
    ]
    if not failures:
        return None, None
    failed_at, is_silent, error = min(failures)
    return failed_at, None if is_silent else error
