"""A look-up of a profile: what is asked, how it may end, and when to try again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from enricher.pages import Page
from shared.contracts import Platform, Profile, ProfileResolvedV1, derive_id
from shared.contracts.internal import Lookup


class ProfileKey(NamedTuple):
    """A customer of one user, as one page knows them."""

    user_id: str
    platform: Platform
    page_id: str
    participant_id: str

    @property
    def page(self) -> Page:
        """The page whose token and limits a look-up uses."""
        return self.platform, self.page_id


@dataclass(frozen=True, slots=True)
class Found:
    """The platform said who it is."""

    profile: Profile


@dataclass(frozen=True, slots=True)
class NotFound:
    """Asking again changes nothing, until the customer writes again or the page is connected anew."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """It may work later. With `hold_seconds` it is not about this person: no call is made before they are over."""

    reason: str
    hold_seconds: float = 0.0


LookupResult = Found | NotFound | Deferred

MAX_ATTEMPTS = 10
"""Then the look-up ends; the person's next message makes a new one."""
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 3_600.0


def can_be_looked_up(platform: Platform) -> bool:
    """Whether the platform tells who somebody is. WhatsApp does so in its webhooks only."""
    return platform != "whatsapp"


def retry_delay_seconds(attempts: int, *, jitter: float) -> float:
    """Return how long to wait after the `attempts`-th failure (from 1); `jitter` in [0, 1) spreads it."""
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(attempts - 1, 32))
    return longest * (0.5 + jitter / 2)


def resolved(lookup: Lookup, answer: LookupResult, *, now: datetime, jitter: float) -> ProfileResolvedV1:
    """Return the event that ends a claimed look-up: with a profile, with a time to look again, or for good.

    A hold ends none, however often: it is the page's or the app's, and nobody has asked for this person.
    """
    attempts = lookup.attempts + 1
    retry_at: datetime | None = None
    if isinstance(answer, Deferred) and answer.hold_seconds > 0:
        retry_at = now + timedelta(seconds=answer.hold_seconds + FIRST_DELAY_SECONDS * jitter)
    elif isinstance(answer, Deferred) and attempts < MAX_ATTEMPTS:
        retry_at = now + timedelta(seconds=retry_delay_seconds(attempts, jitter=jitter))
    parts = (lookup.user_id, lookup.platform, lookup.page_id, lookup.participant_id, str(attempts), now.isoformat())
    return ProfileResolvedV1(
        id=derive_id("profile-resolved", *parts),
        occurred_at=now,
        received_at=now,
        user_id=lookup.user_id,
        platform=lookup.platform,
        page_id=lookup.page_id,
        participant_id=lookup.participant_id,
        profile=answer.profile if isinstance(answer, Found) else None,
        retry_at=retry_at,
    )
