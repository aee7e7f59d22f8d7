"""Looks a profile up in the Graph API, and says how that ended."""

from functools import partial
from typing import Protocol

from pydantic import SecretStr

from enricher.errors import (
    CallsOnHold,
    GraphCallRejected,
    GraphUnavailable,
    PermissionMissing,
    ProfileInaccessible,
    TokenRefused,
)
from enricher.graph.policy import GraphPolicy
from enricher.pages import Page, PageToken
from enricher.profiles.lookups import Deferred, Found, LookupResult, NotFound, ProfileKey
from shared.contracts import Profile

REFUSED_TOKEN_HOLD_SECONDS = 60.0
"""For look-ups that were claimed already; calls with that token are never made again, and the store keeps back the
look-ups of its page. Short, because a new token may have come while such a look-up was under way."""


class ProfileSource(Protocol):
    """Where profiles come from."""

    async def profile(self, page: Page, participant_id: str, token: SecretStr) -> Profile:
        """Return the profile; see `enricher.graph.GraphClient.profile` for what it raises."""


async def look_up(
    wanted: ProfileKey, token: PageToken, *, source: ProfileSource, gate: GraphPolicy, is_counted: bool = False
) -> LookupResult:
    """Return how the look-up ended; raises nothing.

    Args:
        wanted: whom.
        token: of the page.
        source: where to look.
        gate: makes the call where it may help.
        is_counted: as `GraphPolicy.ask` has it.
    """
    call = partial(source.profile, wanted.page, wanted.participant_id)
    try:
        profile = await gate.ask(wanted.page, token, call, is_counted=is_counted)
    except TokenRefused as error:
        return Deferred(str(error), REFUSED_TOKEN_HOLD_SECONDS)
    except CallsOnHold as error:
        return Deferred(str(error), error.hold_seconds)
    except GraphUnavailable as error:
        return Deferred(str(error))
    except (ProfileInaccessible, PermissionMissing, GraphCallRejected) as error:
        return NotFound(str(error))
    return NotFound("an empty profile") if profile.is_empty else Found(profile)
