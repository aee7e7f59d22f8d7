"""Publishing of committed changes: long ranges, and changes that cannot be published."""

from collections.abc import Sequence

import pytest

from shared.contracts import Event, InboxPersistedV1
from shared.errors import DependencyUnavailable, SwitchboardError, TransientError
from store.core.publish_watermarks import SeqRange
from tests.integration.store.parts import Parts, RecordingPublisher, message, now


class RefusingPublisher(RecordingPublisher):
    """Refuses to publish the changes of one user."""

    def __init__(self, user_id: str, error: SwitchboardError) -> None:
        super().__init__()
        self._user_id = user_id
        self._error = error

    async def publish(self, events: Sequence[Event]) -> None:
        if any(isinstance(event, InboxPersistedV1) and event.user_id == self._user_id for event in events):
            raise self._error
        await super().publish(events)


async def write_log(parts: Parts, user_id: str, number: int) -> None:
    await parts.inbox([message("m-1", user=user_id)])
    await parts.execute(
        "INSERT INTO inbox_log SELECT user_id, s, kind, message_id, conversation_id, platform, page_id,"
        " 'cause-' || s, occurred_at, received_at, at FROM inbox_log, generate_series(2, :number) s"
        " WHERE user_id = :user_id AND seq = 1",
        user_id=user_id,
        number=number,
    )
    await parts.execute(
        "UPDATE inboxes SET last_seq = :number WHERE user_id = :user_id", user_id=user_id, number=number
    )
    parts.publisher.events.clear()


async def test_a_long_range_is_published_in_order(parts: Parts) -> None:
    await write_log(parts, "user-1", 1_300)
    await write_log(parts, "user-2", 3)
    await parts.outbox.publish([SeqRange("user-2", 1, 3), SeqRange("user-1", 1, 1_300)], {})
    assert parts.publisher.seqs("user-1") == list(range(1, 1_301))
    assert parts.publisher.seqs("user-2") == [1, 2, 3]


async def test_a_missing_log_row_fails_the_publish(parts: Parts) -> None:
    await write_log(parts, "user-1", 3)
    with pytest.raises(TransientError):
        await parts.outbox.publish([SeqRange("user-1", 1, 4)], {})
    assert parts.publisher.seqs() == []


@pytest.mark.parametrize("error", [TransientError("it is too long"), DependencyUnavailable("it takes too long")])
async def test_a_failing_user_does_not_delay_others(parts: Parts, error: SwitchboardError) -> None:
    for user_id in ("user-1", "user-2", "user-3"):
        await parts.inbox([message("m-1", user=user_id)])
    await parts.execute("UPDATE inboxes SET published_seq = 0")
    await parts.execute("UPDATE inbox_log SET at = now() - interval '1 minute'")
    refusing = RefusingPublisher("user-2", error)
    parts.outbox._publisher = refusing

    parts.outbox.wake(["user-2"])
    assert await parts.outbox.run_once() == 2
    assert (refusing.seqs("user-1"), refusing.seqs("user-3")) == ([1], [1])
    assert await parts.rows("SELECT user_id FROM inboxes WHERE published_seq < last_seq") == [("user-2",)]


async def test_a_scan_fails_when_the_broker_is_unavailable(parts: Parts) -> None:
    await parts.inbox([message("m-1", user=f"user-{number}") for number in range(5)])
    await parts.execute("UPDATE inboxes SET published_seq = 0")
    await parts.execute("UPDATE inbox_log SET at = :at", at=now().replace(year=2020))
    parts.publisher.is_unavailable = True
    with pytest.raises(DependencyUnavailable):
        await parts.outbox.run_once()
