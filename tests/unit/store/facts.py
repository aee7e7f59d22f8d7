"""Arrivals for tests of the merge, and a store in memory that applies what it decides."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st

from shared.contracts import Profile, conversation_id
from store.core.facts import Arrival, Cause, MessageFact, NaturalKey
from store.core.merge import merge
from store.core.rows import Changes, ConversationKey, ConversationRow, Loaded, LogEntry, MessageRow, ParticipantKey
from tests.builders import NOON

USERS = ("user-1", "user-2")
PEOPLE = ("person-1", "person-2")


def at(second: int) -> Any:
    return NOON + timedelta(seconds=second)


def profile(name: str | None = "Ada", *, second: int = 0) -> Profile:
    return Profile(name=name, fetched_at=at(second))


def arrival(
    cause: str = "c-1",
    *,
    user: str = "user-1",
    person: str = "person-1",
    message: MessageFact | None = None,
    **more: Any,
) -> Arrival:
    default = {
        "page_id": "page-1",
        "platform": "facebook",
        "conversation_id": conversation_id("facebook", user, person),
        "participant_id": person,
    }
    return Arrival(cause=Cause(cause, NOON, NOON), user_id=user, message=message, **{**default, **more})


def message(mid: str = "m-1", *, user: str = "user-1", **changes: Any) -> MessageFact:
    default = {
        "key": NaturalKey(user, "facebook", "page-1", "message", mid),
        "direction": "incoming",
        "sender_id": "person-1",
        "content": f"text of {mid}",
        "created_at": NOON,
        "attachments": (),
        "reply_to": None,
    }
    return MessageFact(**{**default, **changes})


class Memory:
    """What Postgres does with the decisions of the merge."""

    def __init__(self) -> None:
        self.last_seqs = dict.fromkeys(USERS, 0)
        self.messages: dict[NaturalKey, MessageRow] = {}
        self.conversations: dict[ConversationKey, ConversationRow] = {}
        self.waiting: dict[ParticipantKey, Profile] = {}
        self.log: list[LogEntry] = []
        self.refused: dict[str, str] = {}

    def take(self, arrivals: Sequence[Arrival]) -> Changes:
        loaded = Loaded(
            last_seqs=dict(self.last_seqs),
            messages=dict(self.messages),
            conversations=dict(self.conversations),
            waiting_profiles=dict(self.waiting),
        )
        changes = merge(loaded, arrivals)
        self.messages |= {row.key: row for row in (*changes.new_messages, *changes.changed_messages)}
        self.conversations |= {row.key: row for row in changes.conversations}
        for key in changes.claimed_profiles:
            del self.waiting[key]
        self.waiting |= changes.waiting_profiles
        self.log += changes.log
        self.last_seqs |= changes.last_seqs
        self.refused |= changes.refused
        return changes

    def facts(self) -> object:
        """What a user can see, apart from numbers that tell in which order it came."""
        by_id = {(row.key.user_id, row.id): row.key for row in self.messages.values()}
        return (
            {key: msgspec.structs.replace(row, id=0, seq=0) for key, row in self.messages.items()},
            {
                key: (
                    msgspec.structs.replace(row, last_message_id=0, last_seq=0),
                    by_id[key.user_id, row.last_message_id],
                )
                for key, row in self.conversations.items()
            },
            self.waiting,
        )


def numbered(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Give every arrival a cause of its own."""
    return [msgspec.structs.replace(one, cause=Cause(f"c-{i}", NOON, NOON)) for i, one in enumerate(arrivals)]


_profiles = st.builds(profile, st.sampled_from(["Ada", "Grace", None]).filter(bool), second=st.integers(0, 2))


@st.composite
def _arrivals(draw: st.DrawFn) -> Arrival:
    user = draw(st.sampled_from(USERS))
    person = draw(st.sampled_from(PEOPLE))
    if draw(st.booleans()):
        return arrival(user=user, person=person, profile=draw(_profiles))
    # A platform's id belongs to one person and one direction; what it says of it, and when, varies.
    number = draw(st.integers(0, 3))
    direction = "incoming" if number % 2 else "outgoing"
    told = message(
        f"{person}-{number}",
        user=user,
        direction=direction,
        content=draw(st.sampled_from(["hello", "hello!", None])),
        created_at=at(draw(st.integers(0, 2))),
    )
    return arrival(user=user, person=person, message=told, profile=draw(st.none() | _profiles))


histories = st.lists(_arrivals(), max_size=12).map(numbered)
