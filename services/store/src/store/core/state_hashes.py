"""What is known, as hashes: equal for two databases exactly when they hold the same facts."""

from hashlib import blake2b

import msgspec

_HASH_BYTES = 16


class UserState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one user."""

    user_id: str
    conversations: int
    messages: int
    hash: str


class TotalState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of all users."""

    users: int
    hash: str


class Total:
    """Sums up users' states as they come, by user id."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=_HASH_BYTES)
        self._users = 0

    def add(self, state: UserState) -> None:
        """Take one in."""
        self._users += 1
        self._hash.update(f"{state.user_id} {state.hash}\n".encode())

    @property
    def state(self) -> TotalState:
        """What those that were taken in come to."""
        return TotalState(users=self._users, hash=self._hash.hexdigest())
