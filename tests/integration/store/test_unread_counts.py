"""Unread messages are incoming, not unsent and above the read mark, after any concurrent history."""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts import InboxEnrichedV1, conversation_id, derive_id
from shared.contracts.items import UnsendItem
from store.repository.inbox import read_marks
from store.repository.postgres.database import Database
from tests.builders import inbox_enriched
from tests.integration.store.parts import Parts, at, message, now

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(600)]

PERSON = "person-1"
_RUNS = count(1)


class MessageChange(NamedTuple):
    """A message is received, sent or unsent."""

    what: str
    number: int
    second: int


class Read(NamedTuple):
    """A device marks everything up to this seq as read."""

    up_to_seq: int


Step = list[MessageChange] | Read
"""A batch of message changes, or one read mark."""

_NUMBERS = st.integers(0, 4)
_TOLD = st.builds(
    MessageChange,
    st.sampled_from(["incoming", "incoming", "incoming", "outgoing", "unsent"]),
    _NUMBERS,
    st.integers(0, 9),
)
_STEPS = st.lists(_TOLD, min_size=1, max_size=8) | st.builds(Read, st.integers(0, 6) | st.sampled_from([9, 2**63 - 1]))
_ROUNDS = st.integers(3, 7).flatmap(
    lambda number: st.lists(st.lists(_STEPS, min_size=1, max_size=3), min_size=number, max_size=number)
)
"""The steps of a round run concurrently. Hypothesis prefers short lists, so the number of rounds is drawn first."""


def _event(user: str, told: MessageChange) -> InboxEnrichedV1:
    """Return the event of a change; a repeated change is the same event, a duplicate."""
    mid = f"{told.what}-{told.number}"
    if told.what == "unsent":
        item = UnsendItem(message_id=f"incoming-{told.number}", unsent_at=at(60))
        return inbox_enriched(
            id=derive_id("unsend", user, mid),
            user_id=user,
            conversation_id=conversation_id("facebook", user, PERSON),
            participant=None,
            item=item,
        )
    direction = "outgoing" if told.what == "outgoing" else "incoming"
    sender = "page-1" if direction == "outgoing" else PERSON
    return message(mid, user=user, person=PERSON, direction=direction, sender_id=sender, created_at=at(told.number % 5))


async def _apply(parts: Parts, user: str, step: Step, marks: list[read_marks.ReadMark]) -> None:
    if isinstance(step, Read):
        marked = await read_marks.mark_read(
            parts.database,
            user,
            conversation_id("facebook", user, PERSON),
            up_to_seq=step.up_to_seq,
            cause_id=f"read {len(marks)}",
            now=now(),
        )
        if marked is not None:
            marks.append(marked)
    else:
        await parts.inbox([_event(user, told) for told in step])


async def _unread_state(parts: Parts, user: str) -> tuple[int, int, int] | None:
    """Return the stored unread count, the count of unread rows and the read mark, or None without a conversation."""
    rows = await parts.rows(
        """
        SELECT c.unread_count, c.read_seq,
               (SELECT count(*) FROM messages m WHERE m.user_id = c.user_id AND m.conversation_id = c.conversation_id
                AND m.direction = 'incoming' AND m.deleted_at IS NULL AND m.id > c.read_seq)
        FROM conversations c WHERE c.user_id = :user_id
        """,
        user_id=user,
    )
    return (rows[0][0], rows[0][2], rows[0][1]) if rows else None


async def _check(parts: Parts, rounds: Sequence[Sequence[Step]]) -> None:
    user = f"run-{next(_RUNS)}"
    marks: list[read_marks.ReadMark] = []
    highest = 0
    for steps in rounds:
        await asyncio.gather(*(_apply(parts, user, step, marks) for step in steps))
        state = await _unread_state(parts, user)
        if state is None:
            continue
        shown, counted, read_seq = state
        assert shown == counted
        assert read_seq == max([highest, *(mark.read_seq for mark in marks)]), "it never moves back"
        highest = read_seq
    log = await parts.rows("SELECT seq, kind FROM inbox_log WHERE user_id = :user_id ORDER BY seq", user_id=user)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    told = sum(kind == "conversation_updated" for _, kind in log)
    assert told == sum(mark.changed for mark in marks), "what changes the count is told, once, and nothing else is"
    await _check_reading_to_the_end(parts, user, len(log))


async def _check_reading_to_the_end(parts: Parts, user: str, last_seq: int) -> None:
    """Read to the end twice: the first read clears the unread count, the second changes nothing."""
    state = await _unread_state(parts, user)
    if state is None:
        return
    marks: list[read_marks.ReadMark] = []
    for _ in range(2):
        await _apply(parts, user, Read(2**63 - 1), marks)
    assert [mark.changed for mark in marks] == [state[0] > 0, False]
    after: Any = await _unread_state(parts, user)
    assert after[:2] == (0, 0)
    assert await parts.rows("SELECT last_seq FROM inboxes WHERE user_id = :user_id", user_id=user) == [
        (last_seq + (state[0] > 0),)
    ]


def test_the_unread_count_equals_the_unread_rows_under_concurrency(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database(database_url, pool_size=6, command_timeout_seconds=20)
        parts = Parts(database)

        @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
        @given(_ROUNDS)
        def holds(rounds: list[list[Step]]) -> None:
            runner.run(_check(parts, rounds))

        try:
            holds()
        finally:
            runner.run(database.close())
