"""Hashes of what is stored: equal for two databases exactly if they hold the same facts."""

from hashlib import blake2b

import msgspec

_HASH_BYTES = 16


class UserState(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored about one user."""

    user_id: str
    conversations: int
    messages: int
    hash: str


class TotalState(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored about all users."""

    users: int
    hash: str


class TotalHasher:
    """Combines the states of users, which must be added in the order of their IDs."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=_HASH_BYTES)
        self._users = 0

    def add(self, state: UserState) -> None:
        """Add the next user's state."""
        self._users += 1
        self._hash.update(f"{state.user_id} {state.hash}\n".encode())

    @property
    def state(self) -> TotalState:
        """The combined state of all users so far."""
        return TotalState(users=self._users, hash=self._hash.hexdigest())
