"""The stored profiles, by the enricher's own keys."""

from collections.abc import Sequence

from enricher.profiles.lookups import ProfileKey
from shared.contracts import Profile
from shared.contracts.internal import ParticipantKey
from shared.store_client.client import StoreClient


class StoreProfiles:
    """Implements `enricher.profiles.directory.StoredProfiles`."""

    def __init__(self, store: StoreClient) -> None:
        self._store = store

    async def last_known(self, keys: Sequence[ProfileKey]) -> dict[ProfileKey, Profile]:
        """Return the stored profiles. Customers without one are left out.

        Raises:
            DependencyUnavailable: the store cannot be reached.
        """
        customers = {key: (key.user_id, key.platform, key.participant_id) for key in keys}
        known = await self._store.participants(
            [
                ParticipantKey(user_id=user_id, platform=platform, participant_id=participant_id)
                for user_id, platform, participant_id in dict.fromkeys(customers.values())
            ]
        )
        profiles = {(one.user_id, one.platform, one.participant_id): one.profile for one in known}
        return {key: profiles[customer] for key, customer in customers.items() if customer in profiles}
