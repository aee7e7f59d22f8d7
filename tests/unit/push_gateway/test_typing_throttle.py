from hypothesis import given
from hypothesis import strategies as st

from push_gateway.core import TYPING_SECONDS, TypingThrottle


@given(st.lists(st.floats(0.0, TYPING_SECONDS - 1.0), min_size=1, max_size=60))
def test_somebody_who_keeps_typing_is_never_shown_as_having_stopped(pauses: list[float]) -> None:
    throttle, now, shown_until = TypingThrottle(), 0.0, TYPING_SECONDS
    assert throttle.allow("c", now)
    for pause in pauses:
        now += pause
        assert now <= shown_until
        if throttle.allow("c", now):
            shown_until = now + TYPING_SECONDS


@given(st.lists(st.tuples(st.floats(0.0, 0.5), st.sampled_from("abcdefgh")), max_size=80))
def test_a_flood_of_typing_frames_is_limited(frames: list[tuple[float, str]]) -> None:
    throttle, now, allowed = TypingThrottle(), 0.0, 0
    for pause, conversation_id in frames:
        now += pause
        allowed += throttle.allow(conversation_id, now)
        assert len(throttle._sent_at) <= 4
    assert allowed <= 4 * (now + 1)
