"""Order and repetition do not matter.

Items of every kind and actor reach the store in any order, any number of times, in any webhooks and batches, through
several concurrent workers, some of which die between commit and publish. In the end:

- The stored facts are the same, by the canonical hash, which omits what depends on arrival alone (numbers, read marks).
- They are the right facts, as computed from the whole history at once.
- A client that followed the frames of the event log, as first published or as rendered now, has exactly what a fresh
  read over REST returns, and the seqs of the frames have no holes.
- Every received item is accounted for.
"""

import asyncio
import json
import os
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from difflib import unified_diff
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from shared.contracts import InboxEnrichedV1, ProfileResolvedV1
from tests.convergence import expected
from tests.convergence.arrangements import Arrangement, arrangements, events_of, in_order
from tests.convergence.bookkeeping import check_items, check_sums
from tests.convergence.facts import facts_of
from tests.convergence.histories import History, histories
from tests.convergence.reducer import Json, Screen, fold, time_of
from tests.convergence.store import Store, open_store
from tests.convergence.words import CONFIDENTIAL

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(900)]
"""Shrinking a failure takes much longer than a run without one."""

_NUMBERS = count(1)


@st.composite
def arranged_histories(draw: st.DrawFn) -> tuple[History, list[Arrangement]]:
    history = draw(histories())
    return history, draw(st.lists(arrangements(history), min_size=1, max_size=2))


def test_order_and_repetition_do_not_matter(database_url: str) -> None:
    _run_property(database_url, examples=60)


@pytest.mark.property
def test_order_and_repetition_do_not_matter_in_many_examples(database_url: str) -> None:
    _run_property(database_url, examples=int(os.environ.get("SWITCHBOARD_PROPERTY_EXAMPLES", "2000")))


def _run_property(database_url: str, *, examples: int) -> None:
    """Run the property and print its seed; SWITCHBOARD_PROPERTY_SEED repeats the same run."""
    chosen = int(os.environ.get("SWITCHBOARD_PROPERTY_SEED") or random.SystemRandom().getrandbits(32))
    print(f"SWITCHBOARD_PROPERTY_SEED={chosen} examples={examples}")  # noqa: T201 - shown when it fails
    with asyncio.Runner() as runner, _running(runner, database_url) as store:

        @seed(chosen)
        @settings(
            max_examples=examples,
            deadline=None,
            print_blob=True,
            phases=[phase for phase in Phase if phase is not Phase.explain],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(arranged_histories())
        def holds(example: tuple[History, list[Arrangement]]) -> None:
            history, others = example
            runner.run(_check(store, history, others))

        holds()
        runner.run(check_sums(store))


@contextmanager
def _running(runner: asyncio.Runner, database_url: str) -> Iterator[Store]:
    stack = AsyncExitStack()
    store = runner.run(stack.enter_async_context(open_store(database_url)))
    try:
        yield store
    finally:
        runner.run(stack.aclose())


async def _check(store: Store, history: History, others: list[Arrangement]) -> None:
    reference = await _facts_after(store, history, in_order(history))
    for arrangement in others:
        found = await _facts_after(store, history, arrangement)
        assert found == reference, _difference(reference, found)


async def _facts_after(store: Store, history: History, arrangement: Arrangement) -> list[str]:
    """Deliver `history` as arranged to new users; return the stored facts, one per line."""
    run = next(_NUMBERS)
    user_ids = [f"run-{run}-{number}" for number in range(history.users)]
    events = events_of(history, arrangement, user_ids=user_ids)
    await store.deliver(
        events, batch_sizes=arrangement.batch_sizes, workers=arrangement.workers, crashes=arrangement.crashes
    )
    for user_id in user_ids:
        fresh = await _check_frames(store, user_id)
        _check_counts(fresh)
        expected.check(
            fresh,
            [
                event
                for event in events
                if isinstance(event, InboxEnrichedV1 | ProfileResolvedV1) and event.user_id == user_id
            ],
        )
        await _check_erased(store, user_id)
    await check_items(store, events, user_ids)
    store.forget_published()
    return [f"user {number} {fact}" for number, user in enumerate(user_ids) for fact in await facts_of(store, user)]


async def _check_frames(store: Store, user_id: str) -> Screen:
    """Check the frames against a fresh read, and return it."""
    fresh = await store.screen(user_id)
    log = await store.log(user_id)
    published = store.published(user_id)
    assert [frame["seq"] for frame in log] == list(range(1, len(log) + 1))
    assert sorted(published) == list(range(1, len(log) + 1)), "every change is published"
    forwards = [published[seq] for seq in sorted(published)]
    for name, frames in (("rendered now", log), ("as published", forwards), ("backwards", forwards[::-1])):
        screen = fold(frames)
        assert screen.conversations == fresh.conversations, name + _json_difference(
            screen.conversations, fresh.conversations
        )
        assert screen.messages == fresh.messages, name + _json_difference(screen.messages, fresh.messages)
    _check_numbers(fresh, log)
    return fresh


def _check_numbers(fresh: Screen, log: list[Json]) -> None:
    """Check that objects have the seq of their last frame, and messages also the ID of their first."""
    for conversation_id, conversation in fresh.conversations.items():
        about = [frame["seq"] for frame in log if frame["data"]["conversation"]["conversation_id"] == conversation_id]
        assert conversation["last_seq"] == about[-1]
    for number, message in fresh.messages.items():
        about = [frame["seq"] for frame in log if frame["data"].get("message", {}).get("id") == number]
        assert (message["id"], message["seq"]) == (about[0], about[-1])


def _check_counts(fresh: Screen) -> None:
    for conversation in fresh.conversations.values():
        mine = [m for m in fresh.messages.values() if m["conversation_id"] == conversation["conversation_id"]]
        unread = [m for m in mine if m["direction"] == "incoming" and m["deleted_at"] is None]
        assert conversation["unread_count"] == len(unread)
        newest = max(mine, key=lambda m: (time_of(m), m["message_id"], m["page_id"], m["kind"]))
        assert conversation["last_message"] == newest
        assert conversation["last_message_at"] == newest["created_at"]


async def _check_erased(store: Store, user_id: str) -> None:
    """Check that no row of an unsent message has its text."""
    rows = await store.rows(
        "SELECT to_jsonb(m)::text FROM messages m WHERE user_id = :user AND deleted_at IS NOT NULL UNION ALL"
        " SELECT annotations::text FROM waiting_annotations WHERE user_id = :user AND annotations ? 'deleted_at'",
        user=user_id,
    )
    for (row,) in rows:
        assert not [text for text in CONFIDENTIAL if text in row], row


def _json_difference(one: object, other: object) -> str:
    return _difference(*(json.dumps(side, indent=1, sort_keys=True, default=str).splitlines() for side in (one, other)))


def _difference(one: list[str], other: list[str]) -> str:
    return "\n" + "\n".join(unified_diff(one, other, "expected", "found", lineterm="", n=3))
