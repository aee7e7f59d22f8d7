import pytest

from push_gateway.core import Close, Effect, FetchLog, Limits, Noted, Occasion, Session, Told, VerifyToken
from push_gateway.core.frames import CloseCode, Typing
from tests.unit.push_gateway.wire import frame, page, sent, seqs

ROOM = 10_000
LIMITS = Limits(held_frames=4, drained_room_bytes=ROOM // 2)


def session(after: int | None = None, epoch: str | None = None, expires_at: float = 1e9) -> Session:
    return Session(after=after, epoch=epoch, expires_at=expires_at, heartbeat_seconds=20.0, limits=LIMITS)


def live(after: int = 5) -> Session:
    opened = session(after)
    opened.open()
    opened.page(page(after), 0.0, ROOM)
    return opened


def fetches(effects: list[Effect]) -> list[int | None]:
    return [effect.after for effect in effects if isinstance(effect, FetchLog)]


def test_without_a_position_a_socket_starts_at_the_top() -> None:
    opening = session()

    assert opening.open() == [FetchLog(None)]
    [hello] = sent(opening.page(page(9), 0.0, ROOM))

    assert hello["data"]["seq"] == 9
    assert hello["data"]["resumed"] is False
    assert opening.sent == 9


def test_with_a_position_a_socket_gets_everything_after_it() -> None:
    opening = session(5, "e1")

    assert opening.open() == [FetchLog(5)]
    effects = opening.page(page(5, 6, 7), 0.0, ROOM)

    assert [message["type"] for message in sent(effects)] == ["hello", "new_message", "new_message"]
    assert sent(effects)[0]["data"]["resumed"] is True
    assert seqs(effects) == [6, 7]
    assert Noted(Occasion.RESUMED) in effects


def test_events_that_come_before_the_log_are_sent_after_it() -> None:
    opening = session(5, "e1")
    opening.open()

    assert opening.event(frame(8), 0.0, ROOM) == []
    assert opening.event(frame(7), 0.0, ROOM) == []
    assert seqs(opening.page(page(5, 6, 7), 0.0, ROOM)) == [6, 7, 8]


@pytest.mark.parametrize(("after", "epoch"), [(None, None), (5, None), (5, "e0")])
def test_events_that_may_be_of_a_former_life_of_the_log_are_read_from_this_one(
    after: int | None, epoch: str | None
) -> None:
    opening = session(after, epoch)
    opening.open()
    opening.event(frame(8), 0.0, ROOM)

    effects = opening.page(page(7) if after is None else page(5, 6, 7), 0.0, ROOM)

    assert 8 not in seqs(effects)
    assert opening.sent == 7
    assert fetches(effects) + fetches(opening.tick(1.0, ROOM)) == [7]


def test_a_long_log_is_read_page_by_page() -> None:
    opening = session(0)
    opening.open()

    assert fetches(opening.page(page(0, 1, 2, top=5), 0.0, ROOM)) == [2]
    assert seqs(opening.page(page(2, 3, 4, 5), 0.0, ROOM)) == [3, 4, 5]


def test_a_position_before_the_floor_is_reset() -> None:
    opening = session(2)
    opening.open()

    effects = opening.page(page(2, 6, 7, floor=5), 0.0, ROOM)

    hello, reset = sent(effects)
    assert hello["data"]["resumed"] is False
    assert reset == {"type": "reset", "data": {"seq": 7, "epoch": "e1", "reason": "log_pruned"}}
    assert opening.sent == 7
    assert Noted(Occasion.RESET) in effects


def test_a_position_of_another_epoch_is_reset() -> None:
    opening = session(2, "e0")
    opening.open()

    assert sent(opening.page(page(2, 3), 0.0, ROOM))[1]["data"]["reason"] == "epoch_changed"


def test_a_position_above_the_top_is_reset() -> None:
    opening = session(20)
    opening.open()

    reset = sent(opening.page(page(20, top=7), 0.0, ROOM))[1]

    assert reset["data"] == {"seq": 7, "epoch": "e1", "reason": "position_unknown"}


def test_the_next_event_is_taken_the_short_way() -> None:
    at_five = live(5)

    assert at_five.take_next(6)
    assert at_five.sent == 6
    assert not at_five.take_next(6)
    assert not at_five.take_next(8)


def test_what_was_sent_is_dropped() -> None:
    assert live(5).event(frame(5), 0.0, ROOM) == []


def test_events_that_overtook_one_another_are_put_in_order_without_a_query() -> None:
    at_five = live(5)

    assert at_five.event(frame(7), 0.0, ROOM) == []
    assert at_five.wake_at == LIMITS.hole_wait_seconds
    assert seqs(at_five.event(frame(6), 0.01, ROOM)) == [6, 7]
    assert at_five.tick(0.05, ROOM) == []


def test_a_hole_is_read_from_the_log_once() -> None:
    at_five = live(5)
    at_five.event(frame(7), 0.0, ROOM)

    assert at_five.tick(0.01, ROOM) == []
    assert at_five.tick(0.03, ROOM) == [Noted(Occasion.GAP), FetchLog(5)]
    assert at_five.event(frame(8), 0.04, ROOM) == []
    assert at_five.tick(9.0, ROOM) == []
    assert seqs(at_five.page(page(5, 6, 7), 9.1, ROOM)) == [6, 7, 8]


def test_while_the_store_is_away_events_are_held_within_a_bound_and_none_is_skipped() -> None:
    at_five = live(5)
    for seq in range(7, 20):
        at_five.event(frame(seq), 0.0, ROOM)
    at_five.tick(0.03, ROOM)

    assert len(at_five._held) == LIMITS.held_frames
    effects = at_five.page(page(5, 6, top=19), 60.0, ROOM)

    assert seqs(effects) == [6, 7, 8, 9, 10]
    assert fetches(effects) == [10]


def test_a_page_that_begins_after_the_position_is_of_no_use() -> None:
    at_five = live(5)
    at_five.event(frame(9), 0.0, ROOM)

    assert at_five.page(page(7, 8, 9), 0.0, ROOM) == []


def test_a_log_that_does_not_have_an_event_is_asked_more_and_more_rarely_and_then_believed() -> None:
    at_five = live(5)
    at_five.event(frame(7), 0.0, ROOM)
    now, asked = 0.0, 0
    while asked < 50 and at_five.wake_at < 1e6:
        now = at_five.wake_at
        if fetches(at_five.tick(now, ROOM)):
            asked += 1
            at_five.page(page(5), now, ROOM)

    assert asked == LIMITS.fruitless_fetches + 1
    assert at_five.sent == 5


def test_the_loss_of_the_last_event_is_noticed_from_the_top() -> None:
    at_five = live(5)

    assert at_five.top("e1", 6, 100.0) == []
    assert at_five.tick(100.03, ROOM) == [Noted(Occasion.GAP), FetchLog(5)]


def test_an_event_that_comes_just_after_the_top_costs_no_query() -> None:
    at_five = live(5)
    at_five.top("e1", 6, 100.0)

    assert seqs(at_five.event(frame(6), 100.01, ROOM)) == [6]
    assert at_five.tick(100.03, ROOM) == []


def test_a_restored_database_resets_live_sockets() -> None:
    at_five = live(5)
    at_five.event(frame(9), 0.0, ROOM)

    [reset] = sent(at_five.top("e2", 3, 0.0))

    assert reset["data"] == {"seq": 3, "epoch": "e2", "reason": "epoch_changed"}
    assert at_five.take_next(4)


def test_a_heartbeat_says_what_was_sent_on_this_socket() -> None:
    at_five = live(5)
    at_five.event(frame(9), 0.0, ROOM)

    assert sent(at_five.heartbeat(0.0, ROOM)) == [{"type": "heartbeat", "data": {"seq": 5}}]
    assert session(5).heartbeat(0.0, ROOM) == []


def test_a_full_socket_is_not_fed_and_goes_on_from_the_log_when_it_has_drained() -> None:
    at_five = live(5)

    assert at_five.event(frame(6), 0.0, 0) == [Noted(Occasion.LAGGING)]
    assert at_five.event(frame(7), 0.0, ROOM) == []
    assert not at_five.take_next(6)
    assert len(at_five._held) == 0, "a socket that does not read holds no memory but its write buffer"
    assert at_five.drained(10.0) == [FetchLog(5)]
    assert seqs(at_five.page(page(5, 6, 7), 10.0, ROOM)) == [6, 7]


def test_a_page_is_sent_as_far_as_there_is_room() -> None:
    at_five = live(5)
    at_five.top("e1", 8, 0.0)

    effects = at_five.page(page(5, 6, 7, 8), 0.0, 1)

    assert seqs(effects) == [6]
    assert effects[-1] == Noted(Occasion.LAGGING)
    assert at_five.drained(1.0) == [FetchLog(6)]


def test_a_socket_that_does_not_drain_is_closed() -> None:
    at_five = live(5)
    at_five.heartbeat(0.0, 0)

    now = 0.0
    while not (effects := at_five.tick(now, 0)):
        now = max(at_five.wake_at, now + 0.001)

    assert effects == [Close(CloseCode.TOO_SLOW, "too slow: resume after the last frame")]
    assert now == LIMITS.lagging_seconds


def test_a_socket_that_drained_unnoticed_is_found_by_the_clock() -> None:
    at_five = live(5)
    at_five.event(frame(6), 0.0, 0)

    assert at_five.tick(at_five.wake_at, ROOM) == [FetchLog(5)]


def test_a_socket_has_drained_when_most_of_its_budget_is_free_again() -> None:
    at_five = live(5)
    assert not at_five.has_drained(ROOM)

    at_five.event(frame(6), 0.0, 0)

    assert not at_five.has_drained(ROOM // 2 - 1)
    assert at_five.has_drained(ROOM // 2)


def test_a_token_that_expires_closes_the_socket() -> None:
    opening = session(expires_at=60.0)

    assert opening.tick(59.9, ROOM) == []
    assert opening.tick(60.0, ROOM) == [Close(CloseCode.BAD_TOKEN, "token expired")]
    assert opening.tick(61.0, ROOM) == []


def test_a_new_token_keeps_the_socket_open() -> None:
    opening = session(expires_at=60.0)

    assert opening.received('{"type":"auth","token":"next"}', ROOM) == [VerifyToken("next")]
    opening.token_renewed(120.0)

    assert opening.tick(60.0, ROOM) == []
    assert opening.wake_at == 120.0


def test_a_ping_is_answered_and_known_frames_are_taken_quietly() -> None:
    assert sent(live().received("ping", ROOM)) == [{"type": "pong"}]
    assert live().received('{"type":"typing","conversation_id":"c"}', ROOM) == [Told(Typing(conversation_id="c"))]


def test_a_session_that_was_closed_before_it_began_asks_for_nothing() -> None:
    opening = session(3, "e1")
    opening.close(CloseCode.BAD_FRAME, "too many bytes")
    assert opening.open() == []


def test_an_unknown_frame_closes_the_socket() -> None:
    at_five = live()

    assert at_five.received("nonsense", ROOM) == [Close(CloseCode.BAD_FRAME, "not a known frame")]
    assert at_five.event(frame(6), 0.0, ROOM) == []
    assert not at_five.take_next(6)


def test_the_pages_of_a_tab_far_behind_are_not_held_against_the_log() -> None:
    ahead = live(500)
    ahead.top("e1", 501, 0.0)

    for start in range(LIMITS.fruitless_fetches * 3):
        assert fetches(ahead.tick(ahead.wake_at, ROOM)) == [500], "it goes on asking, without growing pauses"
        ahead.page(page(start, start + 1, top=501), float(start), ROOM)
        assert ahead.wake_at == start + LIMITS.hole_wait_seconds
    assert seqs(ahead.page(page(500, 501), 100.0, ROOM)) == [501]


def test_a_page_that_was_read_for_another_session_does_not_tell_that_a_position_is_unknown() -> None:
    opening = session(5, "e1")
    opening.open()

    assert opening.page(page(3), 0.0, ROOM) == [FetchLog(5)], "it may have been read before the client was at 5"
    assert sent(opening.page(page(5), 0.0, ROOM))[0]["data"]["resumed"] is True
