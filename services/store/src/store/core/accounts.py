"""Who owns a page when: intervals without overlap, each beginning where the one before it ended."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from shared.contracts import InboxEnrichedV1, conversation_id

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Where the first interval of a page starts: webhooks that came while nobody owned it belong to whoever connects it."""
_TICK = timedelta(microseconds=1)

AccountStatus = Literal["connected", "disconnected", "needs_reauthorization"]


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `accounts`: one user owns the page from `owned_from` (inclusive) to `owned_until` (exclusive)."""

    user_id: str
    owned_from: datetime
    owned_until: datetime | None
    version: int
    name: str | None
    token_ciphertext: str | None
    status: AccountStatus
    reason: str | None
    connected_at: datetime

    def holds(self, at: datetime) -> bool:
        """Whether the page was this user's at that time."""
        return self.owned_from <= at and (self.owned_until is None or at < self.owned_until)


class Ownership(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of ownership writes."""

    intervals: tuple[Interval, ...]
    """To be inserted, or to replace the row with the same `owned_from`."""
    created: bool
    """Whether somebody owns the page now who did not before."""
    changed: bool = True
    """Whether anything is other than it was, but for the version and how a token is encrypted."""

    @property
    def user_ids(self) -> list[str]:
        """Whose inboxes have to be told, without repetition."""
        return sorted({interval.user_id for interval in self.intervals}) if self.changed else []


def current_owner(intervals: Sequence[Interval]) -> Interval | None:
    """Return who owns the page now."""
    return next((interval for interval in intervals if interval.owned_until is None), None)


def owner_at(intervals: Sequence[Interval], at: datetime) -> Interval | None:
    """Return who owned the page at that time."""
    return next((interval for interval in intervals if interval.holds(at)), None)


def owned_by(event: InboxEnrichedV1, owner: Interval | None) -> InboxEnrichedV1:
    """Return `event` as one of `owner`'s inbox. Where nobody is known to own the page, it stays whose it is."""
    if owner is None or owner.user_id == event.user_id:
        return event
    return replace(
        event,
        user_id=owner.user_id,
        conversation_id=None
        if event.participant_id is None
        else conversation_id(event.platform, owner.user_id, event.participant_id),
    )


def page_version(intervals: Sequence[Interval]) -> int:
    """Return the page's version: 0 when nobody ever connected it, and greater with every change."""
    return max((interval.version for interval in intervals), default=0)


def connect(
    intervals: Sequence[Interval],
    *,
    user_id: str,
    name: str | None,
    token_ciphertext: str | None,
    is_same_token: bool = False,
    now: datetime,
) -> Ownership:
    """Return what makes `user_id` the owner from now on; its own name and token stay where none is given.

    So does what is wrong with its token: only a token that is given ends that. It raises the version even where it is
    the same one and nothing is news, so that a refusal which it has overtaken does not meet it.

    Args:
        intervals: of the page, oldest first.
        user_id: who connects it.
        name: a new one; None: as it is.
        token_ciphertext: of the token that is given; None: as it is.
        is_same_token: whether that is the token which the page has.
        now: where a new interval starts, unless an older one reaches further.
    """
    version, current = page_version(intervals) + 1, current_owner(intervals)
    if current is not None and current.user_id == user_id:
        return _connect_again(current, version, name, token_ciphertext, is_same_token=is_same_token)
    closed = [] if current is None else [_closed(current, version, now, "Another user has connected this page.")]
    ends = [end for interval in (*intervals, *closed) if (end := interval.owned_until) is not None]
    opened = Interval(
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
    return Ownership(intervals=(*closed, opened), created=True)


def _connect_again(
    current: Interval, version: int, name: str | None, token_ciphertext: str | None, *, is_same_token: bool
) -> Ownership:
    kept = current if name is None else replace(current, name=name)
    if token_ciphertext is not None:
        kept = replace(kept, token_ciphertext=token_ciphertext, status="connected", reason=None)
    known = replace(current, token_ciphertext=kept.token_ciphertext) if is_same_token else current
    changed = kept != known
    if changed or token_ciphertext is not None:
        kept = replace(kept, version=version)
    return Ownership(intervals=(kept,), created=False, changed=changed)


def refuse_token(intervals: Sequence[Interval], *, version: int, reason: str) -> Ownership | None:
    """Return what marks the page because the platform refuses the token of `version`.

    None when that is not its token any more, or when it is known: what is told again tells nothing.
    """
    current = current_owner(intervals)
    if current is None or current.version != version or current.status != "connected":
        return None
    marked = replace(current, version=page_version(intervals) + 1, status="needs_reauthorization", reason=reason)
    return Ownership(intervals=(marked,), created=False)


def disconnect(intervals: Sequence[Interval], *, now: datetime) -> Ownership | None:
    """Return what ends the present ownership; None when there is none."""
    current = current_owner(intervals)
    if current is None:
        return None
    closed = _closed(current, page_version(intervals) + 1, now, "The page was disconnected.")
    return Ownership(intervals=(closed,), created=False)


def _closed(interval: Interval, version: int, now: datetime, reason: str) -> Interval:
    # Never empty, even when clocks disagree: the next interval starts at its end, and starts are unique.
    return replace(
        interval,
        owned_until=max(now, interval.owned_from + _TICK),
        version=version,
        token_ciphertext=None,
        status="disconnected",
        reason=reason,
    )
