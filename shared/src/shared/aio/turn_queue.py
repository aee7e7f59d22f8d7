"""Who is next: round robin over users, with bounds per user and in total. Pure: no clock, no tasks."""

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.errors import TransientError

T = TypeVar("T", bound=Hashable)


class UserBusy(TransientError):
    """The user has as many requests waiting as one user may have. Others are not affected."""


class AllBusy(TransientError):
    """As many requests are waiting as may wait in total, whoever they belong to."""


@dataclass(frozen=True, kw_only=True)
class TurnLimits:
    """How much may be done, and how much may wait.

    Raises:
        ValueError: a limit is below 1, and a waiting limit below 0.
    """

    slots: int
    """Turns at the same time, of all users."""
    slots_per_user: int
    """Turns at the same time of one user."""
    waiting_per_user: int
    waiting: int
    """Of all users."""

    def __post_init__(self) -> None:
        if min(self.slots, self.slots_per_user) < 1 or min(self.waiting, self.waiting_per_user) < 0:
            raise ValueError("slots must be at least 1, and waiting limits at least 0")


class TurnQueue(Generic[T]):
    """Gives turns to tickets of users. A ticket is in the queue from `enter` until `leave`.

    Users who wait stand in a row. A free slot goes to the first of them who has fewer than `slots_per_user` turns; who
    has more tickets goes to the end of the row. So a ticket that is its user's next waits for one turn of each other
    user at most, however many requests they have. A slot never stays free while somebody may take it.

    One user's tickets get their turns in the order in which they came.
    """

    def __init__(self, limits: TurnLimits) -> None:
        self._limits = limits
        self._running: dict[T, str] = {}
        self._running_of: dict[str, int] = {}
        self._waiting: dict[T, str] = {}
        self._row: OrderedDict[str, deque[T]] = OrderedDict()

    @property
    def running(self) -> int:
        """How many tickets have their turn."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many tickets wait."""
        return len(self._waiting)

    def is_at_limit(self, user_id: str) -> bool:
        """Return whether the user has as many turns as one user may have."""
        return self._running_of.get(user_id, 0) >= self._limits.slots_per_user

    def enter(self, user_id: str, ticket: T) -> bool:
        """Return whether it is the ticket's turn at once; otherwise it waits.

        Raises:
            UserBusy: too many tickets of this user wait already.
            AllBusy: too many tickets wait already.
        """
        assert ticket not in self._running
        assert ticket not in self._waiting
        # A free slot that this user may take is nobody else's: whoever waits then may not take it.
        if self.running < self._limits.slots and not self.is_at_limit(user_id):
            self._start(user_id, ticket)
            return True
        own = self._row.get(user_id, ())
        if len(own) >= self._limits.waiting_per_user:
            raise UserBusy("too many requests of this user wait for their turn")
        if self.waiting >= self._limits.waiting:
            raise AllBusy("too many requests wait for their turn")
        self._row.setdefault(user_id, deque()).append(ticket)
        self._waiting[ticket] = user_id
        return False

    def leave(self, ticket: T) -> T | None:
        """Remove a ticket, whether it waits or has its turn; return the ticket whose turn it is instead."""
        if (user_id := self._waiting.pop(ticket, None)) is not None:
            own = self._row[user_id]
            own.remove(ticket)
            if not own:
                del self._row[user_id]
            return None
        user_id = self._running.pop(ticket)
        self._running_of[user_id] -= 1
        if not self._running_of[user_id]:
            del self._running_of[user_id]
        return self._next()

    def _next(self) -> T | None:
        # Only users with turns are passed over, so this looks at no more users than there are slots, and one.
        user_id = next((user_id for user_id in self._row if not self.is_at_limit(user_id)), None)
        if user_id is None:
            return None
        own = self._row[user_id]
        ticket = own.popleft()
        if own:
            self._row.move_to_end(user_id)
        else:
            del self._row[user_id]
        del self._waiting[ticket]
        self._start(user_id, ticket)
        return ticket

    def _start(self, user_id: str, ticket: T) -> None:
        self._running[ticket] = user_id
        self._running_of[user_id] = self._running_of.get(user_id, 0) + 1
