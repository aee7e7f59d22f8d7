from hypothesis import given
from hypothesis import strategies as st

from push_gateway.core import TYPING_SECONDS, TokenBucket, Typist

STEPS = st.lists(st.floats(0.0, 3.0), max_size=60)


@given(STEPS, st.floats(0.1, 20.0), st.integers(1, 10))
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(
    pauses: list[float], per_second: float, burst: int
) -> None:
    bucket, now, taken = TokenBucket(per_second=per_second, burst=burst, now=0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(1, now)
        assert taken <= burst + now * per_second + 1e-6


@given(STEPS)
def test_whoever_keeps_to_the_rate_is_never_refused(pauses: list[float]) -> None:
    bucket, now = TokenBucket(per_second=2.0, burst=1, now=0.0), 0.0
    for pause in pauses:
        now += 0.51 + pause
        assert bucket.take(1, now)


def test_a_clock_that_stands_still_refills_nothing() -> None:
    bucket = TokenBucket(per_second=1.0, burst=2, now=5.0)
    assert [bucket.take(1, 5.0) for _ in range(3)] == [True, True, False]
    assert not bucket.take(1, 4.0)
    assert bucket.take(1, 6.0)


@given(st.lists(st.floats(0.0, TYPING_SECONDS - 1.0), min_size=1, max_size=60))
def test_somebody_who_goes_on_writing_is_never_seen_to_stop(pauses: list[float]) -> None:
    typist, now, seen_until = Typist(), 0.0, TYPING_SECONDS
    assert typist.types("c", now)
    for pause in pauses:
        now += pause
        assert now <= seen_until
        if typist.types("c", now):
            seen_until = now + TYPING_SECONDS


@given(st.lists(st.tuples(st.floats(0.0, 0.5), st.sampled_from("abcdefgh")), max_size=80))
def test_a_flood_of_words_is_a_trickle_to_the_others(frames: list[tuple[float, str]]) -> None:
    typist, now, passed_on = Typist(), 0.0, 0
    for pause, conversation_id in frames:
        now += pause
        passed_on += typist.types(conversation_id, now)
        assert len(typist._passed_on) <= 4
    assert passed_on <= 4 * (now + 1)
