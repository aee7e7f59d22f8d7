"""Who of a user's people is there. Pure: what happens comes in with its time, and what the others are to hear goes out.

A person is a device: what names itself alike is one, in however many sessions, on however many gateways. Nothing of it
is stored or certain: a gateway's word counts for `Terms.remote_seconds`, and a device that has gone counts as there for
`Terms.grace_seconds`, so that a reconnect is silent.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeVar

from shared.contracts.inbox import PresenceFrame, Who

KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things count, and how many."""

    grace_seconds: float = 5.0
    remote_seconds: float = 50.0
    people: int = 50
    """Devices of one user that are shown."""
    remote_entries: int = 100
    """Of one user, over all other gateways."""


@dataclass(slots=True)
class _Present:
    """One session here, or one device on another gateway."""

    who: Who
    viewing: str | None
    said_at: float
    until: float | None = None
    """When it stops counting; None while it lasts."""


class People:
    """The people of one user, as the sessions of this gateway see them.

    Every method returns what is new, for all sessions but those of the device itself.
    """

    __slots__ = ("_here", "_known", "_remote", "_said", "_terms")

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._here: dict[Hashable, _Present] = {}
        self._remote: dict[tuple[str, str], _Present] = {}
        self._known: dict[str, PresenceFrame] = {}
        self._said: dict[str, PresenceFrame] = {}

    def __len__(self) -> int:
        """How many entries it holds."""
        return len(self._here) + len(self._remote)

    @property
    def is_deserted(self) -> bool:
        """Whether nobody of this gateway is there, or was a moment ago."""
        return not self._here

    @property
    def ends(self) -> bool:
        """Whether `tick` has something to wait for."""
        return bool(self._remote) or any(present.until is not None for present in self._here.values())

    def came(self, session: Hashable, who: Who, now: float) -> list[PresenceFrame]:
        """A session has begun. What its device left behind moments ago is taken up."""
        left = [key for key, entry in self._here.items() if entry.until is not None and entry.who.id == who.id]
        viewing = None
        for key in left:
            viewing = self._here.pop(key).viewing
        self._here[session] = _Present(who, viewing, now)
        return self._changes(now)

    def views(self, session: Hashable, conversation_id: str | None, now: float) -> list[PresenceFrame]:
        """A session looks at something else."""
        present = self._here.get(session)
        if present is None or present.until is not None:
            return []
        present.viewing, present.said_at = conversation_id, now
        return self._changes(now)

    def went(self, session: Hashable, now: float) -> None:
        """A session has ended; it counts as there for the grace. Of too many such the oldest are forgotten at once."""
        present = self._here.get(session)
        if present is None or present.until is not None:
            return
        leaving = [key for key, entry in self._here.items() if entry.until is not None]
        for key in leaving[: max(0, len(leaving) + 1 - self._terms.people)]:
            del self._here[key]
        present.until = now + self._terms.grace_seconds

    def heard(
        self, gateway_id: str, who: Who, *, online: bool, viewing: str | None, now: float
    ) -> tuple[list[PresenceFrame], bool]:
        """Another gateway says how one of its devices is. Also returns whether that gateway is new to this user."""
        is_new = all(known != gateway_id for known, _ in self._remote)
        key = (gateway_id, who.id)
        if online:
            if key not in self._remote and len(self._remote) >= self._terms.remote_entries:
                return [], False
            known = self._remote.get(key)
            said_at = known.said_at if known is not None and known.viewing == viewing else now
            self._remote[key] = _Present(who, viewing, said_at, now + self._terms.remote_seconds)
        else:
            self._remote.pop(key, None)
        return self._changes(now), is_new and online

    def tick(self, now: float) -> list[PresenceFrame]:
        """Forget what does not count any more."""
        return self._changes(now)

    def others(self, who_id: str) -> list[PresenceFrame]:
        """Return who is there beside `who_id`: for a session that has just begun."""
        return [frame for known, frame in self._known.items() if known != who_id]

    def here(self, now: float) -> list[PresenceFrame]:
        """Return the devices of this gateway, for the other ones, which need to be told again and again."""
        return [_shown(entries) for entries in self._by_device(now, here_only=True).values()]

    def news(self, now: float) -> list[PresenceFrame]:
        """Return what has changed about the devices of this gateway since the last call, for the other gateways."""
        before, self._said = self._said, {frame.who.id: frame for frame in self.here(now)}
        return _differences(before, self._said)

    def _changes(self, now: float) -> list[PresenceFrame]:
        """Return how what is known differs from what was."""
        _drop_over(self._here, now)
        _drop_over(self._remote, now)
        before = self._known
        present = {who_id: _shown(entries) for who_id, entries in self._by_device(now, here_only=False).items()}
        self._known = dict(list(present.items())[: self._terms.people])
        return _differences(before, self._known)

    def _by_device(self, now: float, *, here_only: bool) -> dict[str, list[_Present]]:
        devices: dict[str, list[_Present]] = {}
        for entry in [*self._here.values(), *([] if here_only else self._remote.values())]:
            if entry.until is None or entry.until > now:
                devices.setdefault(entry.who.id, []).append(entry)
        return devices


def _drop_over(entries: dict[KeyT, _Present], now: float) -> None:
    for key in [key for key, entry in entries.items() if entry.until is not None and entry.until <= now]:
        del entries[key]


def _differences(before: dict[str, PresenceFrame], after: dict[str, PresenceFrame]) -> list[PresenceFrame]:
    gone = [
        PresenceFrame(who=frame.who, online=False, viewing=None)
        for who_id, frame in before.items()
        if who_id not in after
    ]
    return gone + [frame for who_id, frame in after.items() if before.get(who_id) != frame]


def _shown(entries: list[_Present]) -> PresenceFrame:
    """Return how a device is shown that is there several times: with what it looked at last."""
    latest = max(entries, key=lambda entry: (entry.viewing is not None, entry.said_at))
    return PresenceFrame(who=latest.who, online=True, viewing=latest.viewing)
