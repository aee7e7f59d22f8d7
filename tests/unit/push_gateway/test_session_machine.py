import pytest

from push_gateway.core import (
    ClientMessage,
    Close,
    Count,
    CountedEvent,
    Effect,
    FetchLog,
    SessionLimits,
    SessionMachine,
    VerifyToken,
    frames,
)
from push_gateway.core.client_frames import Typing
from push_gateway.core.close_codes import CloseCode
from tests.unit.push_gateway.wire import frame, page, sent, seqs

CAPACITY = 10_000
LIMITS = SessionLimits(reorder_frames=4, drained_capacity_bytes=CAPACITY // 2)


def session(after: int | None = None, epoch: str | None = None, expires_at: float = 1e9) -> SessionMachine:
    return SessionMachine(after=after, epoch=epoch, expires_at=expires_at, heartbeat_seconds=20.0, limits=LIMITS)


def live(after: int = 5) -> SessionMachine:
    opened = session(after)
    opened.start()
    opened.on_log_page(page(after), 0.0, CAPACITY)
    return opened


def fetches(effects: list[Effect]) -> list[int | None]:
    return [effect.after for effect in effects if isinstance(effect, FetchLog)]


def test_without_a_position_a_session_starts_at_the_top() -> None:
    opening = session()

    assert opening.start() == [FetchLog(None)]
    [hello] = sent(opening.on_log_page(page(9), 0.0, CAPACITY))

    assert hello["data"]["seq"] == 9
    assert hello["data"]["resumed"] is False
    assert opening.sent_seq == 9


def test_with_a_position_a_session_sends_everything_after_it() -> None:
    opening = session(5, "e1")

    assert opening.start() == [FetchLog(5)]
    effects = opening.on_log_page(page(5, 6, 7), 0.0, CAPACITY)

    assert [message["type"] for message in sent(effects)] == ["hello", "new_message", "new_message"]
    assert sent(effects)[0]["data"]["resumed"] is True
    assert seqs(effects) == [6, 7]
    assert Count(CountedEvent.RESUMED) in effects


def test_events_that_arrive_before_the_log_are_sent_after_it() -> None:
    opening = session(5, "e1")
    opening.start()

    assert opening.on_event(frame(8), 0.0, CAPACITY) == []
    assert opening.on_event(frame(7), 0.0, CAPACITY) == []
    assert seqs(opening.on_log_page(page(5, 6, 7), 0.0, CAPACITY)) == [6, 7, 8]


@pytest.mark.parametrize(("after", "epoch"), [(None, None), (5, None), (5, "e0")])
def test_events_that_may_belong_to_an_earlier_epoch_are_read_from_the_log(after: int | None, epoch: str | None) -> None:
    opening = session(after, epoch)
    opening.start()
    opening.on_event(frame(8), 0.0, CAPACITY)

    effects = opening.on_log_page(page(7) if after is None else page(5, 6, 7), 0.0, CAPACITY)

    assert 8 not in seqs(effects)
    assert opening.sent_seq == 7
    assert fetches(effects) + fetches(opening.tick(1.0, CAPACITY)) == [7]


def test_a_long_log_is_read_page_by_page() -> None:
    opening = session(0)
    opening.start()

    assert fetches(opening.on_log_page(page(0, 1, 2, top=5), 0.0, CAPACITY)) == [2]
    assert seqs(opening.on_log_page(page(2, 3, 4, 5), 0.0, CAPACITY)) == [3, 4, 5]


def test_a_position_before_the_floor_is_reset() -> None:
    opening = session(2)
    opening.start()

    effects = opening.on_log_page(page(2, 6, 7, floor=5), 0.0, CAPACITY)

    hello, reset = sent(effects)
    assert hello["data"]["resumed"] is False
    assert reset == {"type": "reset", "data": {"seq": 7, "epoch": "e1", "reason": "log_pruned"}}
    assert opening.sent_seq == 7
    assert Count(CountedEvent.RESET) in effects


def test_a_position_of_another_epoch_is_reset() -> None:
    opening = session(2, "e0")
    opening.start()

    assert sent(opening.on_log_page(page(2, 3), 0.0, CAPACITY))[1]["data"]["reason"] == "epoch_changed"


def test_a_position_above_the_top_is_reset() -> None:
    opening = session(20)
    opening.start()

    reset = sent(opening.on_log_page(page(20, top=7), 0.0, CAPACITY))[1]

    assert reset["data"] == {"seq": 7, "epoch": "e1", "reason": "position_unknown"}


def test_the_next_event_takes_the_fast_path() -> None:
    session_at_5 = live(5)

    assert session_at_5.take_if_next(6)
    assert session_at_5.sent_seq == 6
    assert not session_at_5.take_if_next(6)
    assert not session_at_5.take_if_next(8)


def test_a_duplicate_is_dropped() -> None:
    assert live(5).on_event(frame(5), 0.0, CAPACITY) == []


def test_events_out_of_order_are_reordered_without_a_query() -> None:
    session_at_5 = live(5)

    assert session_at_5.on_event(frame(7), 0.0, CAPACITY) == []
    assert session_at_5.wake_at == LIMITS.gap_wait_seconds
    assert seqs(session_at_5.on_event(frame(6), 0.01, CAPACITY)) == [6, 7]
    assert session_at_5.tick(0.05, CAPACITY) == []


def test_a_gap_is_read_from_the_log_once() -> None:
    session_at_5 = live(5)
    session_at_5.on_event(frame(7), 0.0, CAPACITY)

    assert session_at_5.tick(0.01, CAPACITY) == []
    assert session_at_5.tick(0.03, CAPACITY) == [Count(CountedEvent.GAP), FetchLog(5)]
    assert session_at_5.on_event(frame(8), 0.04, CAPACITY) == []
    assert session_at_5.tick(9.0, CAPACITY) == []
    assert seqs(session_at_5.on_log_page(page(5, 6, 7), 9.1, CAPACITY)) == [6, 7, 8]


def test_the_reorder_buffer_is_bounded_and_no_event_is_skipped() -> None:
    session_at_5 = live(5)
    for seq in range(7, 20):
        session_at_5.on_event(frame(seq), 0.0, CAPACITY)
    session_at_5.tick(0.03, CAPACITY)

    assert len(session_at_5._reorder_buffer) == LIMITS.reorder_frames
    effects = session_at_5.on_log_page(page(5, 6, top=19), 60.0, CAPACITY)

    assert seqs(effects) == [6, 7, 8, 9, 10]
    assert fetches(effects) == [10]


def test_a_page_that_starts_after_the_position_is_ignored() -> None:
    session_at_5 = live(5)
    session_at_5.on_event(frame(9), 0.0, CAPACITY)

    assert session_at_5.on_log_page(page(7, 8, 9), 0.0, CAPACITY) == []


def test_a_missing_event_is_fetched_with_growing_delays_and_then_given_up() -> None:
    session_at_5 = live(5)
    session_at_5.on_event(frame(7), 0.0, CAPACITY)
    now, asked = 0.0, 0
    while asked < 50 and session_at_5.wake_at < 1e6:
        now = session_at_5.wake_at
        if fetches(session_at_5.tick(now, CAPACITY)):
            asked += 1
            session_at_5.on_log_page(page(5), now, CAPACITY)

    assert asked == LIMITS.max_empty_fetches + 1
    assert session_at_5.sent_seq == 5


def test_the_top_reveals_the_loss_of_the_last_event() -> None:
    session_at_5 = live(5)

    assert session_at_5.on_top("e1", 6, 100.0) == []
    assert session_at_5.tick(100.03, CAPACITY) == [Count(CountedEvent.GAP), FetchLog(5)]


def test_an_event_that_arrives_just_after_the_top_costs_no_query() -> None:
    session_at_5 = live(5)
    session_at_5.on_top("e1", 6, 100.0)

    assert seqs(session_at_5.on_event(frame(6), 100.01, CAPACITY)) == [6]
    assert session_at_5.tick(100.03, CAPACITY) == []


def test_a_restored_database_resets_live_sessions() -> None:
    session_at_5 = live(5)
    session_at_5.on_event(frame(9), 0.0, CAPACITY)

    [reset] = sent(session_at_5.on_top("e2", 3, 0.0))

    assert reset["data"] == {"seq": 3, "epoch": "e2", "reason": "epoch_changed"}
    assert session_at_5.take_if_next(4)


def test_a_heartbeat_carries_the_last_seq_that_was_sent() -> None:
    session_at_5 = live(5)
    session_at_5.on_event(frame(9), 0.0, CAPACITY)

    assert sent(session_at_5.heartbeat(0.0, CAPACITY)) == [{"type": "heartbeat", "data": {"seq": 5}}]
    assert session(5).heartbeat(0.0, CAPACITY) == []


def test_a_session_with_a_full_write_buffer_pauses_and_continues_from_the_log() -> None:
    session_at_5 = live(5)

    assert session_at_5.on_event(frame(6), 0.0, 0) == [Count(CountedEvent.LAGGING)]
    assert session_at_5.on_event(frame(7), 0.0, CAPACITY) == []
    assert not session_at_5.take_if_next(6)
    assert len(session_at_5._reorder_buffer) == 0, "a paused session buffers nothing but what is in its write buffer"
    assert session_at_5.on_drained(10.0) == [FetchLog(5)]
    assert seqs(session_at_5.on_log_page(page(5, 6, 7), 10.0, CAPACITY)) == [6, 7]


def test_a_page_is_sent_as_far_as_the_write_buffer_allows() -> None:
    session_at_5 = live(5)
    session_at_5.on_top("e1", 8, 0.0)

    effects = session_at_5.on_log_page(page(5, 6, 7, 8), 0.0, 1)

    assert seqs(effects) == [6]
    assert effects[-1] == Count(CountedEvent.LAGGING)
    assert session_at_5.on_drained(1.0) == [FetchLog(6)]


def test_a_session_that_does_not_drain_is_closed() -> None:
    session_at_5 = live(5)
    session_at_5.heartbeat(0.0, 0)

    now = 0.0
    while not (effects := session_at_5.tick(now, 0)):
        now = max(session_at_5.wake_at, now + 0.001)

    assert effects == [Close(CloseCode.TOO_SLOW, "too slow: resume after the last frame")]
    assert now == LIMITS.lagging_seconds


def test_a_session_notices_by_itself_that_it_has_drained() -> None:
    session_at_5 = live(5)
    session_at_5.on_event(frame(6), 0.0, 0)

    assert session_at_5.tick(session_at_5.wake_at, CAPACITY) == [FetchLog(5)]


def test_a_session_has_drained_when_most_of_its_write_buffer_is_free() -> None:
    session_at_5 = live(5)
    assert not session_at_5.has_drained(CAPACITY)

    session_at_5.on_event(frame(6), 0.0, 0)

    assert not session_at_5.has_drained(CAPACITY // 2 - 1)
    assert session_at_5.has_drained(CAPACITY // 2)


def test_an_expired_token_closes_the_session() -> None:
    opening = session(expires_at=60.0)

    assert opening.tick(59.9, CAPACITY) == []
    assert opening.tick(60.0, CAPACITY) == [Close(CloseCode.BAD_TOKEN, "token expired")]
    assert opening.tick(61.0, CAPACITY) == []


def test_a_new_token_keeps_the_session_open() -> None:
    opening = session(expires_at=60.0)

    assert opening.on_message('{"type":"auth","token":"next"}', CAPACITY) == [VerifyToken("next")]
    opening.on_token_renewed(120.0)

    assert opening.tick(60.0, CAPACITY) == []
    assert opening.wake_at == 120.0


def test_a_ping_is_answered_and_other_frames_are_not() -> None:
    assert sent(live().on_message("ping", CAPACITY)) == [{"type": "pong"}]
    assert live().on_message('{"type":"typing","conversation_id":"c"}', CAPACITY) == [
        ClientMessage(Typing(conversation_id="c"))
    ]


def test_a_session_closed_before_its_start_fetches_nothing() -> None:
    opening = session(3, "e1")
    opening.close(CloseCode.BAD_FRAME, "too many bytes")
    assert opening.start() == []


def test_an_unknown_frame_closes_the_socket() -> None:
    session_at_5 = live()

    assert session_at_5.on_message("nonsense", CAPACITY) == [Close(CloseCode.BAD_FRAME, "not a known frame")]
    assert session_at_5.on_event(frame(6), 0.0, CAPACITY) == []
    assert not session_at_5.take_if_next(6)


def test_pages_for_a_tab_far_behind_do_not_count_as_empty_fetches() -> None:
    ahead = live(500)
    ahead.on_top("e1", 501, 0.0)

    for start in range(LIMITS.max_empty_fetches * 3):
        assert fetches(ahead.tick(ahead.wake_at, CAPACITY)) == [500], "it keeps fetching, without growing delays"
        ahead.on_log_page(page(start, start + 1, top=501), float(start), CAPACITY)
        assert ahead.wake_at == start + LIMITS.gap_wait_seconds
    assert seqs(ahead.on_log_page(page(500, 501), 100.0, CAPACITY)) == [501]


def test_a_page_for_another_session_does_not_make_a_position_unknown() -> None:
    opening = session(5, "e1")
    opening.start()

    assert opening.on_log_page(page(3), 0.0, CAPACITY) == [FetchLog(5)], (
        "it may have been read before the client was at 5"
    )
    assert sent(opening.on_log_page(page(5), 0.0, CAPACITY))[0]["data"]["resumed"] is True


def test_an_ephemeral_frame_is_sent_only_if_the_write_buffer_has_capacity() -> None:
    assert sent(live().send_ephemeral(frames.PONG, CAPACITY)) == [{"type": "pong"}]
    assert live().send_ephemeral(frames.PONG, len(frames.PONG.payload)) == []
    assert session(5).send_ephemeral(frames.PONG, CAPACITY) == []


def test_a_closed_session_takes_nothing_and_is_closed_once() -> None:
    closed = live(5)
    assert closed.close(CloseCode.BAD_FRAME, "too many bytes") == [Close(CloseCode.BAD_FRAME, "too many bytes")]

    assert closed.close(CloseCode.BAD_TOKEN, "token expired") == []
    assert closed.on_event(frame(6), 0.0, CAPACITY) == []
    assert closed.on_log_page(page(5, 6), 0.0, CAPACITY) == []
    assert closed.on_top("e1", 9, 0.0) == []
    assert closed.on_message("ping", CAPACITY) == []
    assert closed.heartbeat(0.0, CAPACITY) == []
    assert closed.send_ephemeral(frames.PONG, CAPACITY) == []
    assert closed.on_drained(0.0) == []
    assert closed.tick(1e9, CAPACITY) == []
