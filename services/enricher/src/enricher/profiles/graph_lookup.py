"""Looks a profile up in the Graph API and turns every error into a result."""

from functools import partial
from typing import Protocol

from pydantic import SecretStr

from enricher.graph.errors import (
    CallsOnHold,
    GraphCallRejected,
    GraphUnavailable,
    PermissionMissing,
    ProfileInaccessible,
    TokenRefused,
)
from enricher.graph.policy import GraphPolicy
from enricher.pages import PageToken
from enricher.profiles.lookups import Deferred, Found, LookupResult, NotFound, ProfileKey
from shared.contracts import Profile
from shared.contracts.internal import PageKey

REFUSED_TOKEN_HOLD_SECONDS = 60.0
"""For lookups that were already claimed. The token is never used again, and the store defers the lookups of its page.

The hold is short because a new token may have arrived during the lookup.
"""


class ProfileSource(Protocol):
    """Where profiles come from."""

    async def profile(self, page: PageKey, participant_id: str, token: SecretStr) -> Profile:
        """Return the profile. See `enricher.graph.client.GraphClient.profile` for the errors."""


async def look_up(
    key: ProfileKey, token: PageToken, *, source: ProfileSource, policy: GraphPolicy, is_reserved: bool = False
) -> LookupResult:
    """Return the result of a lookup. Raises nothing that is expected.

    Args:
        key: whose profile.
        token: the page's token.
        source: where to look.
        policy: makes the call.
        is_reserved: whether `GraphPolicy.try_reserve` has counted the call.
    """
    call = partial(source.profile, key.page, key.participant_id)
    try:
        profile = await policy.call(key.page, token, call, is_reserved=is_reserved)
    except TokenRefused as error:
        return Deferred(str(error), REFUSED_TOKEN_HOLD_SECONDS)
    except CallsOnHold as error:
        return Deferred(str(error), error.hold_seconds)
    except GraphUnavailable as error:
        return Deferred(str(error))
    except (ProfileInaccessible, PermissionMissing, GraphCallRejected) as error:
        return NotFound(str(error))
    return NotFound("an empty profile") if profile.is_empty else Found(profile)
