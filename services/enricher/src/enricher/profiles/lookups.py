"""A profile lookup: its key, its result, and when it is retried."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.aio.backoff import Backoff
from shared.contracts import Platform, Profile, ProfileResolvedV1, derive_id
from shared.contracts.internal import Lookup, PageKey

MAX_ATTEMPTS = 10
"""After these the lookup ends. The customer's next message requests a new one."""
BACKOFF = Backoff(first_seconds=5.0, longest_seconds=3_600.0)
"""Delays between the attempts of one lookup."""


class ProfileKey(NamedTuple):
    """A customer of one user, by the ID that one page knows them by."""

    user_id: str
    platform: Platform
    page_id: str
    participant_id: str

    @property
    def page(self) -> PageKey:
        """The page whose token and limits the lookup uses."""
        return PageKey(platform=self.platform, page_id=self.page_id)


@dataclass(frozen=True, slots=True)
class Found:
    """The platform returned the profile."""

    profile: Profile


@dataclass(frozen=True, slots=True)
class NotFound:
    """Another lookup would not help until the customer writes again or the page is connected again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """A later lookup may succeed."""

    reason: str
    hold_seconds: float = 0.0
    """If not 0, the page or the app may make no calls for so long. It says nothing about this customer."""


LookupResult = Found | NotFound | Deferred


def can_be_looked_up(platform: Platform) -> bool:
    """Return whether the platform has profile lookups. WhatsApp sends profiles in its webhooks only."""
    return platform != "whatsapp"


def profile_resolved(lookup: Lookup, result: LookupResult, *, now: datetime, jitter: float) -> ProfileResolvedV1:
    """Return the event that ends a claimed lookup: with a profile, with a time for the next attempt, or for good.

    A hold never ends a lookup for good: it comes from the page or the app, and nobody asked about this customer.

    Args:
        lookup: as the store handed it out.
        result: how it ended.
        now: the time of day.
        jitter: a random number from 0 to 1.
    """
    attempts = lookup.attempts + 1
    retry_at: datetime | None = None
    if isinstance(result, Deferred) and result.hold_seconds > 0:
        retry_at = now + timedelta(seconds=result.hold_seconds + BACKOFF.first_seconds * jitter)
    elif isinstance(result, Deferred) and attempts < MAX_ATTEMPTS:
        retry_at = now + timedelta(seconds=BACKOFF.delay_seconds(attempts, jitter=jitter))
    parts = (lookup.user_id, lookup.platform, lookup.page_id, lookup.participant_id, str(attempts), now.isoformat())
    return ProfileResolvedV1(
        id=derive_id("profile-resolved", *parts),
        occurred_at=now,
        received_at=now,
        user_id=lookup.user_id,
        platform=lookup.platform,
        page_id=lookup.page_id,
        participant_id=lookup.participant_id,
        profile=result.profile if isinstance(result, Found) else None,
        retry_at=retry_at,
    )
