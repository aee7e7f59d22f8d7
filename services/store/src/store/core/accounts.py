"""Who owned a page when: ownership intervals that do not overlap, each starting where the previous one ended."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from shared.contracts import InboxEnrichedV1, conversation_id

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Where the first interval of a page starts: webhooks received before that belong to whoever connects the page."""
_TICK = timedelta(microseconds=1)

AccountStatus = Literal["connected", "disconnected", "needs_reauthorization"]


class OwnershipInterval(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `accounts`: a user owns the page from `owned_from` (inclusive) to `owned_until` (exclusive)."""

    user_id: str
    owned_from: datetime
    owned_until: datetime | None
    version: int
    name: str | None
    token_ciphertext: str | None
    status: AccountStatus
    reason: str | None
    connected_at: datetime

    def contains(self, at: datetime) -> bool:
        """Return whether the user owned the page at that time."""
        return self.owned_from <= at and (self.owned_until is None or at < self.owned_until)


class OwnershipChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of ownership writes."""

    intervals: tuple[OwnershipInterval, ...]
    """To insert, or to replace the row with the same `owned_from`."""
    created: bool
    """Whether the page has a new owner."""
    changed: bool = True
    """Whether anything changed, apart from the version and the encryption of the token."""

    @property
    def user_ids(self) -> list[str]:
        """The users to notify, sorted, each once."""
        return sorted({interval.user_id for interval in self.intervals}) if self.changed else []


def current_owner(intervals: Sequence[OwnershipInterval]) -> OwnershipInterval | None:
    """Return the interval of who owns the page now; None if nobody does."""
    return next((interval for interval in intervals if interval.owned_until is None), None)


def owner_at(intervals: Sequence[OwnershipInterval], at: datetime) -> OwnershipInterval | None:
    """Return the interval of who owned the page at that time; None if nobody did."""
    return next((interval for interval in intervals if interval.contains(at)), None)


def assign_owner(event: InboxEnrichedV1, owner: OwnershipInterval | None) -> InboxEnrichedV1:
    """Return `event` as one of `owner`'s inbox; unchanged if nobody is known to own the page."""
    if owner is None or owner.user_id == event.user_id:
        return event
    return replace(
        event,
        user_id=owner.user_id,
        conversation_id=None
        if event.participant_id is None
        else conversation_id(event.platform, owner.user_id, event.participant_id),
    )


def page_version(intervals: Sequence[OwnershipInterval]) -> int:
    """Return the page's version: 0 if nobody ever connected it, then greater with every change."""
    return max((interval.version for interval in intervals), default=0)


def connect(
    intervals: Sequence[OwnershipInterval],
    *,
    user_id: str,
    name: str | None,
    token_ciphertext: str | None,
    is_same_token: bool = False,
    now: datetime,
) -> OwnershipChange:
    """Return the change that makes `user_id` the owner from now on.

    A refused token stays refused until a token is given. A given token raises the version even if it is the same one
    and nothing else changes, so that an older refusal of it does not apply any more.

    Args:
        intervals: of the page, oldest first.
        user_id: who connects the page.
        name: the new name; None: unchanged.
        token_ciphertext: the given token, encrypted; None: unchanged.
        is_same_token: whether the page has that token already.
        now: where a new interval starts, unless an older one ends later.
    """
    version, current = page_version(intervals) + 1, current_owner(intervals)
    if current is not None and current.user_id == user_id:
        return _reconnect(current, version, name, token_ciphertext, is_same_token=is_same_token)
    closed = [] if current is None else [_closed(current, version, now, "Another user has connected this page.")]
    ends = [end for interval in (*intervals, *closed) if (end := interval.owned_until) is not None]
    opened = OwnershipInterval(
        user_id=user_id,
        owned_from=max(ends, default=BEGINNING),
        owned_until=None,
        version=version,
        name=name,
        token_ciphertext=token_ciphertext,
        status="connected",
        reason=None,
        connected_at=now,
    )
    return OwnershipChange(intervals=(*closed, opened), created=True)


def _reconnect(
    current: OwnershipInterval, version: int, name: str | None, token_ciphertext: str | None, *, is_same_token: bool
) -> OwnershipChange:
    kept = current if name is None else replace(current, name=name)
    if token_ciphertext is not None:
        kept = replace(kept, token_ciphertext=token_ciphertext, status="connected", reason=None)
    known = replace(current, token_ciphertext=kept.token_ciphertext) if is_same_token else current
    changed = kept != known
    if changed or token_ciphertext is not None:
        kept = replace(kept, version=version)
    return OwnershipChange(intervals=(kept,), created=False, changed=changed)


def mark_token_refused(intervals: Sequence[OwnershipInterval], *, version: int, reason: str) -> OwnershipChange | None:
    """Return the change that marks the page because the platform refuses the token of `version`.

    None if the page has another token by now, or is marked already.
    """
    current = current_owner(intervals)
    if current is None or current.version != version or current.status != "connected":
        return None
    marked = replace(current, version=page_version(intervals) + 1, status="needs_reauthorization", reason=reason)
    return OwnershipChange(intervals=(marked,), created=False)


def disconnect(intervals: Sequence[OwnershipInterval], *, now: datetime) -> OwnershipChange | None:
    """Return the change that ends the current ownership; None if nobody owns the page."""
    current = current_owner(intervals)
    if current is None:
        return None
    closed = _closed(current, page_version(intervals) + 1, now, "The page was disconnected.")
    return OwnershipChange(intervals=(closed,), created=False)


def _closed(interval: OwnershipInterval, version: int, now: datetime, reason: str) -> OwnershipInterval:
    # Never empty, even if clocks disagree: the next interval starts where it ends, and starts are unique.
    return replace(
        interval,
        owned_until=max(now, interval.owned_from + _TICK),
        version=version,
        token_ciphertext=None,
        status="disconnected",
        reason=reason,
    )
