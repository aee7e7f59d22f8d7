"""Which devices of a user are online, and what they view. Pure: `now` is an argument, changes are returned.

A device is identified by `Who.id`, however many sessions it has on however many gateways. Nothing is stored or
certain: what another gateway reports is valid for `PresenceLimits.remote_seconds`, and a device whose session has
ended stays online for `PresenceLimits.grace_seconds`, so that a reconnect changes nothing.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeVar

from shared.contracts.inbox import PresenceFrame, Who

KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class PresenceLimits:
    """How long entries are valid, and how many are kept."""

    grace_seconds: float = 5.0
    """How long a device stays online after its session has ended."""
    remote_seconds: float = 50.0
    """How long a report of another gateway is valid."""
    max_devices: int = 50
    """Devices of one user that are shown."""
    max_remote_entries: int = 100
    """Of one user, from all other gateways."""


@dataclass(slots=True)
class _Entry:
    """One session here, or one device on another gateway."""

    who: Who
    viewing: str | None
    updated_at: float
    expires_at: float | None = None
    """None while the session is open."""


class PresenceTracker:
    """The devices of one user, as this gateway knows them.

    `now` is in seconds of a monotonic clock. The frames that methods return are changes, meant for all sessions of the
    user except those of the device itself.
    """

    __slots__ = ("_announced", "_limits", "_local", "_remote", "_shown")

    def __init__(self, limits: PresenceLimits) -> None:
        self._limits = limits
        self._local: dict[Hashable, _Entry] = {}
        self._remote: dict[tuple[str, str], _Entry] = {}
        self._shown: dict[str, PresenceFrame] = {}
        self._announced: dict[str, PresenceFrame] = {}

    def __len__(self) -> int:
        """Return how many entries are kept."""
        return len(self._local) + len(self._remote)

    @property
    def is_empty(self) -> bool:
        """Whether no device is online on this gateway, including those within their grace period."""
        return not self._local

    @property
    def has_expiring_entries(self) -> bool:
        """Whether `expire` will have something to do."""
        return bool(self._remote) or any(entry.expires_at is not None for entry in self._local.values())

    def join(self, session: Hashable, who: Who, now: float) -> list[PresenceFrame]:
        """Add a session. It takes over what sessions of its device viewed that ended within the grace period."""
        ended = [key for key, entry in self._local.items() if entry.expires_at is not None and entry.who.id == who.id]
        viewing = None
        for key in ended:
            viewing = self._local.pop(key).viewing
        self._local[session] = _Entry(who, viewing, now)
        return self._changes(now)

    def set_viewing(self, session: Hashable, conversation_id: str | None, now: float) -> list[PresenceFrame]:
        """Update what a session views."""
        entry = self._local.get(session)
        if entry is None or entry.expires_at is not None:
            return []
        entry.viewing, entry.updated_at = conversation_id, now
        return self._changes(now)

    def leave(self, session: Hashable, now: float) -> list[PresenceFrame]:
        """End a session; it expires after the grace period.

        If too many are expiring, the oldest expires at once: of a device with another session if there is one, so that
        a device with many short sessions takes no other device offline.
        """
        entry = self._local.get(session)
        if entry is None or entry.expires_at is not None:
            return []
        entry.expires_at = now + self._limits.grace_seconds
        expiring = [key for key, other in self._local.items() if other.expires_at is not None]
        if len(expiring) <= self._limits.max_devices:
            return []
        sessions = Counter(other.who.id for other in self._local.values())
        del self._local[next((key for key in expiring if sessions[self._local[key].who.id] > 1), expiring[0])]
        return self._changes(now)

    def update_remote(
        self, gateway_id: str, who: Who, *, online: bool, viewing: str | None, now: float
    ) -> tuple[list[PresenceFrame], bool]:
        """Take a report of another gateway about one of its devices.

        Returns:
            The changes, and whether that gateway is new to this user.
        """
        is_new = all(known != gateway_id for known, _ in self._remote)
        key = (gateway_id, who.id)
        if online:
            if key not in self._remote and len(self._remote) >= self._limits.max_remote_entries:
                return [], False
            known = self._remote.get(key)
            updated_at = known.updated_at if known is not None and known.viewing == viewing else now
            self._remote[key] = _Entry(who, viewing, updated_at, now + self._limits.remote_seconds)
        else:
            self._remote.pop(key, None)
        return self._changes(now), is_new and online

    def expire(self, now: float) -> list[PresenceFrame]:
        """Remove expired entries."""
        return self._changes(now)

    def others(self, device_id: str) -> list[PresenceFrame]:
        """Return every online device except `device_id`: for a session that has just started."""
        return [frame for known, frame in self._shown.items() if known != device_id]

    def local(self, now: float) -> list[PresenceFrame]:
        """Return the devices on this gateway, to be announced to other gateways periodically."""
        return [_merged(entries) for entries in self._by_device(now, local_only=True).values()]

    def local_changes(self, now: float) -> list[PresenceFrame]:
        """Return what has changed about the devices on this gateway since the last call, for other gateways."""
        before, self._announced = self._announced, {frame.who.id: frame for frame in self.local(now)}
        return _differences(before, self._announced)

    def _changes(self, now: float) -> list[PresenceFrame]:
        _drop_expired(self._local, now)
        _drop_expired(self._remote, now)
        before = self._shown
        online = {device_id: _merged(entries) for device_id, entries in self._by_device(now, local_only=False).items()}
        self._shown = dict(list(online.items())[: self._limits.max_devices])
        return _differences(before, self._shown)

    def _by_device(self, now: float, *, local_only: bool) -> dict[str, list[_Entry]]:
        devices: dict[str, list[_Entry]] = {}
        for entry in [*self._local.values(), *([] if local_only else self._remote.values())]:
            if entry.expires_at is None or entry.expires_at > now:
                devices.setdefault(entry.who.id, []).append(entry)
        return devices


def _drop_expired(entries: dict[KeyT, _Entry], now: float) -> None:
    for key in [key for key, entry in entries.items() if entry.expires_at is not None and entry.expires_at <= now]:
        del entries[key]


def _differences(before: dict[str, PresenceFrame], after: dict[str, PresenceFrame]) -> list[PresenceFrame]:
    offline = [
        PresenceFrame(who=frame.who, online=False, viewing=None)
        for device_id, frame in before.items()
        if device_id not in after
    ]
    return offline + [frame for device_id, frame in after.items() if before.get(device_id) != frame]


def _merged(entries: list[_Entry]) -> PresenceFrame:
    """Return one frame for a device with several entries: it views what it opened last."""
    latest = max(entries, key=lambda entry: (entry.viewing is not None, entry.updated_at))
    return PresenceFrame(who=latest.who, online=True, viewing=latest.viewing)
