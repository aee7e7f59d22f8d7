"""Marking conversations as read."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import uuid4

from store.repository.inbox import read_marks
from store.repository.inbox.read_marks import ReadMark
from store.repository.postgres.database import Database


class ReadMarkService:
    """Moves read marks and tells the user's other devices.

    Args:
        utc_now: the wall clock.
        notify_changed: called with the users whose inbox has changed.
    """

    def __init__(
        self,
        database: Database,
        *,
        utc_now: Callable[[], datetime],
        notify_changed: Callable[[Sequence[str]], None],
    ) -> None:
        self._database = database
        self._utc_now = utc_now
        self._notify_changed = notify_changed

    async def mark(self, user_id: str, conversation_id: str, up_to_seq: int) -> ReadMark | None:
        """Mark messages with IDs up to `up_to_seq` as read; repeating it changes nothing.

        Returns:
            How far the conversation is read now; None if there is no such conversation.

        Raises:
            DependencyUnavailable: Postgres is unavailable.
        """
        mark = await read_marks.mark_read(
            self._database,
            user_id,
            conversation_id,
            up_to_seq=up_to_seq,
            cause_id=uuid4().hex,
            now=self._utc_now(),
        )
        if mark is not None and mark.changed:
            self._notify_changed([user_id])
        return mark
